/* SPDX-License-Identifier: MIT
 *
 * Streaming over any range: ordinary stores up to the first line and after the last,
 * the processor's own in between.
 */
#include "cpu.h"

#include <stdint.h>
#include <string.h>

static const fw_cpu_lines *best(void)
{
    size_t count;

    return fw_cpu_lines_here(&count);
}

/* Bytes from `p` to the next line. */
static size_t to_line(const void *p)
{
    return -(uintptr_t)p % FW_CPU_LINE;
}

/* The same in elements, at most len; len when elements never begin on a line. */
static size_t head_of(const void *p, size_t itemsize, size_t len)
{
    const size_t bytes = to_line(p);

    return bytes % itemsize || bytes / itemsize > len ? len : bytes / itemsize;
}

void fw_cpu_stream_copy(void *to, const void *from, size_t bytes)
{
    const size_t gap = to_line(to);
    const size_t head = gap < bytes ? gap : bytes;
    const size_t lines = (bytes - head) / FW_CPU_LINE;
    const size_t done = head + lines * FW_CPU_LINE;

    memcpy(to, from, head);
    best()->copy((char *)to + head, (const char *)from + head, lines);
    memcpy((char *)to + done, (const char *)from + done, bytes - done);
}

/* One line of elements, of which FW_CPU_LINE is a multiple. */
static void make_line(unsigned char *line, const void *element, size_t itemsize)
{
    for (size_t i = 0; i < FW_CPU_LINE; i += itemsize)
        memcpy(line + i, element, itemsize);
}

/* Elements of any size: one, then copies of what is there, up to a page at a time. */
static void fill_odd(char *to, const void *element, size_t itemsize, size_t bytes)
{
    const size_t page = itemsize < 4096 ? 4096 / itemsize * itemsize : itemsize;
    size_t done = itemsize < bytes ? itemsize : bytes;

    memcpy(to, element, done);
    while (done < bytes) {
        const size_t ready = done < page ? done : page;
        const size_t left = bytes - done;
        const size_t n = ready < left ? ready : left;

        memcpy(to + done, to, n);
        done += n;
    }
}

void fw_cpu_fill(void *to, const void *element, size_t itemsize, size_t bytes)
{
    unsigned char line[FW_CPU_LINE];
    char *at = to;

    if (FW_CPU_LINE % itemsize) {
        fill_odd(at, element, itemsize, bytes);
        return;
    }
    make_line(line, element, itemsize);
    for (; bytes >= FW_CPU_LINE; bytes -= FW_CPU_LINE, at += FW_CPU_LINE)
        memcpy(at, line, FW_CPU_LINE);
    memcpy(at, line, bytes);
}

void fw_cpu_stream_fill(void *to, const void *element, size_t itemsize, size_t bytes)
{
    unsigned char line[FW_CPU_LINE];
    const size_t len = bytes / itemsize;
    const size_t head = head_of(to, itemsize, len) * itemsize;
    const size_t lines = (bytes - head) / FW_CPU_LINE;

    fw_cpu_fill(to, element, itemsize, head);
    if (FW_CPU_LINE % itemsize) {
        fw_cpu_fill((char *)to + head, element, itemsize, bytes - head);
        return;
    }
    make_line(line, element, itemsize);
    best()->fill((char *)to + head, line, lines);
    memcpy((char *)to + head + lines * FW_CPU_LINE, line, (bytes - head) % FW_CPU_LINE);
}

void fw_cpu_stream_triad_d(double *z, const double *x, double a, const double *y,
                           size_t len)
{
    const size_t per_line = FW_CPU_LINE / sizeof *z;
    const size_t head = head_of(z, sizeof *z, len);
    const size_t lines = (len - head) / per_line;

    for (size_t i = 0; i < head; i++)
        z[i] = x[i] + a * y[i];
    best()->triad_d(z + head, x + head, a, y + head, lines);
    for (size_t i = head + lines * per_line; i < len; i++)
        z[i] = x[i] + a * y[i];
}

void fw_cpu_stream_triad_f(float *z, const float *x, float a, const float *y,
                           size_t len)
{
    const size_t per_line = FW_CPU_LINE / sizeof *z;
    const size_t head = head_of(z, sizeof *z, len);
    const size_t lines = (len - head) / per_line;

    for (size_t i = 0; i < head; i++)
        z[i] = x[i] + a * y[i];
    best()->triad_f(z + head, x + head, a, y + head, lines);
    for (size_t i = head + lines * per_line; i < len; i++)
        z[i] = x[i] + a * y[i];
}
