/* SPDX-License-Identifier: MIT
 *
 * The nursery.
 *
 * One single-threaded process per pool that runs no kernel. It is forked twice over, so
 * that it is not the program's child: neither a wait(-1) of the program nor its SIGCHLD
 * setting meets it. All workers are its children, so nothing is ever forked from a threaded
 * program in mid-run, the parent-death signal does not fire when the thread that opened the
 * pool ends, and nobody else can take a worker's exit status. It watches the opener's pidfd
 * and ends the family when it is gone.
 *
 * A member's state word (control.h) is moved on only by
 *   nursery  EMPTY, FENCED -> STARTING       (fork)
 *   worker   STARTING -> UP                  (its own, by compare-and-swap)
 *   nursery  STARTING, UP -> DEAD            (after waitid: the whole process is gone)
 *   driver   DEAD -> FENCED                  (the death is recorded)
 *   nursery  DEAD -> STARTING                when the dead one was not inside the running
 *            generation: there is nothing to record
 *   opener   STARTING -> EMPTY, UP -> DEAD   when the nursery is gone (start_fork.c)
 * `deaths` is counted before DEAD is set, so whoever sees DEAD knows that a scan is due.
 * A dead member's in_gen and out_gen do not change, and generations only grow, so "not
 * inside the running generation" stays true once seen. in_gen of an aborted announcement is
 * closed (out_gen = in_gen) before the slot is used again. A new worker knows the generation
 * that its slot left last, and may enter the running one if that is another: a generation
 * that is over but not closed was left by every slot (dispatch.c).
 *
 * The heap's lock may be held by a process that is stopped, for as long as that lasts. What
 * the nursery needs it for is tried for a moment and put off; its other duties go on.
 *
 * A worker that ends before it is up (a fork handler of the program that crashes, a limit, the
 * OOM killer) is started again after a while that grows; FW_EARLY_MAX in a row are the last.
 *
 * Whom it forked, and which slot that is for, the nursery keeps to itself: a state or a
 * process id that a stray store has met makes it neither kill a stranger nor fill a slot
 * twice. A slot without a child whose state says otherwise is taken for a death.
 *
 * It is a copy of the opener, or the opener's program anew (nursery_anew.c): its children
 * are copies of it in either case.
 *
 * Killed: its children die with it (PR_SET_PDEATHSIG); the opener sees its pidfd.
 */
#include "nursery.h"

#include "heap.h"
#include "names.h"
#include "participant.h"
#include "status.h"
#include "submit.h"
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* ---- being forked -------------------------------------------------------------------*/

/* The new process's first step. The middle one may have been killed before it could say
 * who the new one is: then the opener has given up, and its team is gone. */
static void come_forward(fw_handshake *h)
{
    uint32_t seen = 0, me = (uint32_t)fw_os_pid();

    if (!fw_cas_seqcst(&h->pid, &seen, me) && seen != me)
        fw_os_exit(0);
}

/* The middle process lives for a moment only. */
static void middle(void (*run)(void *, fw_handshake *), void *arg, fw_handshake *h)
{
    pid_t pid = fw_os_fork();
    uint32_t none = 0;

    if (pid == 0) {
        come_forward(h);
        run(arg, h);
        fw_os_exit(0);
    }
    (void)fw_cas_seqcst(&h->pid, &none, (uint32_t)pid);
    fw_os_exit(0);
}

/* Who it is, or -errno. */
static int new_process(fw_handshake *h)
{
    uint32_t seen = 0;

    if (fw_cas_seqcst(&h->pid, &seen, FW_HANDSHAKE_OFF))
        return -EAGAIN;
    return (int)seen;
}

static int fork_twice(void (*run)(void *, fw_handshake *), void *arg, fw_handshake *h)
{
    pid_t child = fw_os_fork();

    if (child == 0)
        middle(run, arg, h);
    if (child < 0)
        return (int)child;
    fw_os_wait_child(child);
    return new_process(h);
}

/* A signal to the program's group that kills the program must find it where it is to be. */
static void await_settled(fw_handshake *h, pid_t pid, int pidfd)
{
    while (!fw_load_seqcst(&h->settled) &&
           !(pidfd >= 0 ? fw_os_pidfd_dead(pidfd) : fw_os_process_gone(pid, 0)))
        (void)fw_os_futex_wait(&h->settled, 0, fw_os_now() + 5 * 1000 * 1000);
}

int fw_nursery_fork(void (*run)(void *arg, fw_handshake *h), void *arg,
                    _Atomic uint32_t *pid_word, int *pidfd)
{
    fw_handshake *h = fw_os_page_shared();
    int pid = h ? fork_twice(run, arg, h) : -ENOMEM;

    if (pid > 0) {
        *pidfd = fw_os_pidfd_open(pid); /* it waits for go_ahead: it is still there */
        if (pid_word)
            fw_store_seqcst(pid_word, (uint32_t)pid);
        await_settled(h, pid, *pidfd);
        fw_store_seqcst(&h->go_ahead, 1);
        fw_os_futex_wake(&h->go_ahead, 1);
    }
    if (h)
        fw_os_unmap(h, FW_PAGE);
    return pid;
}

void fw_nursery_await(fw_handshake *h, int32_t pid, uint64_t start_time)
{
    fw_store_seqcst(&h->settled, 1);
    fw_os_futex_wake(&h->settled, 1);
    while (!fw_load_seqcst(&h->go_ahead) && !fw_os_process_gone(pid, start_time))
        (void)fw_os_futex_wait(&h->go_ahead, 0, fw_os_now() + 100 * 1000 * 1000);
}

/* ---- workers ------------------------------------------------------------------------*/

/* A kernel that ends its thread ends the worker, other threads of its making or not. */
static void end_with_thread(void *unused)
{
    (void)unused;
    fflush(stdout);
    fflush(stderr);
    fw_os_exit(0);
}

static void be_worker(fw_nursery *n, int i, pid_t nursery)
{
    fw_team *team = n->team;
    fw_member *m = &team->control->member[i];
    static fw_worker worker;
    uint32_t starting = FW_MEMBER_STARTING;
    uint64_t start;
    int32_t pid;
    char name[24];
    int rc = fw_os_die_with(nursery);

    if (rc < 0 &&
        rc != -ESRCH) /* without that, a killed nursery would leave us behind */
        fw_store_seqcst(&team->control->spawn_error, (uint32_t)-rc);
    if (rc < 0)
        fw_os_exit(1);
    fw_os_close(n->signals);
    fw_os_close(n->opener_pidfd);
    fw_os_child_signals(1);
    (void)fw_heap_patience(FURROW_FOREVER); /* the nursery may have lost it just now */
    snprintf(name, sizeof name, "furrow-w%d", i);
    fw_os_set_name(name);
    fw_participant_identity(&pid, &start);
    fw_store_relaxed(&m->start, start);
    fw_store_relaxed(&m->pid, pid);
    fw_team_pin(team, i);
    fw_worker_init(&worker, team, i);
    if (!fw_cas_seqcst(&m->state, &starting, FW_MEMBER_UP))
        fw_os_exit(1); /* the nursery is gone, and nobody reckons with us */
    fw_add_seqcst(&team->control->up, 1);
    fw_os_futex_wake(&team->control->up, INT32_MAX);
    pthread_cleanup_push(end_with_thread, NULL);
    fw_worker_loop(&worker);
    pthread_cleanup_pop(0);
    end_with_thread(NULL);
}

static int spawn(fw_nursery *n, int i)
{
    fw_control *c = n->team->control;
    fw_member *m = &c->member[i];
    pid_t pid, me = fw_os_pid();

    fw_team_prepare_slot(c, i);
    fw_store_relaxed(&c->spawn_error, 0);
    pid = fw_os_fork();
    if (pid == 0)
        be_worker(n, i, me);
    if (pid < 0) {
        fw_store_seqcst(&m->state, FW_MEMBER_EMPTY);
        fw_store_seqcst(&c->spawn_error, (uint32_t)-pid);
        fw_os_futex_wake(&c->up, INT32_MAX);
        return (int)pid;
    }
    n->child[i] = (int32_t)pid;
    n->born[i] = fw_os_now();
    fw_store_relaxed(&m->pid, (int32_t)pid);
    return 0;
}

/* ---- deaths -------------------------------------------------------------------------*/

static void wake_driver(fw_control *c)
{
    fw_add_seqcst(&c->join, 1);
    fw_os_futex_wake(&c->join, INT32_MAX);
}

/* Did it end before it was up? 10 ms after the second in a row, and twice as long each
 * time, but no longer than a second. */
static void count_early(fw_nursery *n, int i)
{
    fw_member *m = &n->team->control->member[i];
    uint32_t early = 0;

    if (fw_load_seqcst(&m->state) == FW_MEMBER_STARTING)
        early = fw_load_relaxed(&m->early) + 1;
    n->try_at[i] = 0;
    if (early > 1) {
        int64_t ms = INT64_C(10) << (early < 9 ? early - 2 : 7);

        n->try_at[i] = fw_os_now() + (ms < 1000 ? ms : 1000) * 1000000;
    }
    fw_store_release(&m->early, early);
}

static void member_died(fw_control *c, fw_member *m, int status)
{
    fw_store_relaxed(&m->status, status);
    fw_add_seqcst(&c->deaths, 1);
    fw_store_seqcst(&m->state, FW_MEMBER_DEAD);
    wake_driver(c);
}

static void sweep_within(fw_nursery *n, int64_t ns)
{
    furrow_deadline before = fw_heap_patience(fw_os_now() + ns);
    int rc = fw_heap_sweep();

    n->sweep_at = rc == FURROW_ETIME ? fw_os_now() + 100 * 1000 * 1000 : 0;
    (void)fw_heap_patience(before);
}

/* A worker that ends by itself at once, again and again, is not started again without a
 * pause: it sees a stop that nobody ordered. */
static void mind_haste(fw_nursery *n, int i, int status)
{
    if (status == 0 && fw_os_now() - n->born[i] < 20 * 1000 * 1000)
        n->try_at[i] = fw_os_now() + 100 * 1000 * 1000;
}

static void reap_all(fw_nursery *n)
{
    fw_control *c = n->team->control;
    int status, died = 0;
    pid_t pid;

    while ((pid = fw_os_reap(&status)) > 0)
        for (int i = 0; i < n->team->place->workers; i++)
            if (n->child[i] == pid) {
                n->child[i] = 0;
                fw_store_relaxed(&c->member[i].pid, (int32_t)pid); /* as it was */
                count_early(n, i);
                mind_haste(n, i, status);
                member_died(c, &c->member[i], status);
                died = 1;
            }
    if (died || (n->sweep_at && fw_os_now() >= n->sweep_at))
        sweep_within(n, 2 * 1000 * 1000);
}

/* A slot without a child is told from its state, but for a state that only one with a child
 * can have: a stray store. */
static int replaceable(const fw_nursery *n, int i)
{
    fw_control *c = n->team->control;
    uint32_t state = fw_load_seqcst(&c->member[i].state);

    if (n->child[i])
        return 0;
    if (state != FW_MEMBER_EMPTY && state != FW_MEMBER_FENCED &&
        state != FW_MEMBER_DEAD)
        member_died(c, &c->member[i], 0);
    return fw_team_replaceable(c, i);
}

static void replace_all(fw_nursery *n)
{
    fw_control *c = n->team->control;
    int64_t now = fw_os_now();

    if (now < n->retry_at)
        return;
    n->next_at = 0;
    for (int i = 0; i < n->team->place->workers; i++) {
        if (!replaceable(n, i) || fw_load_relaxed(&c->member[i].early) >= FW_EARLY_MAX)
            continue;
        if (now < n->try_at[i]) {
            if (!n->next_at || n->try_at[i] < n->next_at)
                n->next_at = n->try_at[i];
            continue;
        }
        if (spawn(n, i) < 0) {
            n->retry_at = fw_os_now() + 100 * 1000 * 1000;
            return;
        }
        fw_add_relaxed(&c->replaced, 1);
    }
    n->retry_at = 0;
}

static void kill_all(const fw_nursery *n)
{
    for (int i = 0; i < n->team->place->workers; i++)
        if (n->child[i])
            fw_os_kill((pid_t)n->child[i]);
}

/* Those that the driver has not let off yet. SENT, and still there: the signal is on its
 * way, or nobody sent it and a driver waits in vain. */
static void kill_wanted(const fw_nursery *n)
{
    for (int i = 0; i < n->team->place->workers; i++) {
        fw_member *m = &n->team->control->member[i];
        uint32_t wanted = FW_KILL_WANTED;

        if (n->child[i] && (fw_load_relaxed(&m->kill) == FW_KILL_SENT ||
                            fw_cas_seqcst(&m->kill, &wanted, FW_KILL_SENT)))
            fw_os_kill((pid_t)n->child[i]);
    }
}

/* ---- the end ------------------------------------------------------------------------*/

static int members_left(const fw_nursery *n)
{
    int left = 0;

    for (int i = 0; i < n->team->place->workers; i++)
        left += n->child[i] != 0;
    return left;
}

/* Wait for all children; when `now`, kill them first. */
static void end(fw_nursery *n, int now)
{
    int64_t patience = fw_os_now() + (now ? 0 : 5 * INT64_C(1000000000));

    for (;;) {
        if (fw_os_now() >= patience)
            kill_all(n);
        reap_all(n);
        if (!members_left(n))
            break;
        (void)fw_os_wait_events(n->signals, -1, fw_os_now() + 20 * 1000 * 1000);
    }
    if (n->sweep_at)
        sweep_within(n, 100 * 1000 * 1000);
    fw_os_exit(0);
}

static int opener_gone(const fw_nursery *n)
{
    if (n->opener_pidfd >= 0)
        return fw_os_pidfd_dead(n->opener_pidfd);
    return fw_os_process_gone(n->opener, n->opener_start);
}

/* The opener is gone. What it forked may hold the heap's lock and be stopped: then its
 * names are the guard's business. */
static void outlive(fw_nursery *n)
{
    kill_all(n); /* first: one of them may have the lock */
    (void)fw_heap_patience(fw_os_now() + 100 * 1000 * 1000);
    fw_names_orphaned(n->opener, n->opener_start);
    end(n, 1);
}

/* ---- its life -----------------------------------------------------------------------*/

static int64_t next_look(const fw_nursery *n, int64_t until)
{
    int quiet = n->opener_pidfd >= 0 && !n->retry_at && !n->sweep_at &&
                !fw_load_relaxed(&n->team->control->over);
    int64_t tick = fw_os_now() + (quiet ? 10 * INT64_C(1000000000) : 100 * 1000 * 1000);

    if (n->next_at && n->next_at < tick)
        tick = n->next_at;
    return tick < until ? tick : until;
}

/* All duties but driving; also the way in which the nursery waits while it drives. */
static void look_after(void *arg, int64_t until)
{
    fw_nursery *n = arg;
    fw_control *c = n->team->control;

    (void)fw_os_wait_events(n->signals, n->opener_pidfd, next_look(n, until));
    if (opener_gone(n))
        outlive(n);
    switch (fw_load_seqcst(&c->stop)) {
    case 0:
        break;
    case 1:
        end(n, 0);
        break;
    default:
        end(n, 1);
    }
    kill_wanted(n);
    reap_all(n);
    replace_all(n);
}

static void be_nursery(fw_nursery *n)
{
    n->team->nursery_pid = (int32_t)fw_os_pid(); /* its workers inherit it */
    fw_os_child_signals(1);
    fw_os_child_close_fds(n->opener_pidfd);
    fw_os_child_exit();
    fw_os_set_name("furrow-nursery");
    n->signals = fw_os_signals_open();
}

static _Noreturn void live(fw_nursery *n)
{
    if (n->signals < 0) {
        fw_store_seqcst(&n->team->control->spawn_error, (uint32_t)-n->signals);
        fw_os_exit(1);
    }
    for (int i = 0; i < n->team->place->workers; i++)
        if (spawn(n, i) < 0)
            break;
    for (;;) {
        look_after(n, INT64_MAX);
        fw_submissions_drive(n->team, look_after, n);
    }
}

void fw_nursery_run(void *arg, fw_handshake *h)
{
    fw_nursery *n = arg;

    be_nursery(n);
    fw_nursery_await(h, n->opener, n->opener_start);
    live(n);
}

void fw_nursery_live(fw_nursery *n)
{
    be_nursery(n);
    live(n);
}
