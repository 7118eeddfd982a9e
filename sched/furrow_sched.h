/* SPDX-License-Identifier: MIT
 *
 * furrow_sched.h - where and when work runs: start methods, pinning, how many CPUs.
 */
#ifndef FURROW_SCHED_H
#define FURROW_SCHED_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* How workers and processes come to be: furrow_process.h tells more. */
typedef enum furrow_start {
    FURROW_START_DEFAULT = 0, /* furrow_context_get() */
    FURROW_START_FORK,        /* processes forked from a copy of the caller */
    FURROW_START_THREAD, /* threads of the caller: a crash is the caller's crash, and what
                            hangs past a deadline cannot be ended */
    FURROW_START_SPAWN,     /* the program anew: nothing of the caller but the heap */
    FURROW_START_FORKSERVER /* forked from a small server, which is the program anew */
} furrow_start;

enum {
    FURROW_PIN_CORE = 0, /* each worker on a CPU of its own */
    FURROW_PIN_NODE = 1, /* each worker on the CPUs of its NUMA node */
    FURROW_PIN_NONE = 2  /* wherever the kernel puts it */
};

/* How many workers can run at once here: the least of the cores (not hardware threads) this
 * thread may run on and the cgroup CPU quota rounded down; at least 1. Never fails. The
 * first call of a process asks hwloc in a short-lived child, which takes some ms. */
int furrow_cpu_count(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
