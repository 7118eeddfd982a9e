/* SPDX-License-Identifier: MIT
 *
 * Somebody beside the test: a process, or a thread where FURROW_START says `thread`. What
 * they share lies in the heap; a peer is told where by one pointer. By `spawn` and
 * `forkserver` a peer has nothing else of the test: no variable that the test has set, no
 * file that it has opened.
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
#include "furrow_process.h"

#include <pthread.h>
#include <stdint.h>

typedef struct peer {
    int (*run)(void *shared);
    void *shared;
    pid_t pid;               /* of a process */
    furrow_process *process; /* by spawn and forkserver */
    pthread_t thread;
    int result;
} peer;

static inline int peer_start_is(const char *method)
{
    const char *start = getenv("FURROW_START");

    return start && strcmp(start, method) == 0;
}

/* Are peers threads here? Then none of them can be killed. */
static inline int peer_threads(void)
{
    return peer_start_is("thread");
}

/* Are peers run anew, with nothing of the test but the heap? */
static inline int peer_anew(void)
{
    return peer_start_is("spawn") || peer_start_is("forkserver");
}

/* What a program that is run anew is told: it may lie elsewhere, so functions go by their
 * distance. */
typedef struct peer_told {
    intptr_t distance;
    void *shared;
} peer_told;

static inline int peer_enter(void *arg, size_t size)
{
    const peer_told *told = arg;
    intptr_t here = (intptr_t)peer_enter;
    int (*run)(void *) = (int (*)(void *))(here + told->distance);

    (void)size;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return run(told->shared);
}

static inline int peer_start_anew(peer *p)
{
    peer_told told = {(intptr_t)p->run - (intptr_t)peer_enter, p->shared};

    unsetenv("BXFI_MAP"); /* the framework's, and not for those that a test runs */
    p->process = furrow_process_new(peer_enter, &told, sizeof told, NULL);
    if (furrow_process_start(p->process) == 0) {
        p->pid = furrow_process_pid(p->process);
        return 0;
    }
    furrow_perror("peer_start");
    furrow_process_free(p->process);
    return -1;
}

static inline int peer_join_anew(peer *p)
{
    int code = -1, rc = furrow_process_join(p->process, furrow_in(CHILD_SECONDS));

    if (rc < 0) {
        furrow_process_kill(p->process);
        (void)furrow_process_join(p->process, furrow_in(CHILD_SECONDS));
    }
    (void)furrow_process_exit_code(p->process, &code);
    (void)furrow_process_free(p->process);
    return rc < 0 ? CHILD_HANGS : code < 0 ? CHILD_SIGNAL - code : code;
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
    if (peer_anew())
        return peer_start_anew(p);
    p->pid = child_start(run, shared);
    return p->pid > 0 ? 0 : -1;
}

/* What it returned; CHILD_SIGNAL + the signal that ended it; CHILD_HANGS (then killed, or
 * the test ends where it is a thread). */
static inline int peer_join(peer *p)
{
    struct timespec until;

    if (p->process)
        return peer_join_anew(p);
    if (p->pid > 0)
        return child_wait(p->pid);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CHILD_SECONDS;
    return pthread_timedjoin_np(p->thread, NULL, &until) == 0 ? p->result : CHILD_HANGS;
}

#endif
