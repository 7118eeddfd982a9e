/* SPDX-License-Identifier: MIT
 *
 * The demo's output: aligned lines, and checks that say ok or FAILED.
 */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include "demo.h"

/* The heading of a step. */
void report_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "   label            value" */
void report_line(const char *label, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with ok or FAILED at the end, counted in *d. Returns `holds`. */
int report_check(demo *d, int holds, const char *label, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A furrow call that had to succeed: when rc < 0, a failed check with furrow's own
 * sentence. Returns 1 when rc is 0 or more. */
int report_call(demo *d, int rc, const char *label);

/* "1,038,240" in a buffer of the caller's. Returns it. */
typedef struct report_number {
    char text[32];
} report_number;
const char *report_count(report_number *number, size_t n);

#endif
