/* SPDX-License-Identifier: MIT
 *
 * Whole lines by the non-temporal pair stores of aarch64.
 *
 * STNP is a hint: a core may keep the line out of its caches and need not read it first.
 * It is ordered like any other store, so that no fence is due but the release that tells
 * that a chunk is done. Many cores also notice a stream of ordinary stores by themselves;
 * how much is gained has not been measured. Multiplication and addition stay apart, as in
 * cpu_x86.c.
 */
#include "cpu.h"

#include <arm_neon.h>

typedef struct line {
    uint8_t byte[FW_CPU_LINE];
} line;

static inline void put(void *to, uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    __asm__("stnp %q1, %q2, [%5]\n\t"
            "stnp %q3, %q4, [%5, #32]"
            : "=m"(*(line *)to)
            : "w"(a), "w"(b), "w"(c), "w"(d), "r"(to));
}

static void copy(void *to, const void *from, size_t lines)
{
    const uint8_t *f = from;
    uint8_t *t = to;

    for (const uint8_t *end = f + FW_CPU_LINE * lines; f < end;
         f += FW_CPU_LINE, t += FW_CPU_LINE)
        put(t, vld1q_u8(f), vld1q_u8(f + 16), vld1q_u8(f + 32), vld1q_u8(f + 48));
}

static void fill(void *to, const void *from, size_t lines)
{
    const uint8_t *f = from;
    const uint8x16_t a = vld1q_u8(f), b = vld1q_u8(f + 16);
    const uint8x16_t c = vld1q_u8(f + 32), d = vld1q_u8(f + 48);
    uint8_t *t = to;

    for (const uint8_t *end = t + FW_CPU_LINE * lines; t < end; t += FW_CPU_LINE)
        put(t, a, b, c, d);
}

static inline uint8x16_t two(const double *x, float64x2_t a, const double *y)
{
    const float64x2_t product = vmulq_f64(a, vld1q_f64(y));

    return vreinterpretq_u8_f64(vaddq_f64(vld1q_f64(x), product));
}

static void triad_d(double *z, const double *x, double a, const double *y, size_t lines)
{
    const float64x2_t va = vdupq_n_f64(a);

    for (size_t i = 0; i < 8 * lines; i += 8)
        put(z + i, two(x + i, va, y + i), two(x + i + 2, va, y + i + 2),
            two(x + i + 4, va, y + i + 4), two(x + i + 6, va, y + i + 6));
}

static inline uint8x16_t four(const float *x, float32x4_t a, const float *y)
{
    const float32x4_t product = vmulq_f32(a, vld1q_f32(y));

    return vreinterpretq_u8_f32(vaddq_f32(vld1q_f32(x), product));
}

static void triad_f(float *z, const float *x, float a, const float *y, size_t lines)
{
    const float32x4_t va = vdupq_n_f32(a);

    for (size_t i = 0; i < 16 * lines; i += 16)
        put(z + i, four(x + i, va, y + i), four(x + i + 4, va, y + i + 4),
            four(x + i + 8, va, y + i + 8), four(x + i + 12, va, y + i + 12));
}

const fw_cpu_lines *fw_cpu_lines_here(size_t *count)
{
    static const fw_cpu_lines pairs = {.name = "stnp",
                                       .copy = copy,
                                       .fill = fill,
                                       .triad_d = triad_d,
                                       .triad_f = triad_f};

    *count = 1;
    return &pairs;
}

/* A program may not read the processor's own description of its caches. This is what
 * Graviton and Altra share; on a processor with more, output streams a little early. */
size_t fw_cpu_cache_size(void)
{
    return (size_t)32 << 20;
}
