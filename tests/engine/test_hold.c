/* SPDX-License-Identifier: MIT
 *
 * Small calls wake nobody: the worker on the CPU of a caller that waits sleeps on while the
 * others run its share, and a caller that runs and finds all asleep does it alone. A call
 * that turns out long wakes them.
 */
#include "engine/pools.h"

#include <sched.h>

TestSuite(hold, .init = pools_set_up);

/* out: who ran the element; ctx: how long it takes, in seconds. */
static int note_worker(furrow_chunk c)
{
    int32_t *who = c.out[0];
    double seconds;

    memcpy(&seconds, c.ctx, sizeof seconds);
    if (seconds > 0)
        left_sleep(seconds);
    for (size_t i = 0; i < c.len; i++)
        who[i] = c.worker + 1;
    return 0;
}

/* Two workers, and the caller on the CPU of the first. */
static furrow_pool *open_and_sit(void)
{
    furrow_pool *pool = pools_open(2);
    cpu_set_t all, first;
    size_t cpu = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
    if (CPU_COUNT(&all) < 2)
        cr_skip_test("one CPU: nobody spins beside a caller that waits");
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    cr_assert_eq(sched_setaffinity(0, sizeof first, &first), 0);
    return pool;
}

/* Runs a call of two chunks; returns how many of them its second worker ran. */
static int by_the_other(furrow_pool *pool, furrow_array *a, double seconds,
                        unsigned flags)
{
    furrow_call call = {.kernel = note_worker,
                        .types = ">i",
                        .out = {a},
                        .ctx = &seconds,
                        .ctx_size = sizeof seconds,
                        .chunk = 1,
                        .flags = flags};
    int32_t *who = a->data;

    who[0] = who[1] = 0;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", furrow_last_error()->text);
    cr_assert(who[0] == 1 || who[0] == 2);
    cr_assert(who[1] == 1 || who[1] == 2);
    return (who[0] == 2) + (who[1] == 2);
}

Test(hold, a_small_call_lets_the_worker_here_sleep)
{
    furrow_pool *pool = open_and_sit();
    furrow_array *a = pools_array('i', 2);
    int both = 0;

    for (int i = 0; i < 5000; i++)
        both += by_the_other(pool, a, 0, 0) == 2;
    cr_assert(both > 0, "the first worker was woken in each of 5000 calls");
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(hold, a_long_call_wakes_it)
{
    furrow_pool *pool = open_and_sit();
    furrow_array *a = pools_array('i', 2);

    for (int i = 0; i < 3; i++) {
        (void)by_the_other(pool, a, 0, 0); /* whatever was learned */
        cr_assert_eq(by_the_other(pool, a, 0.3, 0), 1, "one chunk each");
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(hold, a_brief_call_after_a_pause_wakes_nobody)
{
    furrow_pool *pool = open_and_sit();
    furrow_array *a = pools_array('i', 2);
    int alone = 0;

    for (int i = 0; i < 50; i++) {
        left_sleep(0.02);
        alone += by_the_other(pool, a, 0, FURROW_CALLER_RUNS) == 0;
    }
    cr_assert(alone > 0, "somebody was woken in each of 50 calls");
    for (int i = 0; i < 3; i++) {
        left_sleep(0.02);
        (void)by_the_other(pool, a, 0.2,
                           FURROW_CALLER_RUNS); /* it took no time before */
        left_sleep(0.02);
        cr_assert_eq(by_the_other(pool, a, 0.3, FURROW_CALLER_RUNS), 1,
                     "one chunk each");
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* The one that is to do it all dies: the one that sleeps is woken. */
static int die_as_the_second(furrow_chunk c)
{
    int32_t *who = c.out[0];

    if (c.worker == 1)
        kill(getpid(), SIGKILL);
    *who = c.worker + 1;
    return 0;
}

Test(hold, the_death_of_the_other_wakes_it)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call = {.kernel = die_as_the_second, .types = ">i", .chunk = 1};

    pools_need_processes();
    pool = open_and_sit();
    a = pools_array('i', 2);
    call.out[0] = a;
    for (int i = 0; i < 4; i++) {
        int rc = furrow_map(pool, &call);

        cr_assert(rc == 0 || rc == FURROW_EDIED, "%s", furrow_last_error()->text);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}
