/* SPDX-License-Identifier: MIT
 *
 * Start methods of processes: a nursery, and workers that are its children. By fork the
 * nursery is a copy of the caller; start_anew.c tells of the others.
 */
#include "start.h"

#include "nursery.h"
#include "participant.h"
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define END_NS                                                                         \
    (10 * INT64_C(1000000000)) /* workers have died of their nursery's death */
#define PATIENCE_NS (2 * INT64_C(1000000000)) /* a nursery has killed its workers */

/* Pidfds may be refused; and a program may close all its files, ours too, and open others
 * in their place. */
static int has_pidfd(const fw_team *team)
{
    return team->nursery_pidfd >= 0 &&
           fw_os_pidfd_signal(team->nursery_pidfd, 0) != -EBADF;
}

static int nursery_gone(const fw_team *team)
{
    if (has_pidfd(team))
        return fw_os_pidfd_dead(team->nursery_pidfd);
    return fw_os_process_gone((pid_t)team->nursery_pid, team->nursery_start);
}

/* Of a worker that was up, which the kernel has been told to end: it takes as long as a kill
 * takes. Its pid may be another's by now, and a stray store's, who does not end. */
static void wait_for_end_of(const fw_team *team, fw_member *m, int64_t until)
{
    pid_t pid = (pid_t)fw_load_relaxed(&m->pid);
    uint64_t start = fw_load_relaxed(&m->start);
    int fd = fw_os_pidfd_open(pid);

    if (fd >= 0 && !fw_os_process_gone(pid, start)) /* fd is its own, then */
        (void)fw_os_pidfd_wait(fd, until);
    while (fd < 0 && fw_os_now() < until && /* pidfds are refused */
           !fw_os_process_gone(pid, start))
        (void)fw_os_futex_wait(&team->control->up, fw_load_seqcst(&team->control->up),
                               fw_os_now() + 1000 * 1000);
    fw_os_close(fd);
}

/* The workers die with the nursery, but not in the same instant. Those that were just being
 * started have touched nothing and come up no more. */
static int supervisor_gone(const fw_team *team)
{
    fw_control *c = team->control;
    int64_t until;

    if (!nursery_gone(team))
        return 0;
    until = fw_os_now() + END_NS;
    for (int i = 0; i < team->place->workers; i++) {
        fw_member *m = &c->member[i];
        uint32_t starting = FW_MEMBER_STARTING;

        if (fw_cas_seqcst(&m->state, &starting, FW_MEMBER_EMPTY) ||
            fw_load_seqcst(&m->state) != FW_MEMBER_UP)
            continue;
        wait_for_end_of(team, m, until);
        fw_store_relaxed(&m->status, SIGKILL);
        fw_add_seqcst(&c->deaths, 1);
        fw_store_seqcst(&m->state, FW_MEMBER_DEAD);
    }
    return 1;
}

/* What a filter may have refused to the nursery or to a worker. */
static const char *hint(int error)
{
    return error == ENOSYS || error == EPERM
               ? " (they need fork, signalfd and prctl(PR_SET_PDEATHSIG))"
               : "";
}

/* All are to come up, the first time. */
static int why_not_up(fw_control *c)
{
    for (int i = 0; i < c->workers; i++)
        if (fw_load_acquire(&c->member[i].early) >= FW_EARLY_MAX)
            return FW_ENDS_EARLY | (fw_load_relaxed(&c->member[i].status) & 0xffff);
    return (int)fw_load_seqcst(&c->spawn_error);
}

static int tell_not_up(fw_control *c, int why, uint32_t up)
{
    char what[160];

    snprintf(what, sizeof what, "only %u of %d workers could be started%s", up,
             c->workers, hint(why));
    return fw_team_tell_none(why, what);
}

static int wait_until_up(fw_team *team)
{
    fw_control *c = team->control;

    for (;;) {
        int gone = nursery_gone(team); /* before what it says is looked at */
        uint32_t up = fw_load_seqcst(&c->up);
        int why = why_not_up(c);

        if ((int)up >= team->place->workers)
            return 0;
        if (why)
            return tell_not_up(c, why, up);
        if (gone)
            return fw_fail(FURROW_EDIED,
                           "the pool's nursery ended before its workers were up");
        (void)fw_os_futex_wait(&c->up, up, fw_os_now() + 100 * 1000 * 1000);
    }
}

static void notify(fw_team *team)
{
    int rc = -EBADF;

    if (fw_os_pid() == team->opener && has_pidfd(team))
        rc = fw_os_pidfd_signal(team->nursery_pidfd, SIGUSR1);
    if (rc < 0 && rc != -ESRCH) /* refused: by the pid then */
        fw_os_signal_process((pid_t)team->nursery_pid);
}

static void wait_a_moment(const fw_team *team)
{
    _Atomic uint32_t *up = &team->control->up;

    if (has_pidfd(team))
        (void)fw_os_pidfd_wait(team->nursery_pidfd, fw_os_now() + 200 * 1000 * 1000);
    else
        (void)fw_os_futex_wait(up, fw_load_seqcst(up), fw_os_now() + 1000 * 1000);
}

/* By its pid where pidfds are refused: it was there a moment ago. */
static void kill_nursery(const fw_team *team)
{
    int rc = -EBADF;

    if (has_pidfd(team))
        rc = fw_os_pidfd_signal(team->nursery_pidfd, SIGKILL);
    if (rc < 0 && rc != -ESRCH && !nursery_gone(team))
        fw_os_kill((pid_t)team->nursery_pid);
}

/* A nursery that is to kill its workers and does not (it is stopped, or a stray store made
 * it wait for nothing) is killed, and its workers with it. */
static void end(fw_team *team)
{
    int64_t patience = fw_os_now() + PATIENCE_NS;

    while (!nursery_gone(team)) {
        wait_a_moment(team);
        if (fw_load_seqcst(&team->control->stop) != team->stop) {
            fw_store_seqcst(&team->control->stop, team->stop); /* a stray store */
            notify(team);
        }
        if (team->stop == 2 && fw_os_now() > patience)
            kill_nursery(team);
    }
    (void)supervisor_gone(team); /* killed: its workers may still write for a moment */
}

static void clean_up(fw_team *team)
{
    if (has_pidfd(team))
        fw_os_close(team->nursery_pidfd);
    team->nursery_pidfd = -1;
}

static int forked(fw_team *team)
{
    fw_nursery nursery = {.team = team};
    int rc;

    fw_participant_identity(&nursery.opener, &nursery.opener_start);
    nursery.opener_pidfd = fw_os_pidfd_open((pid_t)nursery.opener);
    rc = fw_nursery_fork(fw_nursery_run, &nursery, &team->control->nursery_pid,
                         &team->nursery_pidfd);
    fw_os_close(nursery.opener_pidfd);
    return rc < 0 ? fw_fail_os(-rc, "cannot fork the pool's nursery") : rc;
}

static int open_(fw_team *team)
{
    fw_control *c = team->control;
    int rc = team->start->nursery(team);

    if (rc < 0)
        return rc;
    team->nursery_pid = (int32_t)rc;
    (void)fw_os_start_time((pid_t)rc, &team->nursery_start);
    rc = wait_until_up(team);
    if (rc < 0) {
        team->stop = 2;
        fw_store_seqcst(&c->stop, team->stop);
        notify(team);
        end(team);
    }
    return rc;
}

const fw_start fw_start_fork = {.name = "fork",
                                .processes = 1,
                                .nursery = forked,
                                .open = open_,
                                .notify = notify,
                                .supervisor_gone = supervisor_gone,
                                .close = end,
                                .clean_up = clean_up};

const fw_start fw_start_spawn = {.name = "spawn",
                                 .processes = 1,
                                 .nursery = fw_start_spawned,
                                 .open = open_,
                                 .notify = notify,
                                 .supervisor_gone = supervisor_gone,
                                 .close = end,
                                 .clean_up = clean_up};

const fw_start fw_start_forkserver = {.name = "forkserver",
                                      .processes = 1,
                                      .nursery = fw_start_served,
                                      .open = open_,
                                      .notify = notify,
                                      .supervisor_gone = supervisor_gone,
                                      .close = end,
                                      .clean_up = clean_up};
