/* SPDX-License-Identifier: MIT
 *
 * A keeper: a process between a child and its parent.
 *
 * The signal that the kernel sends at a parent's death is sent when the thread ends that
 * forked, and a thread may end long before its process. So a daemonic child is forked by a
 * process of one thread that does nothing else: it watches the parent and kills the child
 * when that is gone; killed itself, the kernel kills the child. It is forked twice over, so
 * that it is no child of the program's, and tells how the child ended, which no wait() of
 * the program can take from it: therefore a program that ignores SIGCHLD has keepers for
 * all its children. Those that are not daemonic go on when their keeper is killed, but not
 * before the go-ahead: the parent may not know of them yet (born.c).
 */
#include "birth.h"
#include "line.h"
#include "status.h"

#include <errno.h>

typedef struct keeping {
    int signals, parent, line;
    pid_t child;
    int daemon;
} keeping;

/* The parent's, or -1 where pidfds are refused or it is gone. */
static int watch(const fw_parent *by)
{
    int fd = fw_os_pidfd_open(by->pid);

    if (fd >= 0 && fw_os_process_gone(by->pid, by->start_time)) {
        fw_os_close(fd);
        return -1;
    }
    return fd;
}

static void tell_end(const keeping *k, int status)
{
    (void)fw_line_say(k->line, FW_LINE_STATUS, status, -1);
    fw_os_exit(0);
}

static _Noreturn void keep(keeping *k, const fw_parent *by)
{
    for (;;) {
        int64_t tick = fw_os_now() + 100 * INT64_C(1000000) * (k->parent < 0 ? 1 : 100);
        int status;
        pid_t ended;

        (void)fw_os_wait_events(k->signals, k->parent, tick);
        while ((ended = fw_os_reap(&status)) > 0)
            if (ended == k->child)
                tell_end(k, status);
        if (k->parent < 0 ? !fw_os_process_gone(by->pid, by->start_time)
                          : !fw_os_pidfd_dead(k->parent))
            continue;
        if (k->daemon)
            fw_os_kill(k->child);
        fw_os_exit(0);
    }
}

static void hello(const keeping *k)
{
    int fd = fw_os_pidfd_open(k->child);

    (void)fw_line_say(k->line, FW_LINE_HELLO, k->child, fd);
    fw_os_close(fd);
}

static _Noreturn void refuse(int line, int error, const char *what)
{
    (void)fw_fail_os(error, "%s", what);
    (void)fw_line_say_error(line);
    fw_os_exit(1);
}

void fw_keeper_run(fw_birth *b)
{
    keeping k = {.line = b->child->theirs, .daemon = b->process->is.daemon};
    pid_t me = fw_os_pid();
    int rc, kept[3];

    fw_os_child_signals(1);
    k.signals = fw_os_signals_open();
    k.parent = watch(&b->boot.parent);
    if (k.signals < 0)
        refuse(k.line, -k.signals, "a process that is to be kept cannot be watched");
    if (k.daemon && (rc = fw_os_outlive_parent()) < 0)
        refuse(k.line, -rc, FW_BORN_UNBOUND);
    b->extra[0] = k.signals;
    b->extra[1] = k.parent;
    k.child = fw_os_fork();
    if (k.child < 0)
        refuse(k.line, -(int)k.child, "cannot fork a process");
    if (k.child == 0) {
        fw_born_bind(k.line, me, k.daemon);
        fw_os_close(b->extra[0]);
        fw_os_close(b->extra[1]);
        b->become(b);
    }
    hello(&k);
    kept[0] = k.line;
    kept[1] = k.signals;
    kept[2] = k.parent;
    fw_os_child_keep(kept, 3);
    fw_os_set_name("furrow-keeper");
    keep(&k, &b->boot.parent);
}
