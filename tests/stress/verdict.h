/* SPDX-License-Identifier: MIT
 *
 * How a stress test fails: one sentence, and the process is gone at once. Its pools end
 * with it, as they do after any other death.
 */
#ifndef STRESS_VERDICT_H
#define STRESS_VERDICT_H

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

_Noreturn __attribute__((format(printf, 1, 2))) static inline void
fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

#endif
