/* SPDX-License-Identifier: MIT
 *
 * A pool whose supervisor is killed: nothing waits for ever, and nothing old is told as
 * new.
 */
#include "child.h"
#include "furrow.h"
#include "pool.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(supervisor, .timeout = 60);

static int die_or_nap(furrow_chunk c)
{
    struct timespec nap = {10, 0};

    if (*(const int *)c.ctx)
        raise(SIGKILL);
    nanosleep(&nap, NULL);
    return 0;
}

/* The parent of a worker. */
static pid_t supervisor_of(const furrow_pool *pool)
{
    char path[64];
    long parent = -1;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/stat", furrow_pool_worker_pid(pool, 0));
    f = fopen(path, "r");
    if (!f || fscanf(f, "%*d (%*[^)]) %*c %ld", &parent) != 1)
        parent = -1;
    if (f)
        fclose(f);
    return (pid_t)parent;
}

static int lose_it(void *arg)
{
    int dies = 1;
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_array *a = furrow_array_new('i', 2, NULL);
    furrow_call call = {.kernel = die_or_nap,
                        .out = {a},
                        .chunk = 1,
                        .ctx = &dies,
                        .ctx_size = sizeof dies};
    const furrow_torn *torn;
    furrow_future *future;

    (void)arg;
    child_want(pool && a);
    if (furrow_pool_worker_pid(pool, 0) < 0)
        return 0; /* threads have no supervisor that can be killed alone */
    child_want(furrow_map(pool, &call) == FURROW_EDIED);
    child_want(furrow_error_ranges(&torn) == 2);
    while (furrow_pool_worker_pid(pool, 0) < 0)
        ;
    dies = 0;
    future = furrow_map_async(pool, &call);
    child_want(future && furrow_future_ready(future) == 0);
    child_want(kill(supervisor_of(pool), SIGKILL) == 0);
    while (!furrow_future_ready(future))
        ;
    child_want(furrow_future_wait(future, FURROW_FOREVER) == FURROW_ECLOSED);
    child_want(furrow_map(pool, &call) == FURROW_EDIED);
    child_want(furrow_error_ranges(&torn) == 0);
    furrow_future_free(future);
    child_want(furrow_pool_close(pool) == 0);
    furrow_array_free(a);
    return 0;
}

Test(supervisor, killed)
{
    cr_assert_eq(child_run(lose_it, NULL), 0);
}

/* Killed too, a worker's pid may be a stranger's before anybody looks. The stranger is put
 * into its place by hand, for pids take their time to come round. */
static int be_a_stranger(void *unused)
{
    (void)unused;
    while (pause() != 0)
        ;
    return 0;
}

static int gone(pid_t pid)
{
    return fw_os_process_gone(pid, 0);
}

static int meet_a_stranger(void *unused)
{
    pid_t stranger = child_start(be_a_stranger, NULL);
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_call call = {.kernel = die_or_nap, .len = 2};
    pid_t worker, supervisor;

    (void)unused;
    child_want(pool);
    worker = (pid_t)furrow_pool_worker_pid(pool, 0);
    if (worker < 0)
        return 0; /* threads */
    supervisor = supervisor_of(pool);
    child_want(kill(supervisor, SIGKILL) == 0);
    while (!gone(supervisor) || !gone(worker))
        ;
    fw_store_seqcst(&pool->team->control->member[0].pid, stranger);
    child_want(furrow_map(pool, &call) == FURROW_EDIED);
    child_want(furrow_pool_close(pool) == 0);
    kill(stranger, SIGKILL);
    return child_wait(stranger) != CHILD_SIGNAL + SIGKILL;
}

Test(supervisor, killed_and_a_pid_used_again)
{
    cr_assert_eq(child_run(meet_a_stranger, NULL), 0);
}
