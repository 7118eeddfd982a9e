/* SPDX-License-Identifier: MIT
 *
 * Whole lines with ordinary stores, for processors without streaming stores of ours.
 */
#include "cpu.h"

#include <string.h>

size_t fw_cpu_cache_size(void)
{
    return (size_t)32 << 20; /* not known without asking the system */
}

static void copy(void *to, const void *from, size_t lines)
{
    memcpy(to, from, lines * FW_CPU_LINE);
}

static void fill(void *to, const void *line, size_t lines)
{
    for (size_t i = 0; i < lines; i++)
        memcpy((char *)to + i * FW_CPU_LINE, line, FW_CPU_LINE);
}

static void triad_d(double *z, const double *x, double a, const double *y, size_t lines)
{
    for (size_t i = 0; i < lines * (FW_CPU_LINE / sizeof *z); i++)
        z[i] = x[i] + a * y[i];
}

static void triad_f(float *z, const float *x, float a, const float *y, size_t lines)
{
    for (size_t i = 0; i < lines * (FW_CPU_LINE / sizeof *z); i++)
        z[i] = x[i] + a * y[i];
}

const fw_cpu_lines *fw_cpu_lines_here(size_t *count)
{
    static const fw_cpu_lines plain = {.name = "plain",
                                       .copy = copy,
                                       .fill = fill,
                                       .triad_d = triad_d,
                                       .triad_f = triad_f};

    *count = 1;
    return &plain;
}
