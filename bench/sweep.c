/* SPDX-License-Identifier: MIT
 *
 * sweep.c - passes over arrays: big ones (bandwidth), a small one (time of a call), and
 * the very first (time from allocation to the end of a fill). What the arrays hold at
 * the end is compared with what it must be; a fast wrong answer is a failure.
 */
#include "operands.h"

#include <string.h>

enum { WARM_SWEEPS = 2 };

/* Bytes per element that a sweep moves, as the program sees it. */
static const int bytes_of_op[BENCH_OPS] = {
    [BENCH_SCALE] = 16, [BENCH_TRIAD] = 24, [BENCH_DOT] = 16,
    [BENCH_COPY] = 16,  [BENCH_FILL] = 8,   [BENCH_AXPY] = 24};

static double seconds_since(uint64_t begin)
{
    return (double)(bench_ticks() - begin) / bench_ticks_per_ns() / 1e9;
}

typedef struct plan {
    size_t warm, sweeps;
    double seconds;     /* stop taking samples after so many */
    double numerator;   /* sample = numerator / seconds when positive */
    double nanoseconds; /* else seconds * this */
} plan;

static int take(bench_operands *o, const bench_peer *peer, const plan *p,
                bench_samples *s, double *dot)
{
    const uint64_t start = bench_ticks();
    for (size_t i = 0; i < p->warm; i++)
        if (peer->run(&o->job, dot))
            return -1;
    for (size_t i = 0; i < p->sweeps; i++) {
        const uint64_t begin = bench_ticks();
        if (peer->run(&o->job, dot))
            return -1;
        const double t = seconds_since(begin);
        bench_samples_add(s, p->numerator > 0 ? p->numerator / t : t * p->nanoseconds);
        if (i > 2 && seconds_since(start) > p->seconds)
            break;
    }
    return 0;
}

static int measure(bench_operands *o, const bench_peer *peer,
                   const bench_config *config, const plan *p, bench_result *result,
                   bench_samples *samples)
{
    double dot = 0;
    int rc = bench_samples_room(samples, p->sweeps);
    if (rc || peer->open(config))
        return -1;
    rc = bench_operands_touch(o, peer) || take(o, peer, p, samples, &dot) ||
         bench_operands_check(o, peer, config, p->warm + samples->count, dot);
    result->huge =
        p->nanoseconds > 0 ? -1 : bench_vector_huge(o->a.data ? &o->a : &o->b);
    peer->close();
    return rc ? -1 : 0;
}

int bench_measure_sweep(const bench_row *row, const bench_peer *peer,
                        const bench_config *config, bench_result *result,
                        bench_samples *samples)
{
    const size_t n = config->bytes / sizeof(double);
    const plan p = {.warm = WARM_SWEEPS,
                    .sweeps = config->quick ? 5 : 15,
                    .seconds = config->quick ? 1 : 5,
                    .numerator = (double)n * bytes_of_op[row->op] / 1e9};
    bench_operands o;
    if (bench_operands_new(&o, row->op, config->memory, n))
        return -1;
    const int rc = measure(&o, peer, config, &p, result, samples);
    bench_operands_free(&o);
    return rc;
}

int bench_measure_small(const bench_row *row, const bench_peer *peer,
                        const bench_config *config, bench_result *result,
                        bench_samples *samples)
{
    const plan p = {.warm = 500,
                    .sweeps = config->quick ? 2000 : 20000,
                    .seconds = config->quick ? 0.5 : 2,
                    .nanoseconds = 1e9};
    bench_operands o;
    if (bench_operands_new(&o, row->op, config->memory, BENCH_SMALL))
        return -1;
    const int rc = measure(&o, peer, config, &p, result, samples);
    bench_operands_free(&o);
    return rc;
}

/* ---- the first sweep --------------------------------------------------------------*/

/* Processes that were forked before see only mappings that were there before: the limit
 * gives the memory of one mapping back and takes it again. */
static int first_again(bench_operands *o, const bench_peer *peer, int populate,
                       int times, bench_samples *s)
{
    for (int i = 0; i < times; i++) {
        if (peer->drop(&o->a))
            return -1;
        const uint64_t begin = bench_ticks();
        if ((populate && peer->populate(&o->a)) ||
            bench_operands_fill(peer, &o->a, o->job.k))
            return -1;
        bench_samples_add(s, seconds_since(begin) * 1e3);
    }
    return 0;
}

static int first_limit(const bench_peer *peer, const bench_config *config, int times,
                       bench_result *result, bench_samples *s)
{
    const int populate = strcmp(config->setting, "populate") == 0;
    bench_operands o;
    if (bench_operands_new(&o, BENCH_FILL, config->memory,
                           config->bytes / sizeof(double)))
        return -1;
    int rc = peer->open(config);
    if (rc == 0) {
        rc = first_again(&o, peer, populate, times, s) ||
                     bench_operands_check(&o, peer, config, 1, 0)
                 ? -1
                 : 0;
        result->huge = bench_vector_huge(&o.a);
        peer->close();
    }
    bench_operands_free(&o);
    return rc;
}

static int first_once(const bench_peer *peer, const bench_config *config, size_t n,
                      bench_result *result, bench_samples *s)
{
    bench_operands o;
    const uint64_t begin = bench_ticks();
    if (bench_operands_new(&o, BENCH_FILL, config->memory, n))
        return -1;
    int rc = bench_operands_fill(peer, &o.a, o.job.k);
    const double ms = seconds_since(begin) * 1e3;
    if (rc == 0 && s)
        bench_samples_add(s, ms);
    if (rc == 0)
        rc = bench_operands_check(&o, peer, config, 1, 0);
    if (result)
        result->huge = bench_vector_huge(&o.a);
    bench_operands_free(&o);
    return rc;
}

int bench_measure_first(const bench_row *row, const bench_peer *peer,
                        const bench_config *config, bench_result *result,
                        bench_samples *samples)
{
    const int times = config->quick ? 2 : 4;
    int rc = bench_samples_room(samples, (size_t)times);
    (void)row;
    if (rc == 0 && peer->drop)
        return first_limit(peer, config, times, result, samples);
    if (rc || peer->open(config))
        return -1;
    rc = first_once(peer, config, BENCH_SMALL, NULL,
                    NULL); /* the runtime's own first time */
    for (int i = 0; i < times && rc == 0; i++)
        rc = first_once(peer, config, config->bytes / sizeof(double), result, samples);
    peer->close();
    return rc;
}
