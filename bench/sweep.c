/* SPDX-License-Identifier: MIT
 *
 * sweep.c - passes over arrays: big ones (bandwidth), a small one (time of a call), and
 * the very first (time from allocation to the end of a fill). What the arrays hold at
 * the end is compared with what it must be; a fast wrong answer is a failure.
 */
#include "bench.h"

#include <math.h>
#include <string.h>

enum { SMALL = 10000, WARM_SWEEPS = 2, PROBES = 1009 };

typedef struct operands {
    bench_vector a, b, c;
    bench_job job;
} operands;

/* Bytes per element that a sweep moves, as the program sees it. */
static const int bytes_of_op[BENCH_OPS] = {
    [BENCH_SCALE] = 16, [BENCH_TRIAD] = 24, [BENCH_DOT] = 16,
    [BENCH_COPY] = 16,  [BENCH_FILL] = 8,   [BENCH_AXPY] = 24};

static int has_a(bench_op op)
{
    return op != BENCH_DOT;
}

static int has_b(bench_op op)
{
    return op == BENCH_TRIAD || op == BENCH_DOT || op == BENCH_COPY || op == BENCH_AXPY;
}

static int has_c(bench_op op)
{
    return op == BENCH_TRIAD || op == BENCH_DOT;
}

static void operands_free(operands *o)
{
    bench_vector_free(&o->a);
    bench_vector_free(&o->b);
    bench_vector_free(&o->c);
}

static int operands_new(operands *o, bench_op op, bench_memory kind, size_t n)
{
    *o = (operands){.job = {.op = op, .k = op == BENCH_SCALE ? -1 : 3, .n = n}};
    if ((has_a(op) && bench_vector_new(&o->a, kind, n)) ||
        (has_b(op) && bench_vector_new(&o->b, kind, n)) ||
        (has_c(op) && bench_vector_new(&o->c, kind, n))) {
        operands_free(o);
        return -1;
    }
    o->job.a = has_a(op) ? &o->a : NULL;
    o->job.b = has_b(op) ? &o->b : NULL;
    o->job.c = has_c(op) ? &o->c : NULL;
    return 0;
}

static int fill(const bench_peer *peer, const bench_vector *v, double value)
{
    const bench_job job = {.op = BENCH_FILL, .k = value, .n = v->n, .a = v};
    double unused;
    return peer->run(&job, &unused);
}

static int touch(const bench_peer *peer, const bench_vector *v, double value)
{
    if (!v->data)
        return 0;
    return (peer->populate && peer->populate(v)) || fill(peer, v, value);
}

/* The first touch, by whoever will work on it: a = 1 for scale, else 0; b = 1; c = 2.
 */
static int operands_touch(operands *o, const bench_peer *peer)
{
    return touch(peer, &o->a, o->job.op == BENCH_SCALE ? 1 : 0) ||
           touch(peer, &o->b, 1) || touch(peer, &o->c, 2);
}

/* What every element of a (or the dot product) is after so many sweeps. */
static double expected(const bench_job *job, size_t sweeps)
{
    const double n = (double)job->n, count = (double)sweeps;
    const double end[BENCH_OPS] = {[BENCH_SCALE] = sweeps % 2 ? -1 : 1,
                                   [BENCH_TRIAD] = 1 + job->k * 2,
                                   [BENCH_DOT] = 2 * n,
                                   [BENCH_COPY] = 1,
                                   [BENCH_FILL] = job->k,
                                   [BENCH_AXPY] = count * job->k};
    return end[job->op];
}

static int check_value(double got, double want, size_t at)
{
    if (fabs(got - want) <= 1e-9 * fabs(want))
        return 0;
    return bench_fail("wrong result: %g instead of %g at %zu", got, want, at);
}

/* The caller sees all of the arrays, but only its own part of memory that is private to
 * each process. */
static int check(const operands *o, const bench_peer *peer, const bench_config *config,
                 size_t sweeps, double dot)
{
    const bench_job *job = &o->job;
    const double want = expected(job, sweeps);
    const int private = peer == &bench_peer_processes && config->memory == BENCH_HUGE;
    const size_t n = private ? bench_part(job->n, 1, config->workers) : job->n;
    if (job->op == BENCH_DOT)
        return check_value(dot, want, 0);
    for (size_t i = 0; i < n; i += n / PROBES + 1)
        if (check_value(o->a.data[i], want, i))
            return -1;
    return check_value(o->a.data[n - 1], want, n - 1);
}

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

static int take(operands *o, const bench_peer *peer, const plan *p, bench_samples *s,
                double *dot)
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

static int measure(operands *o, const bench_peer *peer, const bench_config *config,
                   const plan *p, bench_result *result, bench_samples *samples)
{
    double dot = 0;
    int rc = bench_samples_room(samples, p->sweeps);
    if (rc || peer->open(config))
        return -1;
    rc = operands_touch(o, peer) || take(o, peer, p, samples, &dot) ||
         check(o, peer, config, p->warm + samples->count, dot);
    result->huge =
        p->nanoseconds > 0 ? -1 : bench_vector_huge(has_a(o->job.op) ? &o->a : &o->b);
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
    operands o;
    if (operands_new(&o, row->op, config->memory, n))
        return -1;
    const int rc = measure(&o, peer, config, &p, result, samples);
    operands_free(&o);
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
    operands o;
    if (operands_new(&o, row->op, config->memory, SMALL))
        return -1;
    const int rc = measure(&o, peer, config, &p, result, samples);
    operands_free(&o);
    return rc;
}

/* ---- the first sweep --------------------------------------------------------------*/

/* Processes that were forked before see only mappings that were there before: the limit
 * gives the memory of one mapping back and takes it again. */
static int first_again(operands *o, const bench_peer *peer, int populate, int times,
                       bench_samples *s)
{
    for (int i = 0; i < times; i++) {
        if (peer->drop(&o->a))
            return -1;
        const uint64_t begin = bench_ticks();
        if ((populate && peer->populate(&o->a)) || fill(peer, &o->a, o->job.k))
            return -1;
        bench_samples_add(s, seconds_since(begin) * 1e3);
    }
    return 0;
}

static int first_limit(const bench_peer *peer, const bench_config *config, int times,
                       bench_result *result, bench_samples *s)
{
    const int populate = strcmp(config->setting, "populate") == 0;
    operands o;
    if (operands_new(&o, BENCH_FILL, config->memory, config->bytes / sizeof(double)))
        return -1;
    int rc = peer->open(config);
    if (rc == 0) {
        rc = first_again(&o, peer, populate, times, s) || check(&o, peer, config, 1, 0)
                 ? -1
                 : 0;
        result->huge = bench_vector_huge(&o.a);
        peer->close();
    }
    operands_free(&o);
    return rc;
}

static int first_once(const bench_peer *peer, const bench_config *config, size_t n,
                      bench_result *result, bench_samples *s)
{
    operands o;
    const uint64_t begin = bench_ticks();
    if (operands_new(&o, BENCH_FILL, config->memory, n))
        return -1;
    int rc = fill(peer, &o.a, o.job.k);
    const double ms = seconds_since(begin) * 1e3;
    if (rc == 0 && s)
        bench_samples_add(s, ms);
    if (rc == 0)
        rc = check(&o, peer, config, 1, 0);
    if (result)
        result->huge = bench_vector_huge(&o.a);
    operands_free(&o);
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
    rc = first_once(peer, config, SMALL, NULL, NULL); /* the runtime's own first time */
    for (int i = 0; i < times && rc == 0; i++)
        rc = first_once(peer, config, config->bytes / sizeof(double), result, samples);
    peer->close();
    return rc;
}
