/* SPDX-License-Identifier: MIT
 *
 * cpu_x86.c - time by the processor's counter, which ticks evenly and alike on all
 * cores of the processors of today; its rate is measured once against the monotonic
 * clock.
 */
#include "part.h"

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

/* Pairs begin on even elements: parts do, and the memory is aligned. */
static void stream_triad(const bench_raw *job, size_t begin, size_t end)
{
    const __m128d k = _mm_set1_pd(job->k);
    for (size_t i = begin; i + 2 <= end; i += 2)
        _mm_stream_pd(job->a + i, _mm_add_pd(_mm_loadu_pd(job->b + i),
                                             _mm_mul_pd(k, _mm_loadu_pd(job->c + i))));
}

static void stream_copy(const bench_raw *job, size_t begin, size_t end)
{
    for (size_t i = begin; i + 2 <= end; i += 2)
        _mm_stream_pd(job->a + i, _mm_loadu_pd(job->b + i));
}

static void stream_fill(const bench_raw *job, size_t begin, size_t end)
{
    const __m128d k = _mm_set1_pd(job->k);
    for (size_t i = begin; i + 2 <= end; i += 2)
        _mm_stream_pd(job->a + i, k);
}

int bench_raw_stream(const bench_raw *job, size_t begin, size_t end)
{
    const size_t even = begin + (end - begin) / 2 * 2;
    if ((uintptr_t)(job->a + begin) % 16 != 0)
        return 0;
    if (job->op == BENCH_TRIAD)
        stream_triad(job, begin, even);
    else if (job->op == BENCH_COPY)
        stream_copy(job, begin, even);
    else if (job->op == BENCH_FILL)
        stream_fill(job, begin, even);
    else
        return 0;
    _mm_sfence();
    bench_raw_run(job, even, end);
    return 1;
}
