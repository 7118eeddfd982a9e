/* SPDX-License-Identifier: MIT
 *
 * Start method fork: a nursery process, and workers that are its children.
 */
#include "start.h"

#include "nursery.h"
#include "participant.h"
#include "status.h"

#include <errno.h>
#include <signal.h>

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
    return fw_os_process_gone((pid_t)fw_load_relaxed(&team->control->nursery_pid),
                              team->nursery_start);
}

/* Of a worker, which the kernel ends. */
static void wait_for_end_of(const fw_team *team, pid_t pid)
{
    int fd = fw_os_pidfd_open(pid);

    if (fd >= 0)
        (void)fw_os_pidfd_wait(fd, INT64_MAX);
    while (fd < 0 && !fw_os_process_gone(pid, 0)) /* pidfds are refused */
        (void)fw_os_futex_wait(&team->control->up, fw_load_seqcst(&team->control->up),
                               fw_os_now() + 1000 * 1000);
    fw_os_close(fd);
}

/* The workers die with the nursery, but not in the same instant. */
static int supervisor_gone(const fw_team *team)
{
    fw_control *c = team->control;

    if (!nursery_gone(team))
        return 0;
    for (int i = 0; i < c->workers; i++) {
        fw_member *m = &c->member[i];
        uint32_t state = fw_load_seqcst(&m->state);

        if (state != FW_MEMBER_UP && state != FW_MEMBER_STARTING)
            continue;
        wait_for_end_of(team, (pid_t)fw_load_relaxed(&m->pid));
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

static int wait_until_up(fw_team *team)
{
    fw_control *c = team->control;

    for (;;) {
        uint32_t up = fw_load_seqcst(&c->up), error = fw_load_seqcst(&c->spawn_error);

        if ((int)up >= c->workers)
            return 0;
        if (error)
            return fw_fail_os((int)error, "only %u of %d workers could be started%s",
                              up, c->workers, hint((int)error));
        if (nursery_gone(team))
            return fw_fail(FURROW_EOS, "the pool's nursery ended at once");
        (void)fw_os_futex_wait(&c->up, up, fw_os_now() + 100 * 1000 * 1000);
    }
}

static void end(fw_team *team)
{
    fw_control *c = team->control;

    if (has_pidfd(team))
        (void)fw_os_pidfd_wait(team->nursery_pidfd, INT64_MAX);
    while (!nursery_gone(team))
        (void)fw_os_futex_wait(&c->up, fw_load_seqcst(&c->up),
                               fw_os_now() + 1000 * 1000);
    (void)supervisor_gone(team); /* killed: its workers may still write for a moment */
    if (has_pidfd(team))
        fw_os_close(team->nursery_pidfd);
    team->nursery_pidfd = -1;
}

static void notify(fw_team *team)
{
    int rc = -EBADF;

    if (fw_os_pid() == team->opener && has_pidfd(team))
        rc = fw_os_pidfd_signal(team->nursery_pidfd, SIGUSR1);
    if (rc < 0 && rc != -ESRCH) /* refused: by the pid then */
        fw_os_signal_process((pid_t)fw_load_relaxed(&team->control->nursery_pid));
}

static int open_(fw_team *team)
{
    fw_control *c = team->control;
    fw_nursery nursery = {.team = team};
    int rc;

    fw_participant_identity(&nursery.opener, &nursery.opener_start);
    nursery.opener_pidfd = fw_os_pidfd_open((pid_t)nursery.opener);
    rc = fw_nursery_fork(fw_nursery_run, &nursery, &c->nursery_pid,
                         &team->nursery_pidfd);
    fw_os_close(nursery.opener_pidfd);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot fork the pool's nursery");
    (void)fw_os_start_time((pid_t)rc, &team->nursery_start);
    rc = wait_until_up(team);
    if (rc < 0) {
        fw_store_seqcst(&c->stop, 2);
        notify(team);
        end(team);
    }
    return rc;
}

const fw_start fw_start_fork = {.name = "fork",
                                .processes = 1,
                                .open = open_,
                                .notify = notify,
                                .supervisor_gone = supervisor_gone,
                                .close = end};
