/* SPDX-License-Identifier: MIT
 *
 * Calls that nobody meant: what is done to one call must not meet the next one, and a
 * thread that calls all the time must not keep the others out.
 */
#include "engine/pools.h"

#include <pthread.h>

TestSuite(bystander, .init = pools_set_up);

static int work_for(furrow_chunk c)
{
    double until = left_clock() + *(const double *)c.ctx;

    while (left_clock() < until)
        ;
    return 0;
}

/* A call ends at about the moment at which its deadline's grace is over: whether its
 * worker is killed or not, the call after it has nothing to do with that. */
Test(bystander, kill_of_the_call_before)
{
    furrow_pool *pool;
    double moment = 0.0005;
    furrow_call next = {
        .kernel = work_for, .len = 1, .ctx = &moment, .ctx_size = sizeof moment};

    pools_need_processes();
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 1, .grace = 0.002});
    cr_assert_not_null(pool, "%s", furrow_last_error()->text);
    for (int i = 0; i < 500; i++) {
        double seconds = 0.004 + 0.000004 * i;
        furrow_call late = {.kernel = work_for,
                            .len = 1,
                            .ctx = &seconds,
                            .ctx_size = sizeof seconds,
                            .deadline = furrow_in(0.002)};
        int rc = furrow_map(pool, &late);

        cr_assert(rc == 0 || rc == FURROW_ETIME, "%s", furrow_last_error()->text);
        rc = furrow_map(pool, &next);
        cr_assert_eq(rc, 0, "after %d calls: %s", i, furrow_last_error()->text);
    }
    pools_close(pool);
    pools_leave_nothing();
}

static int work_until_told(furrow_chunk c)
{
    const _Atomic int *told = c.out[0];
    double until = left_clock() + 10;

    while (!*told && left_clock() < until)
        left_sleep(0.001);
    return 0;
}

static void *tell_later(void *arg)
{
    left_sleep(0.8);
    *(_Atomic int *)arg = 1;
    return NULL;
}

/* The supervisor does not come round to ending a worker that is long past its deadline, and
 * the worker is ready after all: when the supervisor comes round, that is over. */
Test(bystander, kill_that_came_to_nothing)
{
    furrow_pool *pool;
    furrow_array *told = pools_array('i', 1);
    double moment = 0.3;
    furrow_call late = {.kernel = work_until_told, .out = {told}};
    furrow_call next = {
        .kernel = work_for, .len = 1, .ctx = &moment, .ctx_size = sizeof moment};
    left_process worker;
    furrow_pool_stats stats;
    furrow_future *f;
    pthread_t teller;
    int rc;

    pools_need_processes();
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 1, .grace = 0.05});
    cr_assert_not_null(pool, "%s", furrow_last_error()->text);
    cr_assert_eq(left_stat((pid_t)furrow_pool_worker_pid(pool, 0), &worker), 0);
    cr_assert_eq(kill((pid_t)worker.parent, SIGSTOP), 0);
    cr_assert_eq(pthread_create(&teller, NULL, tell_later, told->data), 0);
    late.deadline = furrow_in(0.3);
    rc = furrow_map(pool, &late);
    cr_assert_eq(kill((pid_t)worker.parent, SIGCONT), 0);
    cr_assert(rc == 0 || rc == FURROW_ETIME, "%s", furrow_last_error()->text);
    f = furrow_map_async(pool, &next); /* it has come round when it drives this */
    cr_assert_eq(furrow_future_wait(f, furrow_in(20)), 0, "%s",
                 furrow_last_error()->text);
    furrow_future_free(f);
    cr_assert_eq(furrow_pool_stat(pool, &stats), 0);
    cr_assert_eq(stats.deaths, 0);
    pthread_join(teller, NULL);
    furrow_array_free(told);
    pools_close(pool);
    pools_leave_nothing();
}

typedef struct hog {
    furrow_pool *pool;
    furrow_array *array;
    _Atomic int stop;
    unsigned flags;
} hog;

static void *call_all_the_time(void *arg)
{
    hog *h = arg;
    furrow_call call = pools_count_call(h->array);

    call.flags = h->flags;
    while (!h->stop)
        if (furrow_map(h->pool, &call) < 0)
            return "failed";
    return NULL;
}

/* A future is done although another thread leaves no gap between its calls. */
static void check_future_beside_a_hog(unsigned flags)
{
    hog h = {.pool = pools_open(2), .array = pools_array('i', 1000), .flags = flags};
    furrow_array *a = pools_array('i', 1000);
    furrow_call call = pools_count_call(a);
    pthread_t thread;
    void *failed;

    cr_assert_eq(pthread_create(&thread, NULL, call_all_the_time, &h), 0);
    for (int i = 1; i <= 20; i++) {
        furrow_future *f = furrow_map_async(h.pool, &call);
        int rc = furrow_future_wait(f, furrow_in(2));

        cr_expect_eq(rc, 0, "future %d: %s", i, furrow_last_error()->text);
        furrow_future_free(f);
        if (rc)
            break;
    }
    h.stop = 1;
    pthread_join(thread, &failed);
    cr_expect_null(failed);
    pools_close(h.pool);
    furrow_array_free(a);
    furrow_array_free(h.array);
    pools_leave_nothing();
}

Test(bystander, future_beside_a_hog)
{
    check_future_beside_a_hog(0);
}

Test(bystander, future_beside_a_hog_that_runs)
{
    check_future_beside_a_hog(FURROW_CALLER_RUNS);
}
