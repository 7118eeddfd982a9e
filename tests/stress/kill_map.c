/* SPDX-License-Identifier: MIT
 *
 * Hundreds of random SIGKILLs over a[i] = 3 a[i] + 1 in place.
 *
 * After every call each element outside the reported ranges was transformed exactly
 * once. The values show it: e, 3e + 1 and 9e + 4 differ for every 64-bit e. Inside a
 * reported range each element was transformed once or not at all. A reported range is
 * one chunk, its signal is 9 and its process one that was shot at.
 *
 *     kill_map         until KILLS workers have died, about 10 s
 *     kill_map soak    for FURROW_SOAK_MINUTES
 */
#include "hunter.h"
#include "soak.h"
#include "verdict.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define KILLS 510 /* in all three pools together */

enum { REPLACE_SECONDS = FURROW_CASE_SECONDS / 12 };

enum { FIELDS = 4, SYNC = 0, CALLER, ASYNC, UNATTENDED, WAYS };

static const size_t lengths[FIELDS] = {4096, 100003, 65536, 600011};
static const char *const way_name[WAYS] = {"sync", "caller runs", "async",
                                           "unattended"};

/* An array, and what its elements are to be. */
typedef struct field {
    furrow_array *array;
    uint64_t *expected;
} field;

typedef struct tally {
    uint64_t calls, kills, torn_calls, torn_ranges, torn_elements;
    unsigned shots;
    double longest; /* call, in seconds */
} tally;

/* ctx: how slow it is to be. */
static int step(furrow_chunk c)
{
    const unsigned pace = *(const unsigned *)c.ctx;
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        for (volatile unsigned k = pace; k > 0; k--)
            ;
        a[i] = a[i] * 3 + 1;
    }
    return 0;
}

/* One worker; sometimes all of them at once. */
static void strike(hunter *h, long pid)
{
    kill((pid_t)pid, SIGKILL);
    for (int i = 0; h->shots % 16 == 0 && i < furrow_pool_workers(h->pool); i++) {
        pid = furrow_pool_worker_pid(h->pool, i);
        if (pid <= 0)
            continue;
        hunter_note(h, pid);
        kill((pid_t)pid, SIGKILL);
    }
}

static field field_new(size_t len)
{
    field f = {furrow_array_new('Q', len, NULL), calloc(len, sizeof(uint64_t))};

    if (!f.array || !f.expected)
        fail("no array: %s", furrow_last_error()->text);
    for (size_t i = 0; i < len; i++)
        ((uint64_t *)f.array->data)[i] = f.expected[i] =
            i * UINT64_C(0x9E3779B97F4A7C15);
    return f;
}

/* ---- one call ---------------------------------------------------------------------*/

/* Nobody is inside a library call while the work goes on and workers die. */
static int unattended(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);
    double until = seconds_now() + 30;
    int rc;

    while (f && !furrow_future_ready(f) && seconds_now() < until)
        nap_us(200);
    rc = furrow_future_wait(f, 0);
    furrow_future_free(f);
    return rc;
}

static int attended(furrow_pool *pool, const furrow_call *call)
{
    furrow_future *f = furrow_map_async(pool, call);
    int rc = furrow_future_wait(f, furrow_in(30));

    furrow_future_free(f);
    return rc;
}

static int call_by(int way, furrow_pool *pool, furrow_call *call)
{
    switch (way) {
    case ASYNC:
        return attended(pool, call);
    case UNATTENDED:
        return unattended(pool, call);
    case CALLER:
        call->flags = FURROW_CALLER_RUNS;
        return furrow_map(pool, call);
    default:
        return furrow_map(pool, call);
    }
}

/* ---- what came of it --------------------------------------------------------------*/

static void check_range(hunter *h, const field *f, size_t chunk, const furrow_torn *t)
{
    size_t end = t->begin + chunk < f->array->len ? t->begin + chunk : f->array->len;

    if (t->begin % chunk || t->begin >= f->array->len || t->end != end)
        fail("[%zu, %zu) is no chunk of %zu elements", t->begin, t->end, chunk);
    if (t->worker < 0 || t->worker >= furrow_pool_workers(h->pool))
        fail("a range was torn by worker %d", t->worker);
    if (t->signal != SIGKILL || t->exit_code)
        fail("a range was torn by signal %d, exit %d", t->signal, t->exit_code);
    if (!hunter_knows(h, t->pid))
        fail("a range was torn by process %ld, which nobody killed", t->pid);
}

static void check_whole(const field *f, size_t from, size_t to, const char *way)
{
    const uint64_t *a = f->array->data;

    for (size_t i = from; i < to; i++)
        if (a[i] != f->expected[i] * 3 + 1)
            fail("%s: element %zu of %zu was transformed %s", way, i, f->array->len,
                 a[i] == f->expected[i] ? "not at all" : "wrongly or twice");
}

static void check_torn(const field *f, const furrow_torn *t)
{
    const uint64_t *a = f->array->data;

    for (size_t i = t->begin; i < t->end; i++)
        if (a[i] != f->expected[i] && a[i] != f->expected[i] * 3 + 1)
            fail("element %zu of a torn range is neither old nor new", i);
}

static void check_call(hunter *h, field *f, size_t chunk, int rc, const char *way,
                       tally *t)
{
    const furrow_torn *torn = NULL;
    size_t n = rc ? furrow_error_ranges(&torn) : 0, at = 0;

    if (rc && (rc != FURROW_EDIED || n == 0))
        fail("%s: result %d with %zu ranges: %s", way, rc, n,
             furrow_last_error()->text);
    for (size_t k = 0; k < n; k++) {
        check_range(h, f, chunk, &torn[k]);
        if (torn[k].begin < at)
            fail("range %zu begins before the end of the one before it", k);
        check_whole(f, at, torn[k].begin, way);
        check_torn(f, &torn[k]);
        at = torn[k].end;
        t->torn_elements += torn[k].end - torn[k].begin;
    }
    check_whole(f, at, f->array->len, way);
    memcpy(f->expected, f->array->data, f->array->len * sizeof(uint64_t));
    t->calls++;
    t->torn_calls += n > 0;
    t->torn_ranges += n;
}

static void one_call(hunter *h, field *fields, dice *d, tally *t)
{
    field *f = &fields[roll(d, FIELDS)];
    int way = (int)roll(d, WAYS);
    size_t least = f->array->len / 2000 + 1;
    size_t chunk = least + roll(d, (unsigned)(f->array->len / 4));
    unsigned pace = roll(d, 3) ? (unsigned)(8000000 / f->array->len) : 0;
    furrow_call call = {.kernel = step,
                        .types = ">Q",
                        .out = {f->array},
                        .ctx = &pace,
                        .ctx_size = sizeof pace,
                        .chunk = chunk};
    double start, took;
    int rc;

    h->calls++;
    start = seconds_now();
    rc = call_by(way, h->pool, &call);
    took = seconds_now() - start;
    t->longest = took > t->longest ? took : t->longest;
    check_call(h, f, chunk, rc, way_name[way], t);
    if (roll(d, 4) == 0)
        nap_us(roll(d, 3000));
}

/* ---- one pool ---------------------------------------------------------------------*/

static uint64_t deaths(furrow_pool *pool)
{
    furrow_pool_stats stats;

    if (furrow_pool_stat(pool, &stats) < 0)
        fail("no statistics");
    return stats.deaths;
}

/* With nobody shooting any more, every worker is there again and the pool is as good as
 * new. */
static void check_recovered(furrow_pool *pool, field *f)
{
    unsigned pace = 0;
    furrow_call call = {.kernel = step,
                        .types = ">Q",
                        .out = {f->array},
                        .ctx = &pace,
                        .ctx_size = sizeof pace};
    double until = seconds_now() + REPLACE_SECONDS;

    for (int i = 0; i < furrow_pool_workers(pool); i++)
        while (furrow_pool_worker_pid(pool, i) < 0 && seconds_now() < until)
            nap_us(500);
    for (int i = 0; i < furrow_pool_workers(pool); i++)
        if (furrow_pool_worker_pid(pool, i) < 0)
            fail("worker %d was not replaced within %d s", i, REPLACE_SECONDS);
    if (furrow_map(pool, &call) < 0)
        fail("a call after the last death: %s", furrow_last_error()->text);
    check_whole(f, 0, f->array->len, "afterwards");
    memcpy(f->expected, f->array->data, f->array->len * sizeof(uint64_t));
}

static void check_counts(furrow_pool *pool, uint64_t died)
{
    furrow_pool_stats stats;

    if (furrow_pool_stat(pool, &stats) < 0 || stats.deaths != died ||
        stats.replaced != died)
        fail("%llu deaths, %llu counted, %llu replaced", (unsigned long long)died,
             (unsigned long long)stats.deaths, (unsigned long long)stats.replaced);
    if (furrow_fsck() < 0)
        fail("the heap: %s", furrow_last_error()->text);
}

/* Until so many have died, or until the time has come. */
static void hunt(int workers, field *fields, uint64_t kills, double until, tally *t)
{
    static hunter h;
    static uint64_t seed;
    furrow_pool_options options = {.workers = workers, .start = FURROW_START_FORK};
    dice d = dice_of(++seed);

    h = (hunter){.pool = furrow_pool_open(&options),
                 .pause_us = 20000,
                 .strike = strike,
                 .dice = dice_of(seed + 1000)};
    if (!h.pool || hunter_start(&h) != 0)
        fail("no pool of %d workers: %s", workers, furrow_last_error()->text);
    if (furrow_pool_workers(h.pool) != workers)
        fail("%d workers instead of %d", furrow_pool_workers(h.pool), workers);
    while (deaths(h.pool) < kills && seconds_now() < until)
        one_call(&h, fields, &d, t);
    hunter_stop(&h);
    nap_us(50000); /* what the last shot hit is noticed */
    check_recovered(h.pool, &fields[1]);
    t->kills += deaths(h.pool);
    t->shots += h.shots;
    check_counts(h.pool, deaths(h.pool));
    if (furrow_pool_close(h.pool) < 0)
        fail("close: %s", furrow_last_error()->text);
}

/* ---- the whole --------------------------------------------------------------------*/

static void print(const tally *t, double seconds)
{
    printf(
        "%llu kills in %.1f s over %llu calls, the longest %.0f ms; %llu calls torn, "
        "%llu ranges, %llu elements\n",
        (unsigned long long)t->kills, seconds, (unsigned long long)t->calls,
        t->longest * 1e3, (unsigned long long)t->torn_calls,
        (unsigned long long)t->torn_ranges, (unsigned long long)t->torn_elements);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const int sizes[3] = {2, 3, 8};
    field fields[FIELDS];
    tally t = {0};
    double soak = soak_seconds(argc, argv), start = seconds_now();

    for (int i = 0; i < FIELDS; i++)
        fields[i] = field_new(lengths[i]);
    do {
        for (int i = 0; i < 3; i++)
            hunt(sizes[i], fields, KILLS / 3, soak > 0 ? start + soak : start + 100,
                 &t);
        print(&t, seconds_now() - start);
    } while (seconds_now() - start < soak);
    for (int i = 0; i < FIELDS; i++) {
        furrow_array_free(fields[i].array);
        free(fields[i].expected);
    }
    if (soak <= 0 && (t.kills < 500 || t.torn_ranges == 0))
        fail("not enough happened to prove anything");
    return 0;
}
