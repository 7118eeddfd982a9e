/* SPDX-License-Identifier: MIT
 *
 * part.h - one worker's part of a job by the common kernels.
 */
#ifndef BENCH_PART_H
#define BENCH_PART_H

#include "bench.h"

/* A job with nothing but addresses: it may be copied to another process. */
typedef struct bench_raw {
    bench_op op;
    double k;
    size_t n;
    double *a;
    const double *b, *c;
} bench_raw;

bench_raw bench_raw_of(const bench_job *job);

/* Elements [begin, end) of the job; returns their share of the sum, else 0. */
double bench_raw_run(const bench_raw *job, size_t begin, size_t end);

/* The same with stores that pass the caches by, for operations that do not read what
 * they write; 1 when done, 0 when there is no such thing for it here (cpu_*.c). */
int bench_raw_stream(const bench_raw *job, size_t begin, size_t end);

/* The part of worker w. */
double bench_raw_run_part(const bench_raw *job, int w, int workers);

#endif
