/* SPDX-License-Identifier: MIT
 *
 * Calls with pauses between them, in which all workers fall asleep: the next call wakes
 * them, and does not wait until they look by themselves, which is a second later.
 */
#include "engine/pools.h"

TestSuite(idle, .init = pools_set_up);

static int64_t calls_with_pauses(int workers, int async)
{
    furrow_pool *pool = pools_open(workers);
    furrow_array *a = pools_array('i', 64);
    furrow_call call = {.kernel = pools_count, .types = ">i", .out = {a}};
    furrow_deadline before;

    before = furrow_in(0);
    for (int i = 0; i < 30; i++) {
        furrow_future *f;

        usleep(5000);
        if (!async) {
            cr_assert_eq(furrow_map(pool, &call), 0);
            continue;
        }
        f = furrow_map_async(pool, &call);
        cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), 0);
        furrow_future_free(f);
    }
    before = furrow_in(0) - before;
    cr_assert_eq(pools_others(a, 30, 0, a->len), 0);
    furrow_array_free(a);
    pools_close(pool);
    return before;
}

Test(idle, sleepers_are_woken)
{
    for (int workers = 1; workers <= 4; workers *= 2)
        for (int async = 0; async < 2; async++)
            cr_assert_lt(calls_with_pauses(workers, async), 10 * INT64_C(1000000000),
                         "%d workers", workers);
    pools_leave_nothing();
}
