/* SPDX-License-Identifier: MIT
 *
 * SIGKILL of random workers while they take the memory of large arrays, often several in a
 * row, for a caller that asks for it and for a call in the queue. There is memory enough:
 * nobody is told that there is none, and each array holds what is written to it.
 */
#include "hunter.h"
#include "verdict.h"

#include <signal.h>

enum { ARRAYS = 30, LEN = 3 << 20, KILLS = 100 };

static void strike(hunter *h, long pid)
{
    (void)h;
    kill((pid_t)pid, SIGKILL);
}

static int leave_it(furrow_chunk c)
{
    (void)c;
    return 0;
}

/* A call in the queue takes the memory first. Its own workers may die, too. */
static int queue_one(furrow_pool *pool, furrow_array *a)
{
    furrow_call call = {.kernel = leave_it, .types = ">Q", .out = {a}};
    furrow_future *f = furrow_map_async(pool, &call);
    int rc = f ? furrow_future_wait(f, furrow_in(30)) : furrow_last_error()->code;

    furrow_future_free(f);
    return rc == FURROW_EDIED ? 0 : rc;
}

static void populate_one(furrow_pool *pool, uint64_t mark)
{
    furrow_array *a = furrow_array_new('Q', LEN, NULL);
    uint64_t *data;

    if (!a || (mark % 2 ? queue_one(pool, a) : furrow_pool_populate(pool, a)) < 0)
        fail("array %llu: %s", (unsigned long long)mark, furrow_last_error()->text);
    data = a->data;
    for (size_t i = 0; i < LEN; i += 500) {
        if (data[i])
            fail("element %zu of a new array is %llu", i, (unsigned long long)data[i]);
        data[i] = mark;
    }
    if (furrow_array_free(a) < 0)
        fail("%s", furrow_last_error()->text);
}

int main(void)
{
    furrow_pool_options options = {.workers = 4, .pin = FURROW_PIN_NONE};
    static hunter h;
    furrow_pool_stats stats = {0};
    double until = seconds_now() + 60;
    uint64_t arrays = 0;

    h = (hunter){.pool = furrow_pool_open(&options),
                 .pause_us = 6000,
                 .strike = strike,
                 .dice = dice_of(3)};
    if (!h.pool || hunter_start(&h) != 0)
        fail("no pool: %s", furrow_last_error()->text);
    while ((arrays < ARRAYS || stats.deaths < KILLS) && seconds_now() < until) {
        h.calls++;
        populate_one(h.pool, ++arrays);
        (void)furrow_pool_stat(h.pool, &stats);
    }
    hunter_stop(&h);
    printf("%llu arrays, %llu kills\n", (unsigned long long)arrays,
           (unsigned long long)stats.deaths);
    if (stats.deaths < KILLS)
        fail("not enough happened to prove anything");
    return furrow_pool_close(h.pool) != 0;
}
