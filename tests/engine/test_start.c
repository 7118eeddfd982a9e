/* SPDX-License-Identifier: MIT
 *
 * Workers that end before they are up: a fork handler of the program kills them. They are
 * started again some times, then the pool says so. Processes only, and copies of the
 * program: one that is run anew has no such handler.
 */
#include "engine/pools.h"

#include <pthread.h>
#include <sys/mman.h>

TestSuite(start, .init = pools_set_up);

static struct {
    _Atomic int forks; /* seen by the handler, in the children */
    _Atomic int spare; /* how many more live */
} * shared;

static void end_in_child(void)
{
    shared->forks++;
    if (shared->spare-- <= 0)
        raise(SIGKILL);
}

static int begin(int spare)
{
    shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child_want(shared != MAP_FAILED);
    shared->spare = spare;
    child_want(furrow_cpu_count() > 0); /* it forks, too, the first time */
    child_want(pthread_atfork(NULL, NULL, end_in_child) == 0);
    return 0;
}

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* The middle process and the nursery live, and one worker. */
static int never_opens(void *unused)
{
    (void)unused;
    child_want(begin(3) == 0);
    child_want(!furrow_pool_open(&(furrow_pool_options){.workers = 2}));
    child_want(furrow_last_error()->code == FURROW_EOS);
    fprintf(stderr, "%s\n", error_text());
    child_want(strstr(error_text(), "only 1 of 2 workers could be started: 10 in a row "
                                    "were killed by signal 9"));
    child_want(shared->forks < 20);
    return 0;
}

/* CPython: TestPoolNotLeakOnFailure.test_release_unused_processes (fork) */
Test(start, of_a_pool_that_cannot_be)
{
    pools_need_processes();
    pools_need_copies();
    cr_assert_eq(child_run(never_opens, NULL), 0);
    pools_leave_no_program();
}

static int describes(furrow_pool *pool, const char *what)
{
    char text[4096] = "";
    FILE *f = fmemopen(text, sizeof text, "w");

    child_want(f && furrow_pool_describe(pool, f) == 0);
    fclose(f);
    if (!strstr(text, what))
        fprintf(stderr, "%s", text);
    child_want(strstr(text, what));
    return 0;
}

static int call(furrow_pool *pool)
{
    furrow_array *a = furrow_array_new('i', 1000, NULL);
    furrow_call c = pools_count_call(a);
    int rc = furrow_map(pool, &c);

    furrow_array_free(a);
    return rc;
}

/* Queued, behind the taking of its array's memory. */
static int call_large(furrow_pool *pool)
{
    furrow_array *a = furrow_array_new('i', 1 << 20, NULL);
    furrow_call c = pools_count_call(a);
    furrow_future *f = furrow_map_async(pool, &c);
    int rc = furrow_future_wait(f, furrow_in(5));

    furrow_future_free(f);
    furrow_array_free(a);
    return rc;
}

/* First one of two cannot be replaced, then the other. */
static int loses_all(void *unused)
{
    furrow_pool *pool;
    furrow_future *f;
    furrow_call c = {.kernel = pools_count, .len = 1};

    (void)unused;
    child_want(begin(1000) == 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(pool && call(pool) == 0);
    shared->spare = 0;
    shared->forks = 0;
    kill((pid_t)furrow_pool_worker_pid(pool, 0), SIGKILL);
    while (shared->forks < 10)
        left_sleep(0.01);
    left_sleep(1.2); /* longer than between any two of them */
    child_want(shared->forks == 10);
    child_want(describes(pool, "worker 0: 10 in a row were killed by signal 9 (Killed) "
                               "before they were up; none is started any more") == 0);
    child_want(call(pool) == 0);
    kill((pid_t)furrow_pool_worker_pid(pool, 1), SIGKILL);
    child_want(call(pool) == FURROW_EOS);
    child_want(strstr(error_text(), "none can be started: 10 in a row were killed by "
                                    "signal 9 (Killed) before they were up"));
    child_want(shared->forks == 20);
    f = furrow_map_async(pool, &c);
    child_want(furrow_future_wait(f, furrow_in(5)) == FURROW_EOS);
    furrow_future_free(f);
    child_want(call_large(pool) == FURROW_EOS);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(start, of_replacements_that_cannot_be)
{
    pools_need_processes();
    pools_need_copies();
    cr_assert_eq(child_run(loses_all, NULL), 0);
    pools_leave_no_program();
}

/* Some fail, the next comes up: nothing is held against the slot. */
static int recovers(void *unused)
{
    furrow_pool *pool;

    (void)unused;
    child_want(begin(1000) == 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    child_want(pool);
    for (int i = 0; i < 2; i++) {
        long pid = furrow_pool_worker_pid(pool, 0);

        shared->spare = 0;
        shared->forks = 0;
        kill((pid_t)pid, SIGKILL);
        while (shared->forks < 5)
            left_sleep(0.0005);
        shared->spare = 1000;
        child_want(call(pool) == 0);
    }
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(start, that_succeeds_after_all)
{
    pools_need_processes();
    pools_need_copies();
    cr_assert_eq(child_run(recovers, NULL), 0);
    pools_leave_no_program();
}
