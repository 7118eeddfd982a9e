/* SPDX-License-Identifier: MIT
 *
 * gap.c - a small call after a pause, and what waiting for it burns.
 *
 * The caller is busy between the calls, as a program is in its serial part: were it
 * asleep, its own wake would be in the figures. What it burns there is not counted.
 */
#include "family.h"
#include "operands.h"

enum { MOST_CALLS = 4000, LEAST_CALLS = 8 };

/* Returns the CPU time that it took of the caller, which may not have the CPU alone. */
static double be_busy(uint64_t ticks)
{
    const double begin = bench_family_mine();
    const uint64_t until = bench_ticks() + ticks;
    while (bench_ticks() < until)
        bench_pause();
    return bench_family_mine() - begin;
}

typedef struct taken {
    size_t calls;
    double gaps; /* ns of the caller's CPU time in them */
} taken;

/* Gaps and calls: so many, or as many as there is time for. */
static int take(const bench_operands *o, const bench_peer *peer, uint64_t idle,
                taken *most, bench_samples *s)
{
    const uint64_t until = bench_ticks() + 3 * idle * most->calls;
    taken now = {0};
    for (uint64_t end = 0; now.calls < most->calls && end < until; now.calls++) {
        double unused;
        now.gaps += be_busy(idle);
        const uint64_t begin = bench_ticks();
        if (peer->run(&o->job, &unused))
            return -1;
        end = bench_ticks();
        if (s)
            bench_samples_add(s, (double)(end - begin) / bench_ticks_per_ns() / 1e3);
    }
    *most = now;
    return 0;
}

static size_t calls_in(double seconds, double idle_us)
{
    const double calls = seconds * 1e6 / idle_us;
    return calls > MOST_CALLS    ? MOST_CALLS
           : calls < LEAST_CALLS ? LEAST_CALLS
                                 : (size_t)calls;
}

static int measure(bench_operands *o, const bench_peer *peer,
                   const bench_config *config, const bench_row *row,
                   bench_result *result, bench_samples *samples)
{
    const uint64_t idle = (uint64_t)(row->idle_us * 1e3 * bench_ticks_per_ns());
    taken t = {.calls = samples->room}, warm = {.calls = samples->room / 4};
    bench_family family;
    if (bench_operands_touch(o, peer) || bench_family_of(&family, peer) ||
        take(o, peer, idle, &warm, NULL))
        return -1;
    const double begin = bench_family_burnt(&family);
    if (take(o, peer, idle, &t, samples))
        return -1;
    result->burnt = (bench_family_burnt(&family) - begin - t.gaps) / 1e3;
    result->burnt /= (double)t.calls;
    return bench_operands_check(o, peer, config, warm.calls + t.calls, 0);
}

int bench_measure_gap(const bench_row *row, const bench_peer *peer,
                      const bench_config *config, bench_result *result,
                      bench_samples *samples)
{
    bench_operands o;
    if (bench_samples_room(samples,
                           calls_in(config->quick ? 0.1 : 0.5, row->idle_us)) ||
        bench_operands_new(&o, row->op, config->memory, BENCH_SMALL))
        return -1;
    int rc = peer->open(config);
    if (rc == 0) {
        rc = measure(&o, peer, config, row, result, samples);
        peer->close();
    }
    bench_operands_free(&o);
    return rc;
}
