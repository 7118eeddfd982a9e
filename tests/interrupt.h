/* SPDX-License-Identifier: MIT
 *
 * Signals that interrupt what a thread waits in: SIGUSR1 without SA_RESTART, each sent when
 * the one before has been handled, so that none is merged into another on a slow machine.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include "left.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* How many the thread has handled; may lie in the heap, for a peer to look at. */
static _Atomic int interrupt_here, *interrupt_count = &interrupt_here;

static void interrupt_handle(int signal)
{
    (void)signal;
    atomic_fetch_add(interrupt_count, 1);
}

static inline void interrupt_allow(_Atomic int *count)
{
    struct sigaction action = {.sa_handler = interrupt_handle};

    interrupt_count = count ? count : &interrupt_here;
    atomic_store(interrupt_count, 0);
    sigaction(SIGUSR1, &action, NULL);
}

/* Of another thread. */
static inline void interrupt(pthread_t whom, int times)
{
    int before = atomic_load(interrupt_count);

    for (int i = 1; i <= times; i++) {
        left_sleep(0.005); /* it waits again */
        pthread_kill(whom, SIGUSR1);
        while (atomic_load(interrupt_count) < before + i)
            left_sleep(0.001);
    }
}

#endif
