/* SPDX-License-Identifier: MIT
 *
 * What the suites of the engine share: pools and arrays that are there or fail the
 * test, a few kernels, and the check that every test leaves nothing.
 */
#ifndef POOLS_H
#define POOLS_H

#include "left.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static left_mark pools_before;

static inline void pools_set_up(void)
{
    unsetenv("BXFI_MAP"); /* the framework's, and not for workers that are run anew */
    pools_before = left_now_with_heap();
}

/* The last line of each test: Criterion takes no notice of what fails after it. The server
 * of a program that the test has run sees its end a moment later. */
static inline void pools_leave_nothing(void)
{
    const char *start = getenv("FURROW_START");
    double seconds = start && strcmp(start, "forkserver") == 0 ? 5 : 0;

    cr_assert_eq(left_since(&pools_before, seconds), 0,
                 "the test left something behind");
}

/* The same after programs of their own: what they leave has a while to go. */
static inline void pools_leave_no_program(void)
{
    cr_assert_eq(left_outside(&pools_before, 5), 0, "the test left something behind");
}

/* Are workers threads here? Each suite runs under all methods. */
static inline int pools_threads(void)
{
    const char *start = getenv("FURROW_START");

    return start && strcmp(start, "thread") == 0;
}

/* Are workers copies of a program that is run anew, with nothing of the test but the heap? */
static inline int pools_anew(void)
{
    const char *start = getenv("FURROW_START");

    return start && (strcmp(start, "spawn") == 0 || strcmp(start, "forkserver") == 0);
}

/* For tests in which workers are copies of the test. */
static inline void pools_need_copies(void)
{
    if (pools_anew())
        cr_skip_test("workers are no copies of the test");
}

/* For tests in which a worker dies. */
static inline void pools_need_processes(void)
{
    if (pools_threads())
        cr_skip_test("workers are threads");
}

static inline furrow_pool *pools_open(int workers)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = workers});

    cr_assert_not_null(pool, "%s", furrow_last_error()->text);
    return pool;
}

static inline void pools_close(furrow_pool *pool)
{
    int rc = furrow_pool_close(pool);

    cr_assert_eq(rc, 0, "%s", furrow_last_error()->text);
}

static inline furrow_array *pools_array(int type, size_t len)
{
    furrow_array *a = furrow_array_new(type, len, NULL);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    return a;
}

/* out[0] of 'i': each element counts how often it was done. */
static inline int pools_count(furrow_chunk c)
{
    int *out = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        out[i]++;
    return 0;
}

/* The same, and it takes a while: ctx is seconds, as a double. */
static inline int pools_count_slowly(furrow_chunk c)
{
    left_sleep(*(const double *)c.ctx);
    return pools_count(c);
}

/* Elements of [begin, end) that are not `value`. */
static inline size_t pools_others(const furrow_array *a, int value, size_t begin,
                                  size_t end)
{
    const int *at = a->data;
    size_t n = 0;

    for (size_t i = begin; i < end; i++)
        n += at[i] != value;
    return n;
}

static inline furrow_call pools_count_call(furrow_array *a)
{
    return (furrow_call){.kernel = pools_count, .types = ">i", .out = {a}};
}

/* `seconds` per chunk. */
static inline furrow_call pools_slow_call(furrow_array *a, const double *seconds,
                                          size_t chunk)
{
    return (furrow_call){.kernel = pools_count_slowly,
                         .types = ">i",
                         .out = {a},
                         .chunk = chunk,
                         .ctx = seconds,
                         .ctx_size = sizeof *seconds};
}

/* A call in which every element is done once, checked. */
static inline void pools_works(furrow_pool *pool)
{
    furrow_array *a = pools_array('i', 10007);
    furrow_call call = pools_count_call(a);
    int rc = furrow_map(pool, &call);

    cr_assert_eq(rc, 0, "%s", furrow_last_error()->text);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    furrow_array_free(a);
}

/* Wait until worker i is up and is not `old`; its pid. */
static inline long pools_worker_not(furrow_pool *pool, int i, long old)
{
    double until = left_clock() + CHILD_SECONDS / 4.0;
    long pid;

    do {
        pid = furrow_pool_worker_pid(pool, i);
        if (pid > 0 && pid != old)
            return pid;
        left_sleep(0.001);
    } while (left_clock() < until);
    cr_assert_fail("worker %d was not replaced", i);
    return -1;
}

#endif
