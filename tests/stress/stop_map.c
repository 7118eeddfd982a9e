/* SPDX-License-Identifier: MIT
 *
 * SIGSTOP and SIGCONT of random workers during maps.
 *
 * A stopped worker is not dead: no range is ever torn, no worker replaced, every result
 * right. A worker that is stopped between two calls is not waited for: its share is
 * stolen.
 */
#include "hunter.h"
#include "verdict.h"

#include "pool.h"

#include <signal.h>
#include <string.h>

#define STOPS   300
#define LEN     200003
#define WORKERS 3

static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        for (volatile unsigned k = 10; k > 0; k--)
            ;
        a[i] = a[i] * 3 + 1;
    }
    return 0;
}

static void strike(hunter *h, long pid)
{
    kill((pid_t)pid, SIGSTOP);
    nap_us(roll(&h->dice, 15000));
    kill((pid_t)pid, SIGCONT);
}

/* Every element is `value`; the next call makes it 3 value + 1. */
static void check(const furrow_array *a, uint64_t value)
{
    const uint64_t *data = a->data;

    for (size_t i = 0; i < a->len; i++)
        if (data[i] != value)
            fail("element %zu is %llu instead of %llu", i, (unsigned long long)data[i],
                 (unsigned long long)value);
}

static void run(furrow_pool *pool, furrow_call *call, dice *d)
{
    furrow_future *f = NULL;
    int rc;

    call->chunk = 500 + roll(d, LEN / 3);
    call->flags = roll(d, 3) == 0 ? FURROW_CALLER_RUNS : 0;
    if (!call->flags && roll(d, 2))
        f = furrow_map_async(pool, call);
    rc = f ? furrow_future_wait(f, furrow_in(30)) : furrow_map(pool, call);
    furrow_future_free(f);
    if (rc < 0)
        fail("%s", furrow_last_error()->text);
}

static unsigned long long under_fire(furrow_pool *pool, furrow_call *call,
                                     uint64_t *value)
{
    static hunter h;
    unsigned long long calls = 0;
    double until = seconds_now() + 60;
    dice d = dice_of(2);

    h = (hunter){.pool = pool, .pause_us = 8000, .strike = strike, .dice = dice_of(1)};
    if (hunter_start(&h) != 0)
        fail("no thread");
    for (; h.shots < STOPS && seconds_now() < until; calls++) {
        h.calls++;
        run(pool, call, &d);
        *value = *value * 3 + 1;
        check(call->out[0], *value);
    }
    hunter_stop(&h);
    if (h.shots < STOPS)
        fail("only %u stops within a minute", h.shots);
    return calls;
}

/* Calls that begin and end while one worker lies stopped. */
static void without_one(furrow_pool *pool, furrow_call *call, uint64_t *value)
{
    call->chunk = 1000;
    call->flags = 0;
    for (int i = 0; i < WORKERS; i++) {
        long pid = furrow_pool_worker_pid(pool, i);

        nap_us(20000); /* it is idle now */
        kill((pid_t)pid, SIGSTOP);
        for (int k = 0; k < 5; k++) {
            if (furrow_map(pool, call) < 0)
                fail("%s", furrow_last_error()->text);
            *value = *value * 3 + 1;
            check(call->out[0], *value);
        }
        kill((pid_t)pid, SIGCONT);
    }
}

/* A deadline holds for calls whose workers never come, too: nothing was started, nothing
 * has changed. Twice: the second one finds those late who were awake in between. */
static void without_any(furrow_pool *pool, furrow_call *call, uint64_t *value)
{
    for (int k = 0; k < 2; k++) {
        double start;

        nap_us(20000);
        for (int i = 0; i < WORKERS; i++)
            kill((pid_t)furrow_pool_worker_pid(pool, i), SIGSTOP);
        start = seconds_now();
        call->deadline = furrow_in(0.05);
        if (furrow_map(pool, call) != FURROW_ETIME || furrow_error_ranges(NULL))
            fail("a call of nobody: %s", furrow_last_error()->text);
        if (seconds_now() - start > 10)
            fail("a deadline of 50 ms took %.1f s", seconds_now() - start);
        for (int i = 0; i < WORKERS; i++)
            kill((pid_t)furrow_pool_worker_pid(pool, i), SIGCONT);
        call->deadline = 0;
        check(call->out[0], *value);
        if (furrow_map(pool, call) < 0)
            fail("%s", furrow_last_error()->text);
        *value = *value * 3 + 1;
        check(call->out[0], *value);
    }
}

/* Terminating does not wait for a nursery that lies stopped. */
static void terminate_stopped(void)
{
    furrow_pool_options options = {.workers = WORKERS, .start = FURROW_START_FORK};
    furrow_pool *pool = furrow_pool_open(&options);
    double start = seconds_now();
    long worker = furrow_pool_worker_pid(pool, 0);

    if (!pool || kill((pid_t)pool->team->nursery_pid, SIGSTOP) != 0 ||
        furrow_pool_terminate(pool) < 0)
        fail("%s", furrow_last_error()->text);
    if (seconds_now() - start > 20 || !fw_os_process_gone((pid_t)worker, 0))
        fail("after %.1f s the worker is there", seconds_now() - start);
}

int main(void)
{
    furrow_pool_options options = {.workers = WORKERS, .start = FURROW_START_FORK};
    furrow_pool *pool = furrow_pool_open(&options);
    furrow_array *a = furrow_array_new('Q', LEN, NULL);
    furrow_call call = {.kernel = step, .types = ">Q", .out = {a}};
    furrow_pool_stats stats;
    uint64_t value = 0;

    if (!pool || !a)
        fail("%s", furrow_last_error()->text);
    without_one(pool, &call, &value);
    without_any(pool, &call, &value);
    terminate_stopped();
    printf("%d stops over %llu calls\n", STOPS, under_fire(pool, &call, &value));
    if (furrow_pool_stat(pool, &stats) < 0 || stats.deaths || stats.replaced)
        fail("%llu deaths", (unsigned long long)stats.deaths);
    furrow_array_free(a);
    return furrow_pool_close(pool) != 0;
}
