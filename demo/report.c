/* SPDX-License-Identifier: MIT
 *
 * The demo's output. Everything goes to stdout; the progress bar alone uses stderr.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VALUE_WIDTH 56

void report_step(const char *format, ...)
{
    va_list args;

    putchar('\n');
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

void report_line(const char *label, const char *format, ...)
{
    va_list args;

    printf("   %-22s ", label);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

int report_check(demo *d, int holds, const char *label, const char *format, ...)
{
    char value[600];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    printf("   %-22s %-*s %s\n", label, VALUE_WIDTH, value, holds ? "ok" : "FAILED");
    fflush(stdout);
    d->checks++;
    d->failed += !holds;
    return holds;
}

int report_call(demo *d, int rc, const char *label)
{
    const furrow_error *e = furrow_last_error();

    if (rc < 0) {
        report_check(d, 0, label, "%s, %s:", e->function, furrow_status_name(e->code));
        printf("      %s\n", e->text);
    }
    return rc >= 0;
}

const char *report_count(report_number *number, size_t n)
{
    char digits[24], *to = number->text;
    const int len = snprintf(digits, sizeof digits, "%zu", n);

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return number->text;
}
