/* SPDX-License-Identifier: MIT
 *
 * What the machine can do: a kernel swept over shared memory by plain forked processes,
 * each with its own fixed part, without furrow's machinery.
 */
#ifndef DEMO_LIMIT_H
#define DEMO_LIMIT_H

#include <furrow.h>

#define LIMIT_PROCESSES 256
#define LIMIT_SWEEPS    5 /* timed ones; one more goes before them */

typedef struct limit {
    furrow_kernel kernel; /* called once per sweep and process, with its whole part */
    furrow_array *array;  /* its out[0] */
    const void *ctx;
    const furrow_pool *pool; /* its workers' CPUs are used, where they can be known */
    int processes;           /* 1 .. LIMIT_PROCESSES */
} limit;

/* Seconds of the best sweep, or -1 when a process failed. The kernel has then run
 * LIMIT_SWEEPS + 1 times on every element. */
double limit_measure(const limit *l);

#endif
