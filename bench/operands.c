/* SPDX-License-Identifier: MIT
 *
 * operands.c - the arrays of a job: taken, filled, and compared at the end with what
 * they must hold then.
 */
#include "operands.h"

#include <math.h>

enum { PROBES = 1009 };

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

void bench_operands_free(bench_operands *o)
{
    bench_vector_free(&o->a);
    bench_vector_free(&o->b);
    bench_vector_free(&o->c);
}

int bench_operands_new(bench_operands *o, bench_op op, bench_memory kind, size_t n)
{
    *o = (bench_operands){.job = {.op = op, .k = op == BENCH_SCALE ? -1 : 3, .n = n}};
    if ((has_a(op) && bench_vector_new(&o->a, kind, n)) ||
        (has_b(op) && bench_vector_new(&o->b, kind, n)) ||
        (has_c(op) && bench_vector_new(&o->c, kind, n))) {
        bench_operands_free(o);
        return -1;
    }
    o->job.a = has_a(op) ? &o->a : NULL;
    o->job.b = has_b(op) ? &o->b : NULL;
    o->job.c = has_c(op) ? &o->c : NULL;
    return 0;
}

int bench_operands_fill(const bench_peer *peer, const bench_vector *v, double value)
{
    const bench_job job = {.op = BENCH_FILL, .k = value, .n = v->n, .a = v};
    double unused;
    return peer->run(&job, &unused);
}

static int touch(const bench_peer *peer, const bench_vector *v, double value)
{
    if (!v->data)
        return 0;
    return (peer->populate && peer->populate(v)) || bench_operands_fill(peer, v, value);
}

/* The first touch, by whoever will work on it: a = 1 for scale, else 0; b = 1; c = 2.
 */
int bench_operands_touch(bench_operands *o, const bench_peer *peer)
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
int bench_operands_check(const bench_operands *o, const bench_peer *peer,
                         const bench_config *config, size_t sweeps, double dot)
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
