/* SPDX-License-Identifier: MIT
 *
 * rival.h - queues of other libraries, which neither sleep nor survive a kill: an attempt
 * succeeds or does not. Where a library is not there, its table says so.
 */
#ifndef BENCH_RIVAL_H
#define BENCH_RIVAL_H

#include <stddef.h>

enum { BENCH_MESSAGE = 48, BENCH_RIVAL_PLACES = 1024 };

typedef struct bench_rival {
    const char *missing; /* why there is none, or NULL */
    int threads_only;

    /* In `room` bytes of zeros that all share. 0, or -1. */
    int (*make)(void *at, size_t room);
    int (*put)(const void *message); /* 1, or 0: there is no room */
    int (*get)(void *message);       /* 1, or 0: there is no message */
} bench_rival;

extern const bench_rival bench_rival_ck_spsc, bench_rival_ck_mpmc,
    bench_rival_moodycamel;

#endif
