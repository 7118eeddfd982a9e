/* SPDX-License-Identifier: MIT
 *
 * Whole lines by the streaming stores of SSE2, AVX2 and AVX-512.
 *
 * Each line is written by stores that follow one another, so that it leaves the write
 * buffer whole: only then is it not read first. Multiplication and addition stay apart
 * (this file is compiled without contraction, AVX-512 has fused ones): the plain loops
 * round twice, and so must these. Software prefetch, and computing a few lines before
 * storing them, were measured and gained nothing on Zen 5.
 */
#include "cpu.h"
#include "atomic.h"

#include <cpuid.h>
#include <immintrin.h>

/* ---- SSE2: four stores a line -----------------------------------------------------*/

static void copy_sse2(void *to, const void *from, size_t lines)
{
    const __m128i *f = from;
    __m128i *t = to;

    for (const __m128i *end = f + 4 * lines; f < end; f += 4, t += 4) {
        const __m128i a = _mm_loadu_si128(f), b = _mm_loadu_si128(f + 1);
        const __m128i c = _mm_loadu_si128(f + 2), d = _mm_loadu_si128(f + 3);

        _mm_stream_si128(t, a);
        _mm_stream_si128(t + 1, b);
        _mm_stream_si128(t + 2, c);
        _mm_stream_si128(t + 3, d);
    }
    _mm_sfence();
}

static void fill_sse2(void *to, const void *line, size_t lines)
{
    const __m128i *f = line;
    const __m128i a = _mm_loadu_si128(f), b = _mm_loadu_si128(f + 1);
    const __m128i c = _mm_loadu_si128(f + 2), d = _mm_loadu_si128(f + 3);
    __m128i *t = to;

    for (const __m128i *end = t + 4 * lines; t < end; t += 4) {
        _mm_stream_si128(t, a);
        _mm_stream_si128(t + 1, b);
        _mm_stream_si128(t + 2, c);
        _mm_stream_si128(t + 3, d);
    }
    _mm_sfence();
}

static void triad_d_sse2(double *z, const double *x, double a, const double *y,
                         size_t lines)
{
    const __m128d va = _mm_set1_pd(a);

    for (size_t i = 0; i < 8 * lines; i += 2) {
        const __m128d product = _mm_mul_pd(va, _mm_loadu_pd(y + i));

        _mm_stream_pd(z + i, _mm_add_pd(_mm_loadu_pd(x + i), product));
    }
    _mm_sfence();
}

static void triad_f_sse2(float *z, const float *x, float a, const float *y,
                         size_t lines)
{
    const __m128 va = _mm_set1_ps(a);

    for (size_t i = 0; i < 16 * lines; i += 4) {
        const __m128 product = _mm_mul_ps(va, _mm_loadu_ps(y + i));

        _mm_stream_ps(z + i, _mm_add_ps(_mm_loadu_ps(x + i), product));
    }
    _mm_sfence();
}

/* ---- AVX2: two stores a line ------------------------------------------------------*/

__attribute__((target("avx2"))) static void copy_avx2(void *to, const void *from,
                                                      size_t lines)
{
    const __m256i *f = from;
    __m256i *t = to;

    for (const __m256i *end = f + 2 * lines; f < end; f += 2, t += 2) {
        const __m256i a = _mm256_loadu_si256(f), b = _mm256_loadu_si256(f + 1);

        _mm256_stream_si256(t, a);
        _mm256_stream_si256(t + 1, b);
    }
    _mm_sfence();
}

__attribute__((target("avx2"))) static void fill_avx2(void *to, const void *line,
                                                      size_t lines)
{
    const __m256i *f = line;
    const __m256i a = _mm256_loadu_si256(f), b = _mm256_loadu_si256(f + 1);
    __m256i *t = to;

    for (const __m256i *end = t + 2 * lines; t < end; t += 2) {
        _mm256_stream_si256(t, a);
        _mm256_stream_si256(t + 1, b);
    }
    _mm_sfence();
}

__attribute__((target("avx2"))) static void
triad_d_avx2(double *z, const double *x, double a, const double *y, size_t lines)
{
    const __m256d va = _mm256_set1_pd(a);

    for (size_t i = 0; i < 8 * lines; i += 4) {
        const __m256d product = _mm256_mul_pd(va, _mm256_loadu_pd(y + i));

        _mm256_stream_pd(z + i, _mm256_add_pd(_mm256_loadu_pd(x + i), product));
    }
    _mm_sfence();
}

__attribute__((target("avx2"))) static void
triad_f_avx2(float *z, const float *x, float a, const float *y, size_t lines)
{
    const __m256 va = _mm256_set1_ps(a);

    for (size_t i = 0; i < 16 * lines; i += 8) {
        const __m256 product = _mm256_mul_ps(va, _mm256_loadu_ps(y + i));

        _mm256_stream_ps(z + i, _mm256_add_ps(_mm256_loadu_ps(x + i), product));
    }
    _mm_sfence();
}

/* ---- AVX-512: one store a line ----------------------------------------------------*/

__attribute__((target("avx512f"))) static void copy_avx512(void *to, const void *from,
                                                           size_t lines)
{
    const __m512i *f = from;
    __m512i *t = to;

    for (const __m512i *end = f + lines; f < end; f++, t++)
        _mm512_stream_si512(t, _mm512_loadu_si512(f));
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void fill_avx512(void *to, const void *line,
                                                           size_t lines)
{
    const __m512i v = _mm512_loadu_si512(line);
    __m512i *t = to;

    for (const __m512i *end = t + lines; t < end; t++)
        _mm512_stream_si512(t, v);
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void
triad_d_avx512(double *z, const double *x, double a, const double *y, size_t lines)
{
    const __m512d va = _mm512_set1_pd(a);

    for (size_t i = 0; i < 8 * lines; i += 8) {
        const __m512d product = _mm512_mul_pd(va, _mm512_loadu_pd(y + i));

        _mm512_stream_pd(z + i, _mm512_add_pd(_mm512_loadu_pd(x + i), product));
    }
    _mm_sfence();
}

__attribute__((target("avx512f"))) static void
triad_f_avx512(float *z, const float *x, float a, const float *y, size_t lines)
{
    const __m512 va = _mm512_set1_ps(a);

    for (size_t i = 0; i < 16 * lines; i += 16) {
        const __m512 product = _mm512_mul_ps(va, _mm512_loadu_ps(y + i));

        _mm512_stream_ps(z + i, _mm512_add_ps(_mm512_loadu_ps(x + i), product));
    }
    _mm_sfence();
}

/* ---- the choice -------------------------------------------------------------------*/

enum { AVX512, AVX2, SSE2, SETS };

static const fw_cpu_lines sets[SETS] = {
    [AVX512] = {"avx512", copy_avx512, fill_avx512, triad_d_avx512, triad_f_avx512},
    [AVX2] = {"avx2", copy_avx2, fill_avx2, triad_d_avx2, triad_f_avx2},
    [SSE2] = {"sse2", copy_sse2, fill_sse2, triad_d_sse2, triad_f_sse2},
};

/* The compiler's library asks the processor once, at the start of the program; this
 * reads what it noted. */
const fw_cpu_lines *fw_cpu_lines_here(size_t *count)
{
    int first = SSE2;

    if (__builtin_cpu_supports("avx2"))
        first = __builtin_cpu_supports("avx512f") ? AVX512 : AVX2;
    *count = (size_t)(SETS - first);
    return &sets[first];
}

/* The leaf of cpuid that lists the caches: AMD's or Intel's, the same layout. 0: none.
 */
static unsigned cache_leaf(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c >> 22 & 1))
        return 0x8000001d;
    return __get_cpuid_max(0, NULL) >= 4 ? 4 : 0;
}

/* Bytes of the cache of the highest level in that leaf, or 0. */
static size_t largest_cache(unsigned leaf)
{
    unsigned a, b, c, d, top = 0;
    size_t size = 0;

    for (unsigned i = 0; i < 16; i++) {
        __cpuid_count(leaf, i, a, b, c, d);
        if (!(a & 31))
            break;
        if ((a >> 5 & 7) < top)
            continue;
        top = a >> 5 & 7;
        size = (size_t)((b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) *
               ((size_t)c + 1);
    }
    return size;
}

size_t fw_cpu_cache_size(void)
{
    static _Atomic uint64_t known; /* cpuid takes long in a virtual machine */
    uint64_t size = fw_load_relaxed(&known);

    if (!size) {
        const unsigned leaf = cache_leaf();

        size = leaf ? largest_cache(leaf) : 0;
        if (!size)
            size = (uint64_t)32 << 20;
        fw_store_relaxed(&known, size);
    }
    return (size_t)size;
}
