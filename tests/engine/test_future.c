/* SPDX-License-Identifier: MIT
 *
 * Futures: results, progress, cancelling, the ring's end, and futures that outlive
 * their pool.
 */
#include "engine/pools.h"

#include <pthread.h>

TestSuite(future, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static furrow_future *start(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);

    cr_assert_not_null(f, "%s", error_text());
    return f;
}

static void waits(furrow_future *f)
{
    cr_assert_eq(furrow_future_wait(f, furrow_in(20)), 0, "%s", error_text());
}

/* ---- results ----------------------------------------------------------------------*/

/* CPython: _TestPool.test_map_async, _TestPool.test_async */
Test(future, result_is_there_again_and_again)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100003);
    furrow_call call = pools_count_call(a);
    furrow_future *f = start(pool, &call);

    for (int i = 0; i < 3; i++)
        waits(f);
    cr_assert_eq(furrow_future_ready(f), 1);
    cr_assert_eq(furrow_future_wait(f, 0), 0);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* CPython: _TestPool.test_empty_iterable, _TestPool.test_map_chunksize */
Test(future, of_nothing_is_ready_at_once)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 0);
    furrow_call call = pools_count_call(a);
    furrow_future *f = start(pool, &call);
    size_t done = 9, total = 9;

    furrow_future_free(f);
    call.chunk = 1;
    f = start(pool, &call);

    cr_assert_eq(furrow_future_ready(f), 1);
    cr_assert_eq(furrow_future_wait(f, 0), 0);
    cr_assert_eq(furrow_future_progress(f, &done, &total), 0);
    cr_assert_eq(done, 0);
    cr_assert_eq(total, 0);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static int fail_at_3(furrow_chunk c)
{
    return c.index >= 3 ? 40 + (int)c.index : 0;
}

Test(future, error_is_told_at_each_wait)
{
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = fail_at_3, .len = 10, .chunk = 1};
    furrow_future *f = start(pool, &call);

    for (int i = 0; i < 3; i++) {
        furrow_error_clear();
        cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), FURROW_EKERNEL);
        cr_assert_str_eq(error_text(), "the kernel returned 43 for elements [3, 4)");
        cr_assert_str_eq(furrow_last_error()->function, "furrow_future_wait");
    }
    furrow_future_free(f);
    pools_close(pool);
    pools_leave_nothing();
}

Test(future, null_is_told)
{
    furrow_error_clear();
    cr_assert_eq(furrow_future_wait(NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_future_ready(NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_future_progress(NULL, NULL, NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_future_cancel(NULL), FURROW_EINVAL);
    furrow_future_free(NULL);
    cr_assert(strstr(error_text(), "future is NULL"), "%s", error_text());
    pools_leave_nothing();
}

/* CPython: _TestPool.test_async_timeout */
Test(future, wait_has_a_deadline)
{
    furrow_pool *pool = pools_open(1);
    furrow_array *a = pools_array('i', 1);
    const double second = 0.6;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *f = start(pool, &call);
    double begin = left_clock();

    cr_assert_eq(furrow_future_wait(f, 0), FURROW_ETIME);
    cr_assert_eq(furrow_future_wait(f, furrow_in(0.03)), FURROW_ETIME);
    cr_assert_eq(furrow_future_ready(f), 0);
    cr_assert(left_clock() - begin > 0.029);
    cr_assert(left_clock() - begin < 0.5);
    waits(f);
    cr_assert_eq(*(int *)a->data, 1, "the call ran on");
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static void *wait_too(void *f)
{
    return (void *)(intptr_t)furrow_future_wait(f, furrow_in(20));
}

Test(future, waited_for_by_two_threads)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 4);
    const double second = 0.02;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *f = start(pool, &call);
    pthread_t thread;
    void *result = f;

    pthread_create(&thread, NULL, wait_too, f);
    waits(f);
    pthread_join(thread, &result);
    cr_assert_null(result);
    cr_assert_eq(pools_others(a, 1, 0, 4), 0);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- progress ---------------------------------------------------------------------*/

Test(future, progress_grows_to_the_total)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 40);
    const double second = 0.004;
    furrow_call call = pools_slow_call(a, &second, 1),
                first = pools_slow_call(a, &second, 4);
    furrow_future *before = start(pool, &first), *f = start(pool, &call);
    size_t done, total, last = 0, steps = 0;

    do {
        cr_assert_eq(furrow_future_progress(f, &done, &total), 0);
        cr_assert_eq(total, 40);
        cr_assert(done >= last && done <= total, "%zu after %zu", done, last);
        steps += done > last;
        last = done;
        left_sleep(0.001);
    } while (!furrow_future_ready(f));
    cr_assert(steps >= 5, "%zu steps seen", steps);
    cr_assert_eq(furrow_future_progress(f, &done, NULL), 0);
    cr_assert_eq(done, 40);
    waits(before);
    waits(f);
    furrow_future_free(before);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- many -------------------------------------------------------------------------*/

/* The element is 7 while it runs. */
static int seven_for_a_while(furrow_chunk c)
{
    *(volatile int *)c.out[0] = 7;
    left_sleep(*(const double *)c.ctx);
    return 0;
}

Test(future, three_hundred_one_after_another)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 1000), *one = pools_array('i', 1);
    const double second = 0.5;
    furrow_call slow = pools_slow_call(one, &second, 1), call = pools_count_call(a);
    furrow_future *f[300], *first;
    int n = 0;

    slow.kernel = seven_for_a_while;
    first = start(pool, &slow);
    while (*(volatile int *)one->data != 7) /* it runs, and waits no more */
        left_sleep(0.001);
    while (n < 300 && (f[n] = furrow_map_async(pool, &call)))
        n++;
    cr_assert_eq(n, 256);
    cr_assert_eq(furrow_last_error()->code, FURROW_EBUSY);
    cr_assert_str_eq(error_text(), "256 calls wait already");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_map_async");
    waits(first);
    waits(f[0]);
    for (; n < 300; n++) {
        while (!(f[n] = furrow_map_async(pool, &call)))
            left_sleep(0.0005);
    }
    for (int i = 0; i < 300; i++) {
        waits(f[i]);
        furrow_future_free(f[i]);
    }
    cr_assert_eq(pools_others(a, 300, 0, a->len), 0);
    furrow_future_free(first);
    furrow_array_free(a);
    furrow_array_free(one);
    pools_close(pool);
    pools_leave_nothing();
}

/* Calls and futures of two threads on one pool. */
static void *queue_many(void *arg)
{
    furrow_pool *pool = *(furrow_pool **)arg;
    furrow_array *a = furrow_array_new('i', 2000, NULL);
    furrow_call call = pools_count_call(a);
    size_t wrong = 0;

    for (int i = 1; i <= 100; i++) {
        furrow_future *f = furrow_map_async(pool, &call);

        wrong += !f || furrow_future_wait(f, furrow_in(20)) != 0;
        wrong += pools_others(a, i, 0, a->len);
        furrow_future_free(f);
    }
    furrow_array_free(a);
    return wrong ? arg : NULL;
}

Test(future, beside_calls)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 2000);
    furrow_call call = pools_count_call(a);
    pthread_t threads[2];
    void *wrong;

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, queue_many, &pool);
    for (int i = 1; i <= 300; i++) {
        cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
        cr_assert_eq(pools_others(a, i, 0, a->len), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static int begun_and_long(furrow_chunk c)
{
    *(_Atomic int *)c.out[0] = 1;
    left_sleep(0.5);
    return 0;
}

typedef struct long_call {
    furrow_pool *pool;
    furrow_array *begun;
} long_call;

static void *call_long(void *arg)
{
    const long_call *l = arg;
    furrow_call call = {.kernel = begun_and_long, .out = {l->begun}};

    return furrow_map(l->pool, &call) == 0 ? NULL : arg;
}

/* Nobody else comes: the end of the call is what the queued one is driven after. */
Test(future, behind_a_long_call)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100);
    furrow_call call = pools_count_call(a);
    long_call before = {.pool = pool, .begun = pools_array('i', 1)};
    furrow_future *f;
    pthread_t thread;
    void *wrong;

    pthread_create(&thread, NULL, call_long, &before);
    while (!*(_Atomic int *)before.begun->data)
        left_sleep(0.001);
    f = start(pool, &call);
    cr_assert_eq(furrow_future_wait(f, furrow_in(6)), 0, "%s", error_text());
    pthread_join(thread, &wrong);
    cr_assert_null(wrong);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    furrow_future_free(f);
    furrow_array_free(before.begun);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* A large array is prepared in the queue before its first call. */
Test(future, of_large_arrays)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 3 << 20);
    furrow_call call = pools_count_call(a);
    furrow_future *f[5];

    for (int i = 0; i < 5; i++)
        f[i] = start(pool, &call);
    for (int i = 0; i < 5; i++) {
        waits(f[i]);
        furrow_future_free(f[i]);
    }
    cr_assert_eq(pools_others(a, 5, 0, a->len), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- cancelling -------------------------------------------------------------------*/

static void is_canceled(furrow_future *f)
{
    cr_assert_eq(furrow_future_wait(f, furrow_in(20)), FURROW_ECANCELED);
    cr_assert_str_eq(error_text(), "the call was cancelled");
    cr_assert_eq(furrow_future_ready(f), 1);
}

static void cancel_in_the_queue(furrow_pool *pool)
{
    furrow_array *one = pools_array('i', 1), *a = pools_array('i', 1000);
    const double moment = 0.1;
    furrow_call slow = pools_slow_call(one, &moment, 1), call = pools_count_call(a);
    furrow_future *first = start(pool, &slow), *f = start(pool, &call);
    furrow_future *last = start(pool, &call);
    size_t done = 42;

    cr_assert_eq(furrow_future_cancel(f), 0);
    is_canceled(f);
    cr_assert_eq(furrow_future_progress(f, &done, NULL), 0);
    cr_assert_eq(done, 0, "%zu chunks of it were done", done);
    waits(last);
    waits(first);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0, "only the last one ran");
    cr_assert_eq(*(int *)one->data, 1);
    furrow_future_free(first);
    furrow_future_free(f);
    furrow_future_free(last);
    furrow_array_free(one);
    furrow_array_free(a);
}

/* Often: whether a worker is fast enough to do too much is chance. */
Test(future, canceled_before_it_starts_does_nothing)
{
    furrow_pool *pool = pools_open(2);

    for (int i = 0; i < 10; i++)
        cancel_in_the_queue(pool);
    pools_close(pool);
    pools_leave_nothing();
}

Test(future, canceled_in_the_middle_completes_what_it_started)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 400);
    const double second = 0.01;
    furrow_call call = pools_slow_call(a, &second, 4);
    furrow_future *f = start(pool, &call);
    size_t done = 0, ones = 0;

    while (done < 6) {
        left_sleep(0.001);
        furrow_future_progress(f, &done, NULL);
    }
    cr_assert_eq(furrow_future_cancel(f), 0);
    is_canceled(f);
    for (size_t i = 0; i < 400; i += 4) {
        int first = ((int *)a->data)[i];

        cr_assert(first == 0 || first == 1);
        cr_assert_eq(pools_others(a, first, i, i + 4), 0, "whole chunks only");
        ones += first == 1;
    }
    cr_assert(ones >= 6 && ones < 50, "%zu chunks", ones);
    cr_assert_eq(furrow_future_progress(f, &done, NULL), 0);
    cr_assert_eq(done, ones);
    pools_works(pool);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(future, canceled_after_the_end_stays_as_it_is)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100);
    furrow_call call = pools_count_call(a);
    furrow_future *f = start(pool, &call);

    waits(f);
    cr_assert_eq(furrow_future_cancel(f), 0);
    waits(f);
    pools_works(pool);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- freed, closed, terminated ----------------------------------------------------*/

Test(future, freed_unfinished_is_done_all_the_same)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 20);
    const double second = 0.002;
    furrow_call call = pools_slow_call(a, &second, 1);

    for (int i = 0; i < 3; i++)
        furrow_future_free(start(pool, &call));
    pools_close(pool);
    cr_assert_eq(pools_others(a, 3, 0, a->len), 0);
    furrow_array_free(a);
    pools_leave_nothing();
}

Test(future, close_waits_for_what_is_queued)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 10);
    const double second = 0.001;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *f[20];
    size_t done, total;

    for (int i = 0; i < 20; i++)
        f[i] = start(pool, &call);
    pools_close(pool);
    cr_assert_eq(pools_others(a, 20, 0, a->len), 0);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(furrow_future_ready(f[i]), 1);
        cr_assert_eq(furrow_future_wait(f[i], 0), 0, "%s", error_text());
        cr_assert_eq(furrow_future_cancel(f[i]), 0);
        cr_assert_eq(furrow_future_progress(f[i], &done, &total), 0);
        cr_assert_eq(done, 10);
        cr_assert_eq(total, 10);
        furrow_future_free(f[i]);
    }
    furrow_array_free(a);
    pools_leave_nothing();
}

/* CPython: _TestPool.test_terminate (fork spawn forkserver) */
Test(future, terminated_unfinished_is_closed)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 1000);
    const double second = 0.01;
    furrow_call call = pools_slow_call(a, &second, 1), quick = pools_count_call(a);
    furrow_future *done, *running, *queued;
    size_t n, total;
    double begin;

    pools_need_processes(); /* threads cannot be ended: they finish first */
    pool = pools_open(2);
    done = start(pool, &quick);
    waits(done);
    running = start(pool, &call);
    queued = start(pool, &call);
    left_sleep(0.05);
    begin = left_clock();
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    cr_assert(left_clock() - begin < 3, "%g s", left_clock() - begin);
    cr_assert_eq(furrow_future_wait(done, 0), 0);
    cr_assert_eq(furrow_future_wait(running, FURROW_FOREVER), FURROW_ECLOSED);
    cr_assert(strstr(error_text(), "terminated before the call was done"));
    cr_assert_eq(furrow_future_wait(queued, FURROW_FOREVER), FURROW_ECLOSED);
    cr_assert_eq(furrow_future_ready(queued), 1, "there is nothing to wait for");
    cr_assert_eq(furrow_future_progress(queued, &n, &total), 0);
    cr_assert_eq(total, 1000);
    cr_assert_eq(n, 0, "nothing of it was done");
    furrow_future_free(done);
    furrow_future_free(running);
    furrow_future_free(queued);
    furrow_array_free(a);
    pools_leave_nothing();
}

/* ---- an end while other threads are in calls ----------------------------------------*/

typedef struct caller {
    furrow_pool *pool;
    furrow_call call;
    furrow_future *future; /* waits for that; NULL: makes the call */
    _Atomic int begun;
    int rc;
} caller;

static void *be_caller(void *arg)
{
    caller *c = arg;

    c->begun = 1;
    c->rc = c->future ? furrow_future_wait(c->future, FURROW_FOREVER)
                      : furrow_map(c->pool, &c->call);
    return NULL;
}

static int ended_well(int rc)
{
    return rc == 0 || rc == FURROW_EDIED || rc == FURROW_ECLOSED;
}

/* One runs, two wait for their turn, one for a future that is queued behind. */
static void end_in_the_middle(int (*end)(furrow_pool *))
{
    furrow_array *a = pools_array('i', 20);
    const double second = 0.005;
    furrow_pool *pool = pools_open(2);
    caller c[4] = {{.pool = NULL}};
    furrow_future *f = NULL;
    pthread_t thread[4];

    for (int i = 0; i < 4; i++) {
        c[i] = (caller){.pool = pool, .call = pools_slow_call(a, &second, 1)};
        if (i == 3)
            c[i].future = f = start(pool, &c[i].call);
        cr_assert_eq(pthread_create(&thread[i], NULL, be_caller, &c[i]), 0);
        while (!c[i].begun)
            left_sleep(0.001);
        left_sleep(0.005);
    }
    cr_assert_eq(end(pool), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(thread[i], NULL), 0);
        cr_assert(ended_well(c[i].rc), "%d: %d", i, c[i].rc);
    }
    furrow_future_free(f);
    furrow_array_free(a);
}

Test(future, a_pool_is_terminated_while_others_are_in_calls)
{
    for (int k = 0; k < 10; k++)
        end_in_the_middle(furrow_pool_terminate);
    pools_leave_nothing();
}

Test(future, a_pool_is_closed_while_others_are_in_calls)
{
    for (int k = 0; k < 3; k++)
        end_in_the_middle(furrow_pool_close);
    pools_leave_nothing();
}

/* CPython: _TestPool.test_terminate (thread) */
Test(future, terminated_threads_finish_first)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 20);
    const double second = 0.001;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *f;

    if (!pools_threads())
        cr_skip_test("workers are processes");
    pool = pools_open(2);
    f = start(pool, &call);
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    waits(f);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    furrow_future_free(f);
    furrow_array_free(a);
    pools_leave_nothing();
}
