/* SPDX-License-Identifier: MIT
 *
 * What the tests of this room share: memory of the heap for what a test and its peers tell
 * each other, and time.
 */
#ifndef SYNC_SHARED_H
#define SYNC_SHARED_H

#include "furrow_sync.h"
#include "heap.h"
#include "os.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/time.h>

/* Zeros that every peer sees. */
static inline void *shared_new(size_t size)
{
    void *p = fw_heap_alloc(size);

    cr_assert_not_null(p);
    cr_assert_eq(fw_heap_publish_pair(p, NULL), 0);
    return p;
}

static inline void shared_nap(double seconds)
{
    struct timespec t = {0, (long)(seconds * 1e9)};

    nanosleep(&t, NULL);
}

/* Wait until *word is at least so much. 1, or 0 after ten seconds. */
static inline int shared_reaches(_Atomic int *word, int value)
{
    furrow_deadline until = furrow_in(10);

    while (*word < value && fw_os_now() < until)
        shared_nap(0.0005);
    return *word >= value;
}

static inline double shared_since(int64_t then)
{
    return (double)(fw_os_now() - then) / 1e9;
}

static inline void shared_alarmed(int signal)
{
    (void)signal;
}

/* A signal to this process every so many seconds, which ends system calls; 0: no more. */
static inline void shared_alarms(double seconds)
{
    struct sigaction act = {.sa_handler = shared_alarmed};
    struct itimerval every = {.it_interval.tv_usec = (long)(seconds * 1e6),
                              .it_value.tv_usec = (long)(seconds * 1e6)};

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* SIGKILL to a peer that is a process, and its end. */
static inline void shared_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
}

#endif
