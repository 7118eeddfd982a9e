/* SPDX-License-Identifier: MIT
 *
 * Somebody beside the test: a process, or a thread where FURROW_START says `thread`. What
 * they share lies in the heap; a peer is told where by one pointer.
 *
 * A peer never fails an assertion of the test's framework: it uses child_want(), and the
 * test asserts on what peer_join() returns.
 *
 *     static int add(void *shared) { child_want(raise(shared) == 0); return 0; }
 *     peer p;
 *     cr_assert_eq(peer_start(&p, add, counter), 0);
 *     cr_assert_eq(peer_join(&p), 0);
 */
#ifndef PEER_H
#define PEER_H

#include "child.h"

#include <pthread.h>

typedef struct peer {
    int (*run)(void *shared);
    void *shared;
    pid_t pid; /* of a process */
    pthread_t thread;
    int result;
} peer;

/* Are peers threads here? Then none of them can be killed. */
static inline int peer_threads(void)
{
    const char *start = getenv("FURROW_START");

    return start && strcmp(start, "thread") == 0;
}

static inline void *peer_thread(void *arg)
{
    peer *p = arg;

    p->result = p->run(p->shared);
    return NULL;
}

/* Start run(shared). `p` stays where it is until peer_join(). 0, or -1. */
static inline int peer_start(peer *p, int (*run)(void *shared), void *shared)
{
    *p = (peer){.run = run, .shared = shared};
    if (peer_threads())
        return pthread_create(&p->thread, NULL, peer_thread, p) == 0 ? 0 : -1;
    p->pid = child_start(run, shared);
    return p->pid > 0 ? 0 : -1;
}

/* What it returned; CHILD_SIGNAL + the signal that ended it; CHILD_HANGS (then killed, or
 * the test ends where it is a thread). */
static inline int peer_join(peer *p)
{
    struct timespec until;

    if (p->pid > 0)
        return child_wait(p->pid);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CHILD_SECONDS;
    return pthread_timedjoin_np(p->thread, NULL, &until) == 0 ? p->result : CHILD_HANGS;
}

#endif
