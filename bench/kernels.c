/* SPDX-License-Identifier: MIT
 *
 * kernels.c - plain loops, as a user would write them. Nothing here knows who calls.
 */
#include "kernels.h"

#include <stdint.h>

#define LANES 8 /* of the dot product: one alone would wait for each addition */

void bench_scale(double *a, size_t begin, size_t end, double k)
{
    for (size_t i = begin; i < end; i++)
        a[i] *= k;
}

void bench_triad(double *a, const double *b, const double *c, size_t begin, size_t end,
                 double k)
{
    for (size_t i = begin; i < end; i++)
        a[i] = b[i] + k * c[i];
}

double bench_dot(const double *b, const double *c, size_t begin, size_t end)
{
    double lane[LANES] = {0}, sum = 0;
    size_t i = begin;
    for (; i + LANES <= end; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += b[i + j] * c[i + j];
    for (; i < end; i++)
        sum += b[i] * c[i];
    for (size_t j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

void bench_copy(double *a, const double *b, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        a[i] = b[i];
}

void bench_fill(double *a, size_t begin, size_t end, double k)
{
    for (size_t i = begin; i < end; i++)
        a[i] = k;
}

void bench_axpy(double *a, const double *b, size_t begin, size_t end, double k)
{
    for (size_t i = begin; i < end; i++)
        a[i] += k * b[i];
}

double bench_items(const double *rounds, size_t begin, size_t end)
{
    double sum = 0;
    for (size_t i = begin; i < end; i++) {
        uint64_t x = UINT64_C(88172645463325252) + i;
        for (uint64_t k = (uint64_t)rounds[i]; k > 0;
             k--) { /* each waits for the last */
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        sum += (double)(x >> 44);
    }
    return sum;
}

void bench_empty(unsigned char *marks, size_t at)
{
    marks[at] = 1;
}
