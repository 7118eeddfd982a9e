/* SPDX-License-Identifier: MIT
 *
 * kernels.h - the user's kernels: one object file, called by every contender, so that
 * who splits the work is all that differs.
 */
#ifndef BENCH_KERNELS_H
#define BENCH_KERNELS_H

#include <stddef.h>

void bench_scale(double *a, size_t begin, size_t end, double k);
void bench_triad(double *a, const double *b, const double *c, size_t begin, size_t end,
                 double k);
double bench_dot(const double *b, const double *c, size_t begin, size_t end);
void bench_copy(double *a, const double *b, size_t begin, size_t end);
void bench_fill(double *a, size_t begin, size_t end, double k);
void bench_axpy(double *a, const double *b, size_t begin, size_t end, double k);

/* Items that cost so many rounds each of arithmetic in registers. Returns the sum of
 * small whole numbers, which is exact in any order. */
double bench_items(const double *rounds, size_t begin, size_t end);

/* The work of an empty dispatch: say that it ran. */
void bench_empty(unsigned char *marks, size_t at);

#endif
