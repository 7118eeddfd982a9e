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

#include "heap.h"
#include "nursery.h"
#include "participant.h"
#include "segment.h"
#include "status.h"
#include "turn.h"

typedef struct guarded {
    int pidfd;
    int32_t pid;
    uint64_t start;
} guarded;

/* The guard of this process. In memory that reads as zeros in a forked child, which needs
 * one of its own, and in which nobody has the turn that a thread of its parent may have had
 * at the fork. */
typedef struct guarding {
    fw_turn starting;
    pid_t pid; /* with its start time: an identity that needs no open fd */
    uint64_t start;
} guarding;

static void *_Atomic page;

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
    (void)fw_heap_sweep(); /* what else the owner left */
}

static int start(guarding *own)
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
    own->pid = (pid_t)rc;
    own->start = 0;
    (void)fw_os_start_time(own->pid, &own->start);
    return 0;
}

static int running(const guarding *own)
{
    return own->pid > 0 && !fw_os_process_gone(own->pid, own->start);
}

int fw_names_guard(void)
{
    guarding *own;
    void *there;
    int rc = fw_os_page_wiped_on_fork(&page, &there);

    if (rc < 0)
        return fw_fail_os(-rc, "no page that a fork wipes (MADV_WIPEONFORK)");
    own = there;
    while (!fw_turn_try(&own->starting) &&
           !fw_turn_wait(&own->starting, 100 * 1000 * 1000))
        ;
    if (!running(own))
        rc = start(own);
    fw_turn_end(&own->starting);
    return rc;
}
