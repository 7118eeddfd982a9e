/* SPDX-License-Identifier: MIT
 *
 * Calls that have a deadline: what is left out, what is ended, what is told; and
 * kernels that never return.
 */
#include "engine/pools.h"

#include <pthread.h>

TestSuite(deadline, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static furrow_pool *open_with_grace(int workers, double grace)
{
    furrow_pool *pool =
        furrow_pool_open(&(furrow_pool_options){.workers = workers, .grace = grace});

    cr_assert_not_null(pool, "%s", error_text());
    return pool;
}

/* ctx: seconds per chunk. */
static furrow_call slow_call(furrow_array *a, const double *seconds, double deadline)
{
    return (furrow_call){.kernel = pools_count_slowly,
                         .types = ">i",
                         .out = {a},
                         .chunk = 10,
                         .ctx = seconds,
                         .ctx_size = sizeof *seconds,
                         .deadline = furrow_in(deadline)};
}

static int forever(furrow_chunk c)
{
    (void)c;
    for (volatile int go = 1; go;)
        left_sleep(0.01);
    return 0;
}

/* Chunk 3 never returns. */
static int forever_at_3(furrow_chunk c)
{
    return c.index == 3 ? forever(c) : pools_count(c);
}

/* Each chunk of ten was done once as a whole, or not at all: how many were. */
static size_t whole_chunks(const furrow_array *a)
{
    size_t done = 0;

    for (size_t i = 0; i < a->len; i += 10) {
        int first = ((int *)a->data)[i];

        cr_assert(first == 0 || first == 1);
        cr_assert_eq(pools_others(a, first, i, i + 10), 0);
        done += first == 1;
    }
    return done;
}

Test(deadline, that_is_not_reached_changes_nothing)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100);
    const double second = 0.001;
    furrow_call call = slow_call(a, &second, 10);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    call.flags = FURROW_CALLER_RUNS;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 2, 0, 100), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static void leaves_the_rest_out(double deadline, unsigned flags)
{
    furrow_pool *pool = open_with_grace(2, 1);
    furrow_array *a = pools_array('i', 1000);
    const double second = 0.01;
    furrow_call call = slow_call(a, &second, deadline);
    double begin = left_clock(), took;
    size_t done;

    call.flags = flags;
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    took = left_clock() - begin;
    cr_assert(strstr(error_text(), "what was started is complete"), "%s", error_text());
    cr_assert_eq(furrow_error_ranges(NULL), 0);
    cr_assert(took > deadline - 0.001 && took < deadline + 0.5, "%g s", took);
    done = whole_chunks(a);
    cr_assert(done < 60, "%zu chunks", done);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
}

Test(deadline, leaves_out_what_is_not_started)
{
    leaves_the_rest_out(0.1, 0);
    leaves_the_rest_out(0.1, FURROW_CALLER_RUNS);
    pools_leave_nothing();
}

Test(deadline, long_past)
{
    furrow_pool *pool = open_with_grace(2, 1);
    furrow_array *a = pools_array('i', 10000);
    const double second = 0.01;
    furrow_call call = slow_call(a, &second, 0);

    call.deadline = 1;
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    cr_assert(whole_chunks(a) < 20);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(deadline, of_a_future)
{
    furrow_pool *pool = open_with_grace(2, 1);
    furrow_array *a = pools_array('i', 1000);
    const double second = 0.01;
    furrow_call call = slow_call(a, &second, 0.05);
    furrow_future *f = furrow_map_async(pool, &call);

    cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), FURROW_ETIME);
    cr_assert(strstr(error_text(), "the deadline passed"), "%s", error_text());
    cr_assert_eq(furrow_future_ready(f), 1);
    cr_assert(whole_chunks(a) < 30);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static void *call_slowly(void *arg)
{
    return furrow_map(*(furrow_pool **)arg, (const furrow_call *)((void **)arg)[1])
               ? arg
               : NULL;
}

/* Calls of several threads run one after another: the wait for the turn counts. */
Test(deadline, passes_while_others_run)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 20), *b = pools_array('i', 20);
    const double second = 0.5;
    furrow_call slow = slow_call(a, &second, 60), call = slow_call(b, &second, 0.15);
    void *both[2] = {pool, &slow}, *failed;
    double begin = left_clock();
    pthread_t thread;

    pthread_create(&thread, NULL, call_slowly, both);
    left_sleep(0.05);
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    cr_assert(left_clock() - begin < 0.45, "%g s", left_clock() - begin);
    cr_assert(strstr(error_text(), "while other calls ran"), "%s", error_text());
    cr_assert_eq(furrow_error_ranges(NULL), 0);
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert_eq(pools_others(a, 1, 0, 20), 0);
    cr_assert_eq(pools_others(b, 0, 0, 20), 0, "nothing of it was started");
    pools_works(pool);
    furrow_array_free(a);
    furrow_array_free(b);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- kernels that never return ----------------------------------------------------*/

static void check_torn(size_t begin, size_t end)
{
    const furrow_torn *torn;

    cr_assert_eq(furrow_error_ranges(&torn), 1, "%s", error_text());
    cr_assert_eq(torn[0].begin, begin);
    cr_assert_eq(torn[0].end, end);
    cr_assert_eq(torn[0].signal, SIGKILL);
    cr_assert(torn[0].pid > 0);
}

Test(deadline, ends_a_kernel_that_never_returns)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 100);
    furrow_call call = {.kernel = forever_at_3, .out = {a}, .chunk = 10};
    double begin, took;

    pools_need_processes();
    pool = open_with_grace(2, 0.05);
    begin = left_clock();
    call.deadline = furrow_in(0.3);
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    took = left_clock() - begin;
    cr_assert(took > 0.349 && took < 1, "%g s", took);
    cr_assert(strstr(error_text(), "deadline passed"), "%s", error_text());
    check_torn(30, 40);
    cr_assert_eq(pools_others(a, 1, 0, 30), 0);
    cr_assert_eq(pools_others(a, 0, 30, 40), 0);
    cr_assert_eq(pools_others(a, 1, 40, 100), 0);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* The ranges are those of the last call that was late, also if it was before its turn. */
Test(deadline, before_the_turn_tears_nothing)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 20), *b = pools_array('i', 100);
    const double second = 0.5;
    furrow_call slow = slow_call(a, &second, 60), call = slow_call(a, &second, 0);
    furrow_call stuck = {.kernel = forever_at_3, .out = {b}, .chunk = 10};
    void *both[2], *failed;
    pthread_t thread;

    pools_need_processes();
    both[0] = pool = open_with_grace(2, 0.05);
    both[1] = &slow;
    stuck.deadline = furrow_in(0.1);
    cr_assert_eq(furrow_map(pool, &stuck), FURROW_ETIME);
    check_torn(30, 40);
    pthread_create(&thread, NULL, call_slowly, both);
    left_sleep(0.05);
    call.deadline = furrow_in(0.1);
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    cr_assert_eq(furrow_error_ranges(NULL), 0);
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert_eq(pools_others(a, 1, 0, 20), 0, "once, not twice");
    furrow_array_free(a);
    furrow_array_free(b);
    pools_close(pool);
    pools_leave_nothing();
}

static int ends_its_worker_at_1(furrow_chunk c)
{
    return c.index == 1 ? raise(SIGKILL) : 0;
}

/* It has passed, but nothing was left to be started: the call has worked, and what an earlier
 * one has torn can be asked for still. */
Test(deadline, that_passes_over_the_last_chunks_leaves_the_ranges)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 20);
    const double second = 0.4;
    furrow_call call = {.kernel = ends_its_worker_at_1, .out = {a}, .chunk = 10};
    const furrow_torn *torn, *later;

    pools_need_processes();
    pool = open_with_grace(2, 20);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    cr_assert_eq(furrow_error_ranges(&torn), 1);
    call = slow_call(a, &second, 0.25);
    call.chunk = 20;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(furrow_error_ranges(&later), 1);
    cr_assert_eq(later, torn);
    cr_assert_eq(torn->begin, 10);
    cr_assert_eq(pools_others(a, 1, 0, 20), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(deadline, ends_all_that_never_return)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = forever, .len = 50, .chunk = 1};
    const furrow_torn *torn;
    size_t n;

    pools_need_processes();
    pool = open_with_grace(3, 0.02);
    call.deadline = furrow_in(0.05);
    cr_assert_eq(furrow_map(pool, &call), FURROW_ETIME);
    n = furrow_error_ranges(&torn);
    cr_assert(n >= 1 && n <= 3, "one per worker at most: %zu", n);
    for (size_t i = 1; i < n; i++)
        cr_assert(torn[i - 1].end <= torn[i].begin);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

Test(deadline, ends_a_future_that_never_returns)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 100);
    furrow_call call = {.kernel = forever_at_3, .out = {a}, .chunk = 10};
    furrow_future *f;

    pools_need_processes();
    pool = open_with_grace(2, 0.02);
    call.deadline = furrow_in(0.3);
    f = furrow_map_async(pool, &call);
    cr_assert_eq(furrow_future_wait(f, furrow_in(5)), FURROW_ETIME);
    cr_assert(strstr(error_text(), "the deadline passed"), "%s", error_text());
    check_torn(30, 40);
    furrow_future_free(f);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* CPython: _TestPool.test_terminate (fork spawn forkserver) */
Test(deadline, terminate_ends_what_never_returns)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = forever, .len = 10, .chunk = 1};
    furrow_future *f;
    double begin;

    pools_need_processes();
    pool = pools_open(2);
    f = furrow_map_async(pool, &call);
    left_sleep(0.03);
    begin = left_clock();
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    cr_assert(left_clock() - begin < 2);
    cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), FURROW_ECLOSED);
    furrow_future_free(f);
    pools_leave_nothing();
}

/* ---- threads ----------------------------------------------------------------------*/

static int thread_waits(void *arg)
{
    const double second = 1; /* far apart, for busy machines */
    furrow_pool *pool =
        furrow_pool_open(&(furrow_pool_options){.workers = 1, .grace = 0.02});
    furrow_call call = slow_call(arg, &second, 0.4);
    char path[64], text[512] = "";
    double begin = left_clock();
    int out = dup(2);
    FILE *f;

    snprintf(path, sizeof path, "/tmp/furrow-%d-stderr", (int)getpid());
    child_want(pool && freopen(path, "w", stderr));
    child_want(furrow_map(pool, &call) == FURROW_ETIME);
    child_want(left_clock() - begin >= 1);
    fflush(stderr);
    dup2(out, 2);
    f = fopen(path, "r");
    child_want(f && fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    unlink(path);
    child_want(strstr(text, "it waits until the kernel returns"));
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(deadline, thread_call_says_that_it_keeps_waiting)
{
    furrow_array *a = pools_array('i', 30);

    if (!pools_threads())
        cr_skip_test("workers are processes");
    cr_assert_eq(child_run(thread_waits, a), 0);
    cr_assert_eq(pools_others(a, 1, 0, 10), 0, "what was started is complete");
    cr_assert_eq(pools_others(a, 0, 10, 30), 0);
    furrow_array_free(a);
    pools_leave_nothing();
}
