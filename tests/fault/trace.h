/* SPDX-License-Identifier: MIT
 *
 * A program and all processes and threads that come of it, run under a tracer that sees
 * each system call before it is made, counts, and lets one of them fail or be the last.
 *
 * seccomp stops the caller (SECCOMP_RET_TRACE), ptrace answers: that meets the C library's
 * own calls as well as ours, in every process of the family, at one stop per call, and the
 * library under test is the one that users get.
 */
#ifndef FAULT_TRACE_H
#define FAULT_TRACE_H

#include "os_calls.h"

enum { TRACE_CALLS = 16384, TRACE_TASKS = 128 };

/* Who, in order of appearance: 0 is the program itself. And where to, of those of its
 * calls that the fault meets, counted from 1. */
typedef struct trace_plan {
    fault fault;
    int task;
    long n; /* 0: only look */
} trace_plan;

typedef struct trace_call {
    os_call call;
    uint64_t site; /* which chain of callers it came from */
    int task;
} trace_call;

/* Shared with the program. */
typedef struct trace_page {
    _Atomic int armed; /* the program: count now */
    _Atomic int ended; /* the program: all is closed, am I alone? */
    _Atomic int alone; /* the tracer: yes, but for guards */
} trace_page;

typedef struct trace_result {
    int fired;  /* the fault was injected */
    int killed; /* it was SIGKILL to the program itself */
    int status; /* wait status of the program */
    int hung;   /* a process was still there at the deadline; `text` says which */
    char text[256];
    char deaths[128]; /* by signals: which tasks, by what */
    double seconds;
} trace_result;

/* Run body(arg) in a child, at most so many seconds. 0, or -1 when nothing can be traced
 * here. Nobody of the family is left when it returns. */
int trace_run(void (*body)(void *arg), void *arg, trace_page *page,
              const trace_plan *plan, double seconds, trace_result *out);

/* The armed calls of the last run that only looked. */
const trace_call *trace_seen(int *count);

#endif
