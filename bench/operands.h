/* SPDX-License-Identifier: MIT
 *
 * operands.h - the arrays of a job.
 */
#ifndef BENCH_OPERANDS_H
#define BENCH_OPERANDS_H

#include "bench.h"

typedef struct bench_operands {
    bench_vector a, b, c;
    bench_job job;
} bench_operands;

/* Untouched memory for what the operation needs, n doubles each; -1 with a sentence. */
int bench_operands_new(bench_operands *o, bench_op op, bench_memory kind, size_t n);
void bench_operands_free(bench_operands *o);

/* The first touch, by whoever will work on it: a = 1 for scale, else 0; b = 1; c = 2. */
int bench_operands_touch(bench_operands *o, const bench_peer *peer);
int bench_operands_fill(const bench_peer *peer, const bench_vector *v, double value);

/* Do they hold what they must after so many sweeps? -1 with a sentence. */
int bench_operands_check(const bench_operands *o, const bench_peer *peer,
                         const bench_config *config, size_t sweeps, double dot);

#endif
