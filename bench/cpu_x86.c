/* SPDX-License-Identifier: MIT
 *
 * cpu_x86.c - time by the processor's counter, which ticks evenly and alike on all
 * cores of the processors of today; its rate is measured once against the monotonic
 * clock.
 */
#include "bench.h"

#include <time.h>
#include <x86intrin.h>

uint64_t bench_ticks(void)
{
    unsigned aux;
    return __rdtscp(&aux);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_ticks_per_ns(void)
{
    static double rate;
    if (rate > 0)
        return rate;
    const double start = now_ns();
    const uint64_t ticks = bench_ticks();
    double end = start;
    while (end - start < 20e6)
        end = now_ns();
    rate = (double)(bench_ticks() - ticks) / (end - start);
    return rate;
}

void bench_pause(void)
{
    _mm_pause();
}
