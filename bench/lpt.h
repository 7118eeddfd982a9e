/* SPDX-License-Identifier: MIT
 *
 * lpt.h - how items of known cost are best dealt out.
 */
#ifndef BENCH_LPT_H
#define BENCH_LPT_H

#include <stddef.h>
#include <stdint.h>

/* The dearest item first, each to the worker that has least so far: at most a third above
 * the best there is, and with many items within some per mille of it. Item i goes to worker
 * owner[i] (owner may be NULL). Returns the greatest sum of costs of a worker, or -1 with
 * a sentence. */
double bench_lpt(const double *cost, size_t n, int workers, uint16_t *owner);

#endif
