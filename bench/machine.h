/* SPDX-License-Identifier: MIT
 *
 * machine.h - what the figures were taken on.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>

#define BENCH_TEXT 128

typedef struct bench_machine {
    char cpu[BENCH_TEXT], kernel[BENCH_TEXT], governor[BENCH_TEXT], idle[BENCH_TEXT];
    char thp[BENCH_TEXT], shmem_thp[BENCH_TEXT], compiler[BENCH_TEXT];
    int online;       /* processors */
    size_t l3;        /* bytes; 0: unknown */
    size_t memory;    /* bytes */
    size_t available; /* bytes */
} bench_machine;

void bench_machine_read(bench_machine *m);

/* Milliseconds, of all processors together, that the hypervisor gave to others. */
double bench_machine_steal_ms(void);

/* The one-minute load average, or -1. */
double bench_machine_load(void);

#endif
