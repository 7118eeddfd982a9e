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
#include "status.h"
#include "turn.h"

typedef struct guard_words {
    _Atomic uint32_t pid;
    _Atomic uint32_t go_ahead;
} guard_words;

typedef struct guarded {
    guard_words *words;
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
    guard_words *words; /* ours, unpublished: they go with this process */
} guarding;

static guarding *_Atomic page;

/* Made once per program; lost races leak a page at most. */
static guarding *here(void)
{
    guarding *mine = fw_load_acquire(&page), *expected = NULL;

    if (mine)
        return mine;
    mine = fw_os_page_wiped_on_fork();
    if (mine && !fw_cas_seqcst(&page, &expected, mine)) {
        fw_os_unmap(mine, FW_PAGE);
        mine = expected;
    }
    return mine;
}

static void wait_for_its_end(const guarded *g)
{
    int64_t tick = 100 * 1000 * 1000;
    _Atomic uint32_t nothing = 0;

    if (g->pidfd >= 0)
        (void)fw_os_pidfd_wait(g->pidfd, INT64_MAX);
    while (!fw_os_process_gone(g->pid, g->start))
        (void)fw_os_futex_wait(&nothing, 0, fw_os_now() + tick);
}

static void be_guard(void *arg)
{
    guarded *g = arg;

    fw_os_child_signals(1);
    fw_os_own_group(); /* it must outlive its owner, whatever the group is sent */
    fw_os_child_close_fds(g->pidfd);
    fw_os_child_exit();
    fw_os_set_name("furrow-guard");
    while (!fw_load_seqcst(&g->words->go_ahead) &&
           !fw_os_process_gone(g->pid, g->start))
        (void)fw_os_futex_wait(&g->words->go_ahead, 0, fw_os_now() + 100 * 1000 * 1000);
    wait_for_its_end(g);
    fw_names_orphaned(g->pid, g->start);
    (void)fw_heap_sweep(); /* what else the owner left; the words too */
}

/* A guard that was killed does not look at its words any more. */
static int start(guarding *own)
{
    guarded g = {0};
    int rc, pidfd = -1;

    if (!own->words)
        own->words = fw_heap_alloc(sizeof *own->words);
    if (!own->words)
        return furrow_last_error()->code;
    g.words = own->words;
    fw_store_relaxed(&g.words->pid, 0);
    fw_store_relaxed(&g.words->go_ahead, 0);
    fw_participant_identity(&g.pid, &g.start);
    g.pidfd = fw_os_pidfd_open((pid_t)g.pid);
    rc = fw_nursery_fork(be_guard, &g, &g.words->pid, &g.words->go_ahead, &pidfd);
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
    guarding *own = here();
    int rc = 0;

    if (!own)
        return fw_fail(FURROW_ENOMEM, "no memory for a page of this process");
    while (!fw_turn_try(&own->starting) &&
           !fw_turn_wait(&own->starting, 100 * 1000 * 1000))
        ;
    if (!running(own))
        rc = start(own);
    fw_turn_end(&own->starting);
    return rc;
}
