/* SPDX-License-Identifier: MIT
 *
 * family.h - the CPU time of several processes together.
 */
#ifndef BENCH_FAMILY_H
#define BENCH_FAMILY_H

#include "bench.h"

#include <time.h>

typedef struct bench_family {
    clockid_t clock[BENCH_FAMILY + 1];
    int count;
} bench_family;

/* This process and those that the open peer has besides it; -1 with a sentence. */
int bench_family_of(bench_family *f, const bench_peer *peer);

/* One process more. */
int bench_family_add(bench_family *f, int pid);

/* What they have burnt so far, in ns; NaN when one of them is gone. */
double bench_family_burnt(const bench_family *f);

/* What the calling thread has. */
double bench_family_mine(void);

#endif
