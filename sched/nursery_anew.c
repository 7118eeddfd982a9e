/* SPDX-License-Identifier: MIT
 *
 * A nursery that is the program anew.
 *
 *   opener    has the program run (spawn), or asks the server for a fork (forkserver); tells
 *             the plan
 *   nursery   maps the heap, hears the plan, says UP with its pid and pidfd, waits
 *   opener    has its pidfd now, by which it hears of its death; says go
 *   nursery   forks the workers, and lives as any nursery (nursery.c)
 *
 * Until the go-ahead it has done nothing that others see: whoever is killed before, the line
 * ends, or the opener's pid is gone, and so is the nursery.
 */
#include "nursery.h"

#include "boot.h"
#include "line.h"
#include "plan.h"
#include "status.h"

#include <errno.h>

static int opener_gone(const fw_nursery *n)
{
    return fw_os_process_gone(n->opener, n->opener_start);
}

static void say_up(int line)
{
    pid_t me = fw_os_pid();
    int fd = fw_os_pidfd_open(me);

    (void)fw_line_say(line, FW_LINE_UP, me, fd);
    fw_os_close(fd);
}

static void await_go(const fw_nursery *n, int line)
{
    int rc;

    do
        rc = fw_os_line_await(line, fw_os_now() + 100 * 1000 * 1000);
    while (rc == -ETIMEDOUT && !opener_gone(n));
    if (rc < 0)
        fw_os_exit(1);
}

void fw_nursery_anew(int line, const fw_parent *by)
{
    static fw_team team;
    static fw_nursery nursery = {.team = &team};

    fw_os_child_signals(1);
    fw_os_child_stdin();
    if (fw_plan_hear(line, by, &team) < 0)
        fw_boot_give_up(line);
    nursery.opener = by->pid;
    nursery.opener_start = by->start_time;
    nursery.opener_pidfd = fw_os_pidfd_open((pid_t)by->pid);
    if (opener_gone(&nursery)) /* the pidfd may be that of another */
        fw_os_exit(1);
    say_up(line);
    await_go(&nursery, line);
    fw_os_close(line);
    fw_nursery_live(&nursery);
}
