/* SPDX-License-Identifier: MIT
 *
 * In a process that the program forks, its pools and futures are inert, and its arrays as
 * good as ever: every public function that takes a handle is tried there.
 */
#include "engine/pools.h"

#include <fcntl.h>

TestSuite(forked, .init = pools_set_up);

typedef struct handles {
    furrow_pool *pool;
    furrow_future *pending, *done;
    furrow_array *small, *large, *named;
} handles;

static int is_refused(int rc)
{
    child_want(rc == FURROW_EINVAL);
    child_want(furrow_last_error()->code == FURROW_EINVAL);
    child_want(strstr(furrow_last_error()->text, "belongs to process"));
    furrow_error_clear();
    return 0;
}

#define want_refused(call) child_want(is_refused(call) == 0)

/* ---- pools ------------------------------------------------------------------------*/

static int uses_the_pool(void *arg)
{
    const handles *h = arg;
    furrow_call call = pools_count_call(h->small);
    furrow_pool_stats stats;

    want_refused(furrow_map(h->pool, &call));
    call.flags = FURROW_CALLER_RUNS;
    want_refused(furrow_map(h->pool, &call));
    call.flags = 0;
    child_want(!furrow_map_async(h->pool, &call));
    want_refused(furrow_last_error()->code);
    want_refused(furrow_pool_populate(h->pool, h->large));
    want_refused(furrow_pool_timeline(h->pool, "/dev/null"));
    want_refused(furrow_pool_stat(h->pool, &stats));
    want_refused(furrow_pool_describe(h->pool, stderr));
    child_want(furrow_pool_workers(h->pool) == 2);
    child_want(furrow_pool_worker_pid(h->pool, 0) == -1);
    want_refused(furrow_pool_close(h->pool));
    want_refused(furrow_pool_terminate(h->pool));
    return 0;
}

static int uses_built_in_kernels(void *arg)
{
    const handles *h = arg;
    const int one = 1;
    int64_t out[2];

    for (int i = 0; i < 2; i++) {
        furrow_array *a = i ? h->large : h->small;

        want_refused(furrow_fill(h->pool, a, &one));
        want_refused(furrow_scale(h->pool, a, &one));
        want_refused(furrow_axpy(h->pool, &one, a, a));
        want_refused(furrow_triad(h->pool, a, a, &one, a));
        want_refused(furrow_sum(h->pool, a, out));
        want_refused(furrow_min(h->pool, a, out));
        want_refused(furrow_max(h->pool, a, out));
        want_refused(furrow_dot(h->pool, a, a, out));
    }
    want_refused(furrow_copy(h->pool, h->small, h->named));
    return 0;
}

/* ---- futures ----------------------------------------------------------------------*/

static int uses_the_futures(void *arg)
{
    const handles *h = arg;
    furrow_future *both[2] = {h->pending, h->done};
    size_t done, total;

    for (int i = 0; i < 2; i++) {
        want_refused(furrow_future_wait(both[i], FURROW_FOREVER));
        want_refused(furrow_future_ready(both[i]));
        want_refused(furrow_future_progress(both[i], &done, &total));
        want_refused(furrow_future_cancel(both[i]));
        furrow_future_free(both[i]);
    }
    return 0;
}

/* ---- arrays -----------------------------------------------------------------------*/

static int uses_arrays(void *arg)
{
    const handles *h = arg;
    furrow_array *a = furrow_array_new('i', 1000, NULL), *b;
    furrow_where where;
    furrow_heap_info info;

    child_want(a && furrow_array_populate(a) == 0);
    child_want(furrow_array_free(a) == 0);
    child_want(furrow_array_populate(h->large) == 0);
    child_want(furrow_array_where(h->large, &where) == 0);
    child_want(strcmp(furrow_array_format(h->small), "i") == 0);
    b = furrow_array_slice(h->small, 10, 20);
    child_want(b && furrow_array_free(b) == 0);
    ((int *)h->small->data)[0] = 77;
    ((int *)h->named->data)[0] = 78;
    child_want(furrow_array_free(h->named) == FURROW_EINVAL);
    furrow_error_clear();
    b = furrow_array_attach(left_name("forked"));
    child_want(b && ((int *)b->data)[0] == 78 && furrow_array_free(b) == 0);
    b = furrow_array_new('i', 9,
                         &(furrow_array_options){.name = left_name("forked-2")});
    child_want(b && furrow_array_free(b) == 0);
    child_want(furrow_heap_describe(&info) == 0 && furrow_fsck() == 0);
    child_want(furrow_cpu_count() > 0);
    return 0;
}

static int uses_a_pool_of_its_own(void *arg)
{
    const handles *h = arg;
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_call call = pools_count_call(h->small);
    furrow_future *f;

    child_want(pool && furrow_map(pool, &call) == 0);
    f = furrow_map_async(pool, &call);
    child_want(f && furrow_future_wait(f, furrow_in(10)) == 0);
    furrow_future_free(f);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

/* ---- and the parent goes on -------------------------------------------------------*/

static int (*const part[])(void *) = {uses_the_pool, uses_built_in_kernels,
                                      uses_the_futures, uses_arrays,
                                      uses_a_pool_of_its_own};

/* A program of its own, for the guard of its name lives as long as it does. */
static int forks_and_goes_on(void *child)
{
    const double second = 0.05;
    handles h = {
        .pool = furrow_pool_open(&(furrow_pool_options){.workers = 2, .trace = 10}),
        .small = furrow_array_new('i', 100, NULL),
        .large = furrow_array_new('i', 1 << 20, NULL)};
    furrow_call slow = pools_slow_call(furrow_array_new('i', 10, NULL), &second, 1);
    furrow_call call = pools_count_call(h.small);

    h.named = furrow_array_new('i', 100,
                               &(furrow_array_options){.name = left_name("forked")});
    child_want(h.pool && h.named);
    h.done = furrow_map_async(h.pool, &call);
    child_want(furrow_future_wait(h.done, furrow_in(10)) == 0);
    h.pending = furrow_map_async(h.pool, &slow);
    child_want(child_run(*(int (**)(void *))child, &h) == 0);
    child_want(furrow_future_wait(h.pending, furrow_in(10)) == 0);
    child_want(furrow_future_wait(h.done, furrow_in(10)) == 0);
    child_want(pools_others(slow.out[0], 1, 0, 10) == 0);
    child_want(furrow_map(h.pool, &call) == 0);
    furrow_future_free(h.pending);
    furrow_future_free(h.done);
    child_want(furrow_pool_close(h.pool) == 0);
    child_want(furrow_fsck() == 0);
    return 0;
}

Test(forked, handles_are_inert)
{
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        cr_assert_eq(child_run(forks_and_goes_on, (void *)&part[i]), 0, "part %zu", i);
    pools_leave_no_program();
}

/* A fork while other threads are in the middle of everything that has a lock. */
static void *is_busy(void *arg)
{
    const handles *h = arg;
    furrow_call call = pools_count_call(h->small);

    while (!*(volatile int *)h->named->data) {
        furrow_future *f = furrow_map_async(h->pool, &call);

        if (furrow_future_wait(f, FURROW_FOREVER) != 0)
            return arg;
        furrow_future_free(f);
    }
    return NULL;
}

Test(forked, in_the_middle_of_things)
{
    handles h = {.pool = pools_open(2),
                 .small = pools_array('i', 100),
                 .large = pools_array('i', 1 << 20),
                 .named = pools_array('i', 1)};
    furrow_call call = pools_count_call(h.small);
    pthread_t thread;
    void *failed;

    h.pending = furrow_map_async(h.pool, &call);
    h.done = furrow_map_async(h.pool, &call);
    cr_assert_eq(pthread_create(&thread, NULL, is_busy, &h), 0);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(child_run(uses_the_futures, &h), 0);
        cr_assert_eq(child_run(uses_the_pool, &h), 0);
    }
    *(volatile int *)h.named->data = 1;
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    cr_assert_eq(furrow_future_wait(h.pending, furrow_in(10)), 0);
    furrow_future_free(h.pending);
    furrow_future_free(h.done);
    furrow_array_free(h.small);
    furrow_array_free(h.large);
    furrow_array_free(h.named);
    pools_close(h.pool);
    cr_assert_eq(left_outside(&pools_before, 5), 0);
}
