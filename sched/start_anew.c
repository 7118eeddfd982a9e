/* SPDX-License-Identifier: MIT
 *
 * Start methods spawn and forkserver: the opener's side until the nursery lives
 * (nursery_anew.c tells what is said).
 *
 * Where the server is killed while it is asked, another one is: the nursery that it may have
 * forked hears no go-ahead.
 */
#include "start.h"

#include "anew.h"
#include "birth.h"
#include "heap.h"
#include "plan.h"
#include "server.h"
#include "status.h"

#include <errno.h>
#include <signal.h>

static void put_pidfd(fw_anew *a, int fd)
{
    if (a->pidfd < 0)
        a->pidfd = fd;
    else
        fw_os_close(fd);
}

/* Its pid. */
static int meet(fw_team *team, fw_anew *a)
{
    void *kept;
    fw_word up;
    int fd = -1, rc = fw_plan_tell(team, a->line, &kept);

    if (rc == 0)
        rc = fw_anew_hear_up(a, &up, &fd);
    if (kept)
        (void)fw_heap_free(kept);
    put_pidfd(a, fd);
    if (rc < 0)
        return rc;
    fw_store_seqcst(&team->control->nursery_pid, (uint32_t)up.value);
    rc = fw_os_line_send(a->line, "g", 1, -1);
    if (rc < 0 && rc != -EPIPE) /* it has ended already: that is seen soon enough */
        return fw_fail_os(-rc, "cannot tell the nursery to begin");
    return up.value;
}

/* What has come to nothing ends by itself, or, with a pidfd, now. */
static int settle(fw_team *team, fw_anew *a, int pid)
{
    fw_os_line_end(a->line);
    fw_os_close(a->line);
    if (pid < 0 && a->pidfd >= 0) {
        (void)fw_os_pidfd_signal(a->pidfd, SIGKILL);
        (void)fw_os_pidfd_wait(a->pidfd, fw_os_now() + 5 * INT64_C(1000000000));
        fw_os_close(a->pidfd);
        a->pidfd = -1;
    }
    team->nursery_pidfd = a->pidfd;
    return pid;
}

/* `lost`: is who was to fork it gone? NULL: nobody else was. */
static int begin(fw_team *team, int (*have)(fw_team *, fw_anew *, int theirs),
                 int (*lost)(unsigned asked))
{
    fw_anew a = {.what = "the pool's nursery", .pidfd = -1};
    int end[2], rc = fw_os_line(end);

    if (rc < 0)
        return fw_fail_os(-rc, "no line to the pool's nursery");
    a.line = end[0];
    rc = have(team, &a, end[1]);
    fw_os_close(end[1]); /* the nursery's end is the nursery's alone */
    if (rc == 0) {
        rc = meet(team, &a);
        if (rc == FURROW_EDIED && lost && lost(a.asked))
            rc = FW_BIRTH_AGAIN;
    }
    return settle(team, &a, rc);
}

/* ---- spawn --------------------------------------------------------------------------*/

static int run(fw_team *team, fw_anew *a, int theirs)
{
    int rc = fw_anew_run(a, FW_BOOT_NURSERY, theirs, &team->control->nursery_pid);

    return rc < 0 ? rc : 0;
}

int fw_start_spawned(fw_team *team)
{
    return begin(team, run, NULL);
}

/* ---- forkserver ---------------------------------------------------------------------*/

static int ask(fw_team *team, fw_anew *a, int theirs)
{
    (void)team;
    return fw_server_ask(FW_SERVE_NURSERY, theirs, &a->asked);
}

int fw_start_served(fw_team *team)
{
    for (int i = 0; i < 3; i++) {
        int rc = begin(team, ask, fw_server_was_killed);

        if (rc != FW_BIRTH_AGAIN)
            return rc;
    }
    return fw_fail(FURROW_EDIED,
                   "the server that forks processes was killed again and again");
}
