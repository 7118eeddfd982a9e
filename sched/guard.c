/* SPDX-License-Identifier: MIT
 *
 * The guard: a small process that unlinks the names of a program that was killed.
 *
 * Forked like a nursery, before the first named array of a process gets its name; it ends
 * with that process. Names are in the heap's table before they are given (names.c), so that
 * at whatever instruction the owner dies, the guard finds them. Killed itself: the names of
 * a later killed owner stay until another process of the family sweeps or the user removes
 * them; the next named array starts a new guard.
 */
#include "names.h"

#include "nursery.h"
#include "participant.h"
#include "segment.h"
#include "status.h"

#include <pthread.h>

typedef struct guarded {
    int pidfd;
    int32_t pid;
    uint64_t start;
} guarded;

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static int32_t
    guarded_pid; /* the process that the guard guards: a forked child needs one */
static pid_t guard_pid; /* with its start time: an identity that needs no open fd */
static uint64_t guard_start;

static void wait_for_its_end(const guarded *g, fw_handshake *h)
{
    int64_t tick = 100 * 1000 * 1000;

    if (g->pidfd >= 0)
        (void)fw_os_pidfd_wait(g->pidfd, INT64_MAX);
    while (!fw_os_process_gone(g->pid, g->start))
        (void)fw_os_futex_wait(&h->go_ahead, 1, fw_os_now() + tick);
}

/* What its owner has mapped must not live on with us when the owner frees it. */
static void forget_files(void)
{
    const fw_segment *s = fw_segment_peek();
    const fw_zone *window = s ? &s->zone[FW_ZONE_WINDOW] : NULL;

    if (window)
        (void)fw_os_reserve_over(window->base, window->units * window->unit);
}

static void be_guard(void *arg, fw_handshake *h)
{
    guarded *g = arg;

    fw_os_child_signals(1);
    fw_os_own_group(); /* it must outlive its owner, whatever the group is sent */
    fw_os_child_close_fds(g->pidfd);
    fw_os_child_exit();
    fw_os_set_name("furrow-guard");
    forget_files();
    fw_nursery_await(h, g->pid, g->start);
    wait_for_its_end(g, h);
    fw_names_orphaned(g->pid, g->start);
}

static int start(void)
{
    guarded g;
    int rc, pidfd = -1;

    fw_participant_identity(&g.pid, &g.start);
    g.pidfd = fw_os_pidfd_open((pid_t)g.pid);
    rc = fw_nursery_fork(be_guard, &g, NULL, &pidfd);
    fw_os_close(g.pidfd);
    fw_os_close(pidfd);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot start the guard of named arrays");
    guard_pid = (pid_t)rc;
    guard_start = 0;
    (void)fw_os_start_time(guard_pid, &guard_start);
    return 0;
}

static int running(void)
{
    return guarded_pid == fw_participant_pid() && guard_pid > 0 &&
           !fw_os_process_gone(guard_pid, guard_start);
}

int fw_names_guard(void)
{
    int rc = 0;

    pthread_mutex_lock(&starting);
    if (!running()) {
        rc = start();
        guarded_pid = rc < 0 ? 0 : fw_participant_pid();
    }
    pthread_mutex_unlock(&starting);
    return rc;
}
