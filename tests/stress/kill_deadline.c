/* SPDX-License-Identifier: MIT
 *
 * Deadlines with a short grace, and kernels that end just then.
 *
 * What the pool ends because of a deadline is that call's own affair: the next call,
 * which has no deadline, always succeeds, however narrowly a worker got away.
 */
#include "dice.h"
#include "verdict.h"

#include <furrow.h>
#include <signal.h>
#include <string.h>

#define PAIRS 600
#define LEN   6

/* ctx: microseconds for each element. */
static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        dawdle_us(*(const unsigned *)c.ctx);
        a[i]++;
    }
    return 0;
}

/* Every element was reached once more, but for those of a call that was cut short. */
static void check(const furrow_array *a, uint64_t *expected, int complete)
{
    const uint64_t *data = a->data;

    for (size_t i = 0; i < a->len; i++) {
        if (data[i] != expected[i] + 1 && (complete || data[i] != expected[i]))
            fail("element %zu is %llu after %llu", i, (unsigned long long)data[i],
                 (unsigned long long)expected[i]);
        expected[i] = data[i];
    }
}

static int run(furrow_pool *pool, const furrow_call *call, int async)
{
    furrow_future *f;
    int rc;

    if (!async)
        return furrow_map(pool, call);
    f = furrow_map_async(pool, call);
    rc = furrow_future_wait(f, furrow_in(10));
    furrow_future_free(f);
    return rc;
}

int main(void)
{
    furrow_pool_options options = {
        .workers = 2, .start = FURROW_START_FORK, .grace = 1e-4};
    furrow_pool *pool = furrow_pool_open(&options);
    furrow_array *a = furrow_array_new('Q', LEN, NULL);
    uint64_t expected[LEN] = {0};
    unsigned us = 0, late = 0;
    furrow_pool_stats stats;
    dice d = dice_of(11);

    if (!pool || !a)
        fail("%s", furrow_last_error()->text);
    for (int pair = 0; pair < PAIRS; pair++) {
        furrow_call call = {.kernel = step,
                            .types = ">Q",
                            .out = {a},
                            .ctx = &us,
                            .ctx_size = sizeof us,
                            .chunk = 1};
        int async = (int)roll(&d, 2), rc;

        us = 100 + roll(&d, 600);
        call.deadline = furrow_in(roll(&d, 600) * 1e-6);
        rc = run(pool, &call, async);
        if (rc < 0 && rc != FURROW_ETIME)
            fail("with a deadline: %d, %s", rc, furrow_last_error()->text);
        late += rc < 0;
        check(a, expected, rc == 0);
        us = 50;
        call.deadline = 0;
        if (run(pool, &call, async) < 0)
            fail("without a deadline, pair %d: %s", pair, furrow_last_error()->text);
        check(a, expected, 1);
    }
    if (furrow_pool_stat(pool, &stats) < 0 || late == 0 || stats.deaths == 0)
        fail("%u calls were late, %llu workers ended: that proves nothing", late,
             (unsigned long long)stats.deaths);
    printf("%u of %d calls late, %llu workers ended for it\n", late, PAIRS,
           (unsigned long long)stats.deaths);
    furrow_array_free(a);
    return furrow_pool_close(pool) != 0;
}
