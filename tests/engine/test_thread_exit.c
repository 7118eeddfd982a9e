/* SPDX-License-Identifier: MIT
 *
 * Kernels that end their thread: a worker's, and the caller's own. The pool goes on.
 */
#include "engine/pools.h"

#include <pthread.h>

TestSuite(thread_exit, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* ---- a worker's -------------------------------------------------------------------*/

static int end_at_3(furrow_chunk c)
{
    if (c.index == 3)
        pthread_exit(NULL);
    return pools_count(c);
}

static void *sleep_on(void *unused)
{
    for (;;)
        left_sleep(1);
    return unused;
}

/* The worker's process has another thread, which goes on. */
static int end_beside_another(furrow_chunk c)
{
    pthread_t other;

    if (c.index == 3 && pthread_create(&other, NULL, sleep_on, NULL) == 0)
        pthread_exit(NULL);
    return pools_count(c);
}

static void is_told(furrow_pool *pool, furrow_kernel kernel, int async)
{
    furrow_array *a = pools_array('i', 100);
    furrow_call call = {.kernel = kernel, .types = ">i", .out = {a}, .chunk = 10};
    furrow_future *f = async ? furrow_map_async(pool, &call) : NULL;
    const furrow_torn *torn;

    cr_assert_eq(async ? furrow_future_wait(f, furrow_in(20)) : furrow_map(pool, &call),
                 FURROW_EDIED, "%s", error_text());
    cr_assert_eq(furrow_error_ranges(&torn), 1);
    cr_assert(torn[0].begin == 30 && torn[0].end == 40);
    cr_assert(strstr(error_text(), pools_threads() ? "ended its thread in elements [30"
                                                   : "ended with exit(0)"),
              "%s", error_text());
    cr_assert_eq(pools_others(a, 1, 0, 100), 10);
    cr_assert_eq(pools_others(a, 0, 30, 40), 0);
    furrow_future_free(f);
    furrow_array_free(a);
}

Test(thread_exit, of_a_worker)
{
    for (int workers = 1; workers <= 2; workers++) {
        furrow_pool *pool = pools_open(workers);
        furrow_pool_stats stats;

        for (int i = 0; i < 6; i++) {
            is_told(pool, end_at_3, i % 2);
            if (i % 3)
                pools_works(pool);
        }
        cr_assert_eq(furrow_pool_stat(pool, &stats), 0);
        cr_assert_eq(stats.deaths, 6);
        pools_close(pool);
    }
    pools_leave_nothing();
}

Test(thread_exit, of_a_worker_with_other_threads)
{
    furrow_pool *pool;

    pools_need_processes();
    pool = pools_open(2);
    is_told(pool, end_beside_another, 0);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* Before the pool has replaced it. */
Test(thread_exit, and_close)
{
    for (int i = 0; i < 5; i++) {
        furrow_pool *pool = pools_open(2);

        is_told(pool, end_at_3, i % 2);
        pools_close(pool);
    }
    pools_leave_nothing();
}

/* ---- the caller's -----------------------------------------------------------------*/

static _Thread_local int in_caller;
static _Atomic int reached; /* the caller got a chunk before the workers had them all */

static int end_in_caller(furrow_chunk c)
{
    if (in_caller) {
        reached = 1;
        pthread_exit(NULL);
    }
    left_sleep(0.002);
    return pools_count(c);
}

/* AddressSanitizer's, where it is: who cancels a thread does not tell it that the frames
 * of its stack are gone, and the next functions there would be taken for writers beside
 * their variables. */
extern void __asan_handle_no_return(void) __attribute__((weak));

static void frames_are_gone(void *unused)
{
    (void)unused;
    if (__asan_handle_no_return)
        __asan_handle_no_return();
}

static int sleep_in_caller(furrow_chunk c)
{
    pthread_cleanup_push(frames_are_gone, NULL);
    if (in_caller) {
        reached = 1;
        left_sleep(1000);
    }
    pthread_cleanup_pop(0);
    return pools_count(c);
}

typedef struct caller {
    furrow_pool *pool;
    furrow_call call;
    _Atomic int returned;
} caller;

static void *call_and_end(void *arg)
{
    caller *k = arg;

    in_caller = 1;
    (void)furrow_map(k->pool, &k->call);
    k->returned = 1;
    return NULL;
}

/* Until he is in the kernel, which on a slow machine may take several calls. */
static void end_in_call(caller *k, int cancel)
{
    pthread_t thread;

    reached = 0;
    for (int i = 0; i < 100 && !reached; i++) {
        k->returned = 0;
        cr_assert_eq(pthread_create(&thread, NULL, call_and_end, k), 0);
        while (cancel && !reached && !k->returned)
            left_sleep(0.001);
        left_sleep(cancel ? 0.02 : 0);
        if (cancel)
            pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    cr_assert(reached);
    cr_assert_eq(k->returned, 0);
}

static void caller_ends(furrow_kernel kernel, int cancel)
{
    furrow_array *a = pools_array('i', 1000);
    caller k = {
        .pool = pools_open(2),
        .call = {
            .kernel = kernel, .out = {a}, .chunk = 10, .flags = FURROW_CALLER_RUNS}};

    for (int i = 0; i < 5; i++) {
        furrow_future *f;
        furrow_call count = pools_count_call(a);

        end_in_call(&k, cancel);
        pools_works(k.pool);
        f = furrow_map_async(k.pool, &count);
        cr_assert_eq(furrow_future_wait(f, furrow_in(10)), 0);
        furrow_future_free(f);
    }
    furrow_array_free(a);
    pools_close(k.pool);
}

Test(thread_exit, of_a_caller_that_runs)
{
    caller_ends(end_in_caller, 0);
    caller_ends(sleep_in_caller, 1);
    pools_leave_nothing();
}

static _Atomic int released;

static int spins(furrow_chunk c)
{
    (void)c;
    reached = 1;
    while (!released)
        ;
    return 0;
}

/* That a call is late is said where a cancellation must not end the thread: it has the turn. */
Test(thread_exit, of_a_caller_that_is_late)
{
    furrow_array *a = pools_array('i', 1000);
    caller k = {.call = {.kernel = spins, .out = {a}, .chunk = 10}};
    pthread_t thread;

    if (!pools_threads())
        return;
    k.pool = pools_open(2);
    k.call.deadline = furrow_in(0.05);
    reached = released = 0;
    cr_assert_eq(pthread_create(&thread, NULL, call_and_end, &k), 0);
    while (!reached)
        left_sleep(0.001);
    pthread_cancel(thread);
    left_sleep(0.3);
    released = 1;
    pthread_join(thread, NULL);
    cr_assert_eq(k.returned, 1);
    pools_works(k.pool);
    furrow_array_free(a);
    pools_close(k.pool);
    pools_leave_nothing();
}

/* ---- cancelled outside of a kernel ------------------------------------------------*/

typedef struct late_one {
    furrow_pool *pool;
    furrow_array *array;
    furrow_future *future;
    int (*step)(struct late_one *l);
    int rc;
} late_one;

static int maps(late_one *l)
{
    furrow_call call = pools_count_call(l->array);

    return furrow_map(l->pool, &call);
}

static int populates(late_one *l)
{
    return furrow_pool_populate(l->pool, l->array);
}

static int submits(late_one *l)
{
    furrow_call call = pools_count_call(l->array);

    l->future = furrow_map_async(l->pool, &call);
    return l->future ? 0 : furrow_last_error()->code;
}

static int waits_for_it(late_one *l)
{
    return furrow_future_wait(l->future, furrow_in(20));
}

/* It is cancelled before it begins: at the first place where a thread may be. */
static void *step_and_end(void *arg)
{
    late_one *l = arg;

    pthread_cancel(pthread_self());
    l->rc = l->step(l);
    pthread_testcancel();
    return NULL;
}

static void cancelled_in(late_one *l, int (*step)(late_one *l))
{
    pthread_t thread;
    void *end;

    l->step = step;
    l->rc = -99;
    cr_assert_eq(pthread_create(&thread, NULL, step_and_end, l), 0);
    pthread_join(thread, &end);
    cr_assert_eq(end, PTHREAD_CANCELED);
    cr_assert_eq(l->rc, 0, "%d: it broke off in the middle", l->rc);
}

/* Each takes the memory of a large array, for which files are read. */
Test(thread_exit, of_a_thread_that_takes_memory, .timeout = 30)
{
    late_one l = {.pool = pools_open(2), .array = pools_array('i', 1 << 20)};

    cancelled_in(&l, maps);
    cr_assert_eq(pools_others(l.array, 1, 0, l.array->len), 0);
    furrow_array_free(l.array);
    l.array = pools_array('i', 1 << 20);
    cancelled_in(&l, populates);
    furrow_array_free(l.array);
    l.array = pools_array('i', 1 << 20);
    cancelled_in(&l, submits);
    cancelled_in(&l, waits_for_it);
    cr_assert_eq(pools_others(l.array, 1, 0, l.array->len), 0);
    furrow_future_free(l.future);
    furrow_array_free(l.array);
    pools_works(l.pool);
    pools_close(l.pool);
    pools_leave_nothing();
}
