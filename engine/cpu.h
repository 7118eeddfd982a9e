/* SPDX-License-Identifier: MIT
 *
 * Stores that pass the caches by, for output that is not read and would not fit.
 *
 * An ordinary store to a line that is not in the cache reads the line first, so that
 * z = x + a y moves four lines where three would do. A streaming store of a whole line
 * does not. Results are the same bit for bit: both ways multiply, round, add, round.
 *
 * cpu.c does the edges; cpu_x86.c, cpu_aarch64.c or cpu_generic.c the whole lines in
 * between.
 */
#ifndef FW_CPU_H
#define FW_CPU_H

#include <stddef.h>

#define FW_CPU_LINE ((size_t)64)

/* Bytes of the last-level cache, of one if there are several. */
size_t fw_cpu_cache_size(void);

/* Each returns after a store fence where one is due: a release that follows in this
 * thread, the word that says that a chunk is done, is seen after the data. Addresses need
 * no alignment but that of the elements. */
void fw_cpu_stream_copy(void *to, const void *from, size_t bytes);
void fw_cpu_stream_fill(void *to, const void *element, size_t itemsize, size_t bytes);
void fw_cpu_stream_triad_d(double *z, const double *x, double a, const double *y,
                           size_t len);
void fw_cpu_stream_triad_f(float *z, const float *x, float a, const float *y,
                           size_t len);

/* Fill with ordinary stores; `bytes` is a multiple of itemsize. */
void fw_cpu_fill(void *to, const void *element, size_t itemsize, size_t bytes);

/* The whole lines, in one instruction set. `to` and z are on a line. */
typedef struct fw_cpu_lines {
    const char *name;
    void (*copy)(void *to, const void *from, size_t lines);
    void (*fill)(void *to, const void *line, size_t lines);
    void (*triad_d)(double *z, const double *x, double a, const double *y,
                    size_t lines);
    void (*triad_f)(float *z, const float *x, float a, const float *y, size_t lines);
} fw_cpu_lines;

/* Those that this processor can run, the best first, `count` of them (at least one). */
const fw_cpu_lines *fw_cpu_lines_here(size_t *count);

#endif
