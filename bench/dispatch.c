/* SPDX-License-Identifier: MIT
 *
 * dispatch.c - how long an empty call takes: one by one, and back to back.
 *
 * A dispatch counts only if every worker ran one of its chunks, of which there are as
 * many as workers: a runtime that lets the caller do everything has not dispatched. The
 * row `isolated` asks for less: that a worker ran it, whichever.
 * Slot i of a worker's row of marks belongs to dispatch i; the rows are looked at when
 * time is no longer taken.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 100, WARM = 2000, SINGLES = 40000, SINGLES_QUICK = 4000 };

bench_marks bench_the_marks;

static int marks_new(int workers, uint32_t slots)
{
    bench_the_marks.stride = (slots + 2 * BENCH_LINE - 1) / BENCH_LINE * BENCH_LINE;
    bench_the_marks.bytes = bench_shared_page(bench_the_marks.stride * (size_t)workers);
    return bench_the_marks.bytes ? 0 : bench_fail("no shared memory for the marks");
}

static void marks_clear(int workers)
{
    memset(bench_the_marks.bytes, 0, bench_the_marks.stride * (size_t)workers);
}

static int how_many_ran(int workers, uint32_t slot)
{
    int count = 0;
    for (int w = 0; w < workers; w++)
        count += bench_the_marks.bytes[(size_t)w * bench_the_marks.stride + slot];
    return count;
}

/* Slots far apart, so that each page of the marks is there before time is taken. */
static int warm(const bench_peer *peer, uint32_t slots, uint64_t until)
{
    for (uint32_t i = 0; i < WARM && bench_ticks() < until; i++)
        if (peer->dispatch((uint32_t)((uint64_t)i * 1021 % slots)))
            return -1;
    return 0;
}

/* At most `slots` dispatches until the time is over; returns how many, or -1. */
static int64_t take_singles(const bench_peer *peer, uint64_t *ticks, uint32_t slots,
                            uint64_t until)
{
    uint64_t now = bench_ticks();
    uint32_t i = 0;
    for (; i < slots && now < until; i++) {
        const uint64_t begin = bench_ticks();
        if (peer->dispatch(i))
            return -1;
        now = bench_ticks();
        ticks[i] = now - begin;
    }
    return i;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over batches of the time of one dispatch in nanoseconds. */
static int take_batches(const bench_peer *peer, uint32_t slots, uint64_t until,
                        double *out)
{
    double *batch = calloc(slots / BATCH, sizeof *batch);
    size_t count = 0;
    int rc = batch ? 0 : bench_fail("no memory for batches");
    while (rc == 0 && count < slots / BATCH && bench_ticks() < until) {
        const uint64_t begin = bench_ticks();
        for (uint32_t i = 0; i < BATCH && rc == 0; i++)
            rc = peer->dispatch((uint32_t)count * BATCH + i);
        batch[count++] = (double)(bench_ticks() - begin) / BATCH / bench_ticks_per_ns();
    }
    if (rc == 0 && count) {
        qsort(batch, count, sizeof *batch, compare);
        *out = batch[count / 2];
    }
    free(batch);
    return rc;
}

static uint64_t seconds_from_now(double seconds)
{
    return bench_ticks() + (uint64_t)(seconds * 1e9 * bench_ticks_per_ns());
}

/* Keeps those in which at least `least` workers ran. */
static void keep_counted(const bench_config *config, int least, const uint64_t *ticks,
                         uint32_t taken, bench_result *result, bench_samples *samples)
{
    for (uint32_t i = 0; i < taken; i++) {
        const int ran = how_many_ran(config->workers, i);
        result->counted += ran == config->workers;
        if (ran >= least)
            bench_samples_add(samples, (double)ticks[i] / bench_ticks_per_ns());
    }
    result->offered = least ? taken : 0;
}

static int measure(const bench_peer *peer, const bench_config *config, uint64_t *ticks,
                   uint32_t slots, bench_result *result)
{
    const double budget = config->quick ? 0.5 : 2;
    int64_t taken = -1;
    if (warm(peer, slots, seconds_from_now(budget)) ||
        take_batches(peer, slots, seconds_from_now(budget), &result->batched))
        return -1;
    marks_clear(config->workers);
    if (warm(peer, 1, seconds_from_now(budget / 10)) == 0)
        taken = take_singles(peer, ticks, slots, seconds_from_now(budget));
    return (int)taken;
}

static int measure_calls(const bench_peer *peer, const bench_config *config, int least,
                         bench_result *result, bench_samples *samples)
{
    const uint32_t slots = config->quick ? SINGLES_QUICK : SINGLES;
    const int works = peer != &bench_peer_floor && peer != &bench_peer_handover;
    uint64_t *ticks = calloc(slots, sizeof *ticks);
    int taken = -1;
    if (!ticks || bench_samples_room(samples, slots))
        bench_fail("no memory for the samples");
    else if (marks_new(config->workers, slots) == 0 && peer->open(config) == 0) {
        memset(ticks, 1, slots * sizeof *ticks); /* its pages are there now */
        taken = measure(peer, config, ticks, slots, result);
        if (taken >= 0)
            keep_counted(config, works ? least : 0, ticks, (uint32_t)taken, result,
                         samples);
        peer->close();
    }
    free(ticks);
    return taken < 0 ? -1 : 0;
}

int bench_measure_dispatch(const bench_row *row, const bench_peer *peer,
                           const bench_config *config, bench_result *result,
                           bench_samples *samples)
{
    (void)row;
    return measure_calls(peer, config, config->workers, result, samples);
}

int bench_measure_isolated(const bench_row *row, const bench_peer *peer,
                           const bench_config *config, bench_result *result,
                           bench_samples *samples)
{
    (void)row;
    return measure_calls(peer, config, 1, result, samples);
}
