/* SPDX-License-Identifier: MIT
 *
 * A process that is stopped while it holds the heap's lock is neither dead nor robbed; but
 * nobody with a deadline, and nobody with other duties, waits for it. Processes only.
 */
#include "engine/pools.h"

#include "heap.h"

#include <sys/mman.h>

TestSuite(stopped, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* ---- a holder that is stopped -----------------------------------------------------*/

static int outlives; /* its parent */

static int stop_with_the_lock(void *unused)
{
    (void)unused;
    if (outlives)
        prctl(PR_SET_PDEATHSIG, 0);
    child_want(fw_heap_lock());
    raise(SIGSTOP);
    fw_heap_unlock(fw_segment_peek()->heap);
    return 0;
}

static pid_t stopped_holder(void)
{
    pid_t pid = child_start(stop_with_the_lock, NULL);
    int status;

    return waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) ? pid : -1;
}

static int go_on(pid_t holder)
{
    kill(holder, SIGCONT);
    return child_wait(holder);
}

static void blocks_come_back(size_t blocks)
{
    double until = left_clock() + 5;

    while (left_blocks() != blocks && left_clock() < until)
        left_sleep(0.01);
    cr_assert_eq(left_blocks(), blocks);
}

/* A worker that dies meanwhile is replaced, and what it had in the making is reclaimed
 * when the lock is free again. */
static int make_and_wait(furrow_chunk c)
{
    (void)c;
    if (!fw_heap_alloc(5000))
        return 1;
    raise(SIGKILL);
    return 0;
}

Test(stopped, holder_does_not_stop_the_nursery)
{
    furrow_pool *pool;
    furrow_call make = {.kernel = make_and_wait, .len = 1};
    size_t blocks;
    pid_t holder;

    pools_need_processes();
    pool = pools_open(2);
    pools_works(pool);
    blocks = left_blocks() + (size_t)pools_anew(); /* the kernel's name */
    cr_assert_eq(furrow_map(pool, &make), FURROW_EDIED);
    holder = stopped_holder();
    cr_assert(holder > 0);
    for (int i = 0; i < 3; i++) {
        long old = pools_worker_not(pool, i % 2, -1);

        kill((pid_t)old, SIGKILL);
        pools_worker_not(pool, i % 2, old);
    }
    cr_assert_eq(go_on(holder), 0);
    blocks_come_back(blocks);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- deadlines --------------------------------------------------------------------*/

/* Each of these needs the heap's lock in a way of its own. */
static void keeps_its_deadline(furrow_pool *pool, furrow_call call)
{
    double begin = left_clock();

    call.deadline = furrow_in(0.1);
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    cr_assert(strstr(error_text(), "holds the heap's lock"), "%s", error_text());
    cr_assert_eq(furrow_error_ranges(NULL), 0);
    cr_assert(left_clock() - begin < 5, "%g s", left_clock() - begin);
}

Test(stopped, holder_and_calls_with_a_deadline)
{
    static char context[5000];
    furrow_pool *pool;
    furrow_array *small = pools_array('i', 100000), *large = pools_array('i', 1 << 20);
    furrow_call known = pools_count_call(small), many = known, far = known;
    furrow_future *f;
    pid_t holder;

    pools_need_processes();
    pool = pools_open(2);
    many.chunk = 10; /* more marks than there are */
    far.ctx = context;
    far.ctx_size = sizeof context;
    cr_assert_eq(furrow_map(pool, &known), 0);
    f = furrow_map_async(pool, &known);
    cr_assert_eq(furrow_future_wait(f, furrow_in(10)), 0);
    holder = stopped_holder();
    cr_assert(holder > 0);
    cr_assert_eq(furrow_map(pool, &known), 0, "what needs no lock is not held up");
    keeps_its_deadline(pool, many);
    keeps_its_deadline(pool, far);
    cr_assert_eq(furrow_map(pool, &known), 0);
    cr_assert_eq(go_on(holder), 0);
    cr_assert_eq(pools_others(small, 4, 0, small->len), 0);
    cr_assert_eq(furrow_map(pool, &many), 0, "%s", error_text());
    cr_assert_eq(furrow_map(pool, &far), 0, "%s", error_text());
    cr_assert_eq(pools_others(small, 6, 0, small->len), 0);
    furrow_future_free(f);
    furrow_array_free(small);
    furrow_array_free(large);
    pools_close(pool);
    pools_leave_nothing();
}

/* The supervisor, which drives futures, has no marks for this one. */
Test(stopped, holder_and_futures)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 100000);
    furrow_call many = pools_count_call(a), late = many;
    furrow_future *f[3];
    double begin;
    pid_t holder;
    long old;

    pools_need_processes();
    pool = pools_open(2);
    many.chunk = late.chunk = 10;
    late.deadline = furrow_in(0.4);
    f[0] = furrow_map_async(pool, &late);
    f[1] = furrow_map_async(pool, &many);
    f[2] = furrow_map_async(pool, &many);
    holder = stopped_holder();
    cr_assert(f[0] && f[1] && f[2] && holder > 0);
    begin = left_clock();
    (void)furrow_future_wait(f[2], furrow_in(0.05));
    old = pools_worker_not(pool, 0, -1);
    kill((pid_t)old, SIGKILL);
    pools_worker_not(pool, 0, old);
    cr_assert(left_clock() - begin < 5, "%g s", left_clock() - begin);
    cr_assert_eq(go_on(holder), 0);
    for (int i = 0; i < 3; i++) {
        int rc = furrow_future_wait(f[i], furrow_in(10));

        cr_assert(rc == 0 || rc == FURROW_EDIED || (i == 0 && rc == FURROW_ETIME),
                  "%d: %s", i, error_text());
        furrow_future_free(f[i]);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* What is over is freed when the lock can be had again, whoever let go of it last. */
static int take_a_while(furrow_chunk c)
{
    (void)c;
    left_sleep(0.03);
    return 0;
}

Test(stopped, holder_and_what_is_over)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = take_a_while, .len = 2, .chunk = 1};
    furrow_future *f[4];
    furrow_deadline patience;
    size_t blocks;
    pid_t holder;

    pools_need_processes();
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    blocks = left_blocks();
    for (int i = 0; i < 4; i++)
        cr_assert(f[i] = furrow_map_async(pool, &call));
    holder = stopped_holder();
    cr_assert(holder > 0);
    furrow_future_free(f[0]); /* the supervisor has the last reference */
    furrow_future_free(f[1]);
    cr_assert_eq(furrow_future_wait(f[3], furrow_in(10)), 0, "%s", error_text());
    left_sleep(0.1);
    patience = fw_heap_patience(fw_os_now());
    furrow_future_free(f[2]); /* we have */
    furrow_future_free(f[3]);
    (void)fw_heap_patience(patience);
    cr_assert_eq(go_on(holder), 0);
    blocks_come_back(blocks);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* A worker in the middle of an allocation, stopped for good: the deadline ends it, and
 * the next one gets the lock. */
static int stop_itself(furrow_chunk c)
{
    if (c.index == 0)
        (void)stop_with_the_lock(NULL);
    return 0;
}

Test(stopped, worker_is_ended_by_the_deadline)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = stop_itself, .len = 4, .chunk = 1};

    pools_need_processes();
    for (int async = 0; async < 2; async++) {
        furrow_future *f = NULL;
        int rc;

        pool = pools_open(2);
        pools_works(pool);
        call.deadline = furrow_in(0.1);
        if (async)
            f = furrow_map_async(pool, &call);
        rc = async ? furrow_future_wait(f, furrow_in(10)) : furrow_map(pool, &call);
        cr_assert_eq(rc, FURROW_ETIME, "%s", error_text());
        cr_assert_eq(furrow_error_ranges(NULL), 1);
        furrow_future_free(f);
        pools_works(pool);
        pools_close(pool);
    }
    pools_leave_nothing();
}

/* ---- the end of the program -------------------------------------------------------*/

static int die_beside_it(void *out)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    pid_t holder;

    outlives = 1;
    holder = stopped_holder();
    child_want(pool && holder > 0);
    *(_Atomic pid_t *)out = holder;
    for (;;)
        pause();
}

Test(stopped, holder_does_not_keep_a_dead_family)
{
    _Atomic pid_t *holder =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    left_process p;
    double until;
    pid_t program;
    int n;

    pools_need_processes();
    program = child_start(die_beside_it, (void *)holder);
    until = left_clock() + 10;
    while (!*holder && left_clock() < until)
        left_sleep(0.001);
    cr_assert_eq(left_stat(*holder, &p), 0);
    cr_assert_eq(p.state, 'T');
    kill(program, SIGKILL);
    cr_assert_eq(child_wait(program), CHILD_SIGNAL + SIGKILL);
    until = left_clock() + 5;
    do {
        left_sleep(0.01);
        n = left_new_processes(&pools_before, 0);
    } while (n > 1 && left_clock() < until);
    cr_assert_eq(n, 1, "%d are left, and not the holder alone", n);
    kill(*holder, SIGKILL);
    pools_leave_no_program();
}
