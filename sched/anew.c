/* SPDX-License-Identifier: MIT
 *
 * Programs of ours that are nobody's children.
 *
 * Forked twice, as a nursery is (nursery.c), and then run anew: the process that has the
 * pidfd is the one that runs the program. From the fork on until the program is run it does
 * nothing but wait for the go-ahead, set its signals and close its files: another thread of
 * this process may have any lock.
 */
#include "anew.h"

#include "boot.h"
#include "nursery.h"
#include "status.h"

#include <errno.h>

typedef struct run {
    fw_boot_exec exec;
    fw_parent me;
} run;

static void become_program(void *arg, fw_handshake *h)
{
    const run *r = arg;

    fw_nursery_await(h, r->me.pid, r->me.start_time);
    fw_os_child_signals(1);
    fw_boot_exec_now(&r->exec);
}

int fw_anew_run(fw_anew *a, int role, int theirs, _Atomic uint32_t *pid_word)
{
    run r = {0};
    int rc = fw_boot_prepare(&r.exec, role, theirs);

    fw_kin_self(&r.me);
    if (rc == 0) {
        rc = fw_nursery_fork(become_program, &r, pid_word, &a->pidfd);
        if (rc < 0)
            rc = fw_fail_os(-rc, "cannot fork %s", a->what);
    }
    fw_boot_done(&r.exec);
    return rc;
}

static int ended(const fw_anew *a)
{
    return a->pidfd >= 0 && fw_os_pidfd_dead(a->pidfd);
}

int fw_anew_hear_up(const fw_anew *a, fw_word *word, int *fd)
{
    int64_t patience = fw_os_now() + 60 * INT64_C(1000000000);

    for (;;) {
        int last = ended(a) || fw_os_now() >= patience;
        fw_os_along with;
        int rc = fw_line_hear(a->line, word, &with, fw_os_now() + 100 * 1000 * 1000);

        *fd = with.fd;
        if (rc == -ETIMEDOUT && !last)
            continue;
        if (rc < 0)
            return fw_fail(FURROW_EDIED,
                           "%s ended before it could begin (does what is run call "
                           "furrow_init()?)",
                           a->what);
        if (word->kind == FW_LINE_UP)
            return 0;
        fw_os_close(*fd);
        *fd = -1;
        if (word->kind == FW_LINE_FAILED)
            return fw_line_adopt(word);
    }
}
