/* SPDX-License-Identifier: MIT
 *
 * Several threads of a program on one pool of 1 to 8 workers: calls of few and of odd
 * numbers of chunks, waited for or not, with the caller's part or without, cancelled,
 * past their deadline, failing. Every result is checked against the elements
 * themselves.
 *
 * Each thread has an array of its own and knows what its elements are to be. A call
 * that was cut short has done each chunk as a whole or not at all. One array is
 * everybody's: calls whose futures are given up at once; each adds 1 to all of it
 * before the pool is closed.
 */
#include "dice.h"
#include "verdict.h"

#include <furrow.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS   3
#define LEN_SMALL 20000
#define LEN_LARGE 200000 /* from 1 MiB on, workers take the memory first */
#define POOL_TIME 0.8    /* seconds for each size of pool */
#define BAD_VALUE 77

typedef struct caller {
    furrow_pool *pool;
    furrow_array *array, *common;
    uint64_t *expected;
    size_t len;
    dice dice;
    double until;
    pthread_t thread;
    int cancelled; /* the running call, before its end */
    /* what happened */
    uint64_t calls, cut_by_time, cut_by_cancel, failed, given_up;
} caller;

/* ---- kernels ----------------------------------------------------------------------*/

/* ctx of both: what goes wrong, and how slow it is. */
typedef struct plan {
    size_t bad; /* the chunk that fails; SIZE_MAX: none */
    unsigned pace;
} plan;

static int step(furrow_chunk c)
{
    const plan *p = c.ctx;
    uint64_t *a = c.out[0];

    if (c.index == p->bad)
        return BAD_VALUE;
    for (size_t i = 0; i < c.len; i++) {
        for (volatile unsigned k = p->pace; k > 0; k--)
            ;
        a[i] = a[i] * 3 + 1;
    }
    return 0;
}

static int add_one(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i]++;
    return 0;
}

/* ---- checks -----------------------------------------------------------------------*/

/* 1: the chunk was done, 0: it was not touched. */
static int done(const caller *t, size_t begin, size_t chunk)
{
    const uint64_t *a = t->array->data;
    size_t end = begin + chunk < t->len ? begin + chunk : t->len;
    int first = a[begin] != t->expected[begin];

    for (size_t i = begin; i < end; i++)
        if (a[i] != (first ? t->expected[i] * 3 + 1 : t->expected[i]))
            fail("element %zu of chunk [%zu, %zu) of %zu: %s", i, begin, end, t->len,
                 a[i] == t->expected[i] ? "not done" : "wrong");
    return first;
}

/* Chunks [0, whole) must be done, chunk `bad` must not, the others may be. Returns how
 * many were not. */
static size_t check(caller *t, size_t chunk, size_t whole, size_t bad)
{
    size_t missing = 0;

    for (size_t k = 0; k * chunk < t->len; k++) {
        int is = done(t, k * chunk, chunk);

        if (!is && k < whole)
            fail("chunk %zu of %zu elements was left out of %zu", k, chunk, t->len);
        if (is && k == bad)
            fail("chunk %zu failed and was done", k);
        missing += !is;
    }
    memcpy(t->expected, t->array->data, t->len * sizeof(uint64_t));
    return missing;
}

static void check_result(caller *t, const furrow_call *call, size_t bad, int rc)
{
    size_t missing;

    t->calls++;
    switch (rc) {
    case 0:
        if (bad * call->chunk < t->len && bad != SIZE_MAX)
            fail("a failing kernel was not told");
        check(t, call->chunk, SIZE_MAX, SIZE_MAX);
        return;
    case FURROW_EKERNEL:
        if (!strstr(furrow_last_error()->text, "returned 77"))
            fail("%s", furrow_last_error()->text);
        check(t, call->chunk, call->deadline || t->cancelled ? 0 : bad, bad);
        t->failed++;
        return;
    case FURROW_ETIME:
        if (!call->deadline)
            fail("a call without deadline: %s", furrow_last_error()->text);
        missing = check(t, call->chunk, 0, bad);
        t->cut_by_time++;
        break;
    case FURROW_ECANCELED:
        if (!t->cancelled)
            fail("nobody cancelled it: %s", furrow_last_error()->text);
        missing = check(t, call->chunk, 0, bad);
        t->cut_by_cancel++;
        break;
    default:
        fail("result %d: %s", rc, furrow_last_error()->text);
    }
    if (missing == 0)
        fail("result %d, but everything was done", rc);
}

/* ---- calls ------------------------------------------------------------------------*/

static void look_at(furrow_future *f, dice *d)
{
    size_t n = 0, total = 0;

    for (unsigned k = roll(d, 4); k > 0; k--) {
        (void)furrow_future_ready(f);
        if (furrow_future_progress(f, &n, &total) < 0 || n > total)
            fail("progress: %zu of %zu", n, total);
    }
}

static int later(caller *t, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(t->pool, call);
    int rc;

    if (!f)
        fail("%s", furrow_last_error()->text);
    look_at(f, &t->dice);
    if (roll(&t->dice, 3) == 0) {
        dawdle_us(roll(&t->dice, 100));
        (void)furrow_future_cancel(f);
        t->cancelled = 1;
    }
    while ((rc = furrow_future_wait(f, roll(&t->dice, 2) ? furrow_in(1e-4)
                                                         : furrow_in(60))) ==
               FURROW_ETIME &&
           !furrow_future_ready(f))
        ;
    rc = furrow_future_wait(f, FURROW_FOREVER);
    if (roll(&t->dice, 3) == 0)
        (void)furrow_future_cancel(f); /* too late: no other call may suffer from it */
    furrow_future_free(f);
    return rc;
}

static void give_up(caller *t)
{
    furrow_call call = {.kernel = add_one, .types = ">Q", .out = {t->common}};
    furrow_future *f = furrow_map_async(t->pool, &call);

    if (f)
        t->given_up++;
    else if (furrow_last_error()->code != FURROW_EBUSY)
        fail("%s", furrow_last_error()->text);
    furrow_future_free(f);
}

static size_t some_chunk(dice *d, size_t len)
{
    switch (roll(d, 4)) {
    case 0:
        return len; /* one */
    case 1:
        return len / (1 + roll(d, 9)) + 1; /* as many as workers, about */
    case 2:
        return 1 + roll(d, 7); /* thousands */
    default:
        return 1 + roll(d, (unsigned)len);
    }
}

static void one_call(caller *t)
{
    dice *d = &t->dice;
    plan p = {.bad = roll(d, 8) ? SIZE_MAX : roll(d, 5), .pace = roll(d, 3) ? 0 : 20};
    furrow_call call = {.kernel = step,
                        .types = ">Q",
                        .out = {t->array},
                        .ctx = &p,
                        .ctx_size = sizeof p,
                        .chunk = some_chunk(d, t->len)};
    int rc;

    t->cancelled = 0;
    if (roll(d, 5) == 0)
        call.deadline = furrow_in(roll(d, 200) * 1e-6);
    switch (roll(d, 3)) {
    case 0:
        rc = later(t, &call);
        break;
    case 1:
        call.flags = FURROW_CALLER_RUNS;
        rc = furrow_map(t->pool, &call);
        break;
    default:
        rc = furrow_map(t->pool, &call);
    }
    check_result(t, &call, p.bad, rc);
    if (roll(d, 20) == 0)
        give_up(t);
    if (roll(d, 30) == 0)
        nap_us(roll(d, 2000)); /* long enough for workers to fall asleep */
}

/* What else may be asked of a pool while others use it. */
static void look_around(caller *t)
{
    uint64_t sum = 0, expected = 0;
    furrow_pool_stats stats;

    for (size_t i = 0; i < t->len; i++)
        expected += t->expected[i];
    if (furrow_sum(t->pool, t->array, &sum) < 0 || sum != expected)
        fail("sum %llu instead of %llu: %s", (unsigned long long)sum,
             (unsigned long long)expected, furrow_last_error()->text);
    if (furrow_pool_stat(t->pool, &stats) < 0 || stats.deaths)
        fail("deaths without a killer");
    if (roll(&t->dice, 10) == 0 &&
        furrow_pool_timeline(t->pool, FURROW_BINARY_DIR "/stress_timeline.svg") < 0)
        fail("%s", furrow_last_error()->text);
}

static void *be_caller(void *arg)
{
    caller *t = arg;

    do {
        one_call(t);
        if (roll(&t->dice, 30) == 0)
            look_around(t);
    } while (seconds_now() < t->until);
    return NULL;
}

/* ---- one pool ---------------------------------------------------------------------*/

static void caller_init(caller *t, furrow_pool *pool, furrow_array *common,
                        unsigned seed)
{
    *t = (caller){.pool = pool,
                  .common = common,
                  .dice = dice_of(seed),
                  .until = seconds_now() + POOL_TIME};
    t->len = 1 + roll(&t->dice, seed % CALLERS ? LEN_SMALL : LEN_LARGE);
    t->array = furrow_array_new('Q', t->len, NULL);
    t->expected = calloc(t->len, sizeof *t->expected);
    if (!t->array || !t->expected)
        fail("no array");
    for (size_t i = 0; i < t->len; i++)
        ((uint64_t *)t->array->data)[i] = t->expected[i] = i + 1;
}

static void caller_fini(caller *t, caller *sum)
{
    sum->calls += t->calls;
    sum->cut_by_time += t->cut_by_time;
    sum->cut_by_cancel += t->cut_by_cancel;
    sum->failed += t->failed;
    sum->given_up += t->given_up;
    furrow_array_free(t->array);
    free(t->expected);
}

static void check_common(furrow_array *common, uint64_t value)
{
    const uint64_t *a = common->data;

    for (size_t i = 0; i < common->len; i++)
        if (a[i] != value)
            fail("%llu calls were given up, element %zu has seen %llu",
                 (unsigned long long)value, i, (unsigned long long)a[i]);
    furrow_array_free(common);
}

static void run_pool(int workers, caller *sum)
{
    /* on a busy machine a kernel may be kept waiting for longer than the usual grace */
    furrow_pool_options options = {.workers = workers, .trace = 50, .grace = 60};
    furrow_pool *pool = furrow_pool_open(&options);
    furrow_array *common = furrow_array_new('Q', 1001, NULL);
    caller t[CALLERS];
    uint64_t before = sum->given_up;

    if (!pool || !common)
        fail("%s", furrow_last_error()->text);
    for (unsigned i = 0; i < CALLERS; i++) {
        caller_init(&t[i], pool, common, (unsigned)workers * 100 + i);
        if (pthread_create(&t[i].thread, NULL, be_caller, &t[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(t[i].thread, NULL);
        caller_fini(&t[i], sum);
    }
    if (furrow_pool_close(pool) < 0)
        fail("close: %s", furrow_last_error()->text);
    check_common(common, sum->given_up - before);
}

int main(void)
{
    caller sum = {0};

    for (int workers = 1; workers <= 8; workers++)
        run_pool(workers, &sum);
    printf("%llu calls: %llu cut by their deadline, %llu cancelled, %llu failed; %llu "
           "given "
           "up\n",
           (unsigned long long)sum.calls, (unsigned long long)sum.cut_by_time,
           (unsigned long long)sum.cut_by_cancel, (unsigned long long)sum.failed,
           (unsigned long long)sum.given_up);
    if (!sum.cut_by_time || !sum.cut_by_cancel || !sum.failed || !sum.given_up)
        fail("not everything happened");
    return 0;
}
