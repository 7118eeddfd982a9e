/* SPDX-License-Identifier: MIT
 *
 * From a tracee to its child (see descent.h).
 */
#include "descent.h"

#include "kin.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define SECOND INT64_C(1000000000)

enum { FORKS = PTRACE_O_TRACEFORK, RUNS = PTRACE_O_TRACEEXEC };

static int is_wanted(int status, int what)
{
    int event = status >> 16;

    return event &&
           (what == RUNS ? event == PTRACE_EVENT_EXEC
                         : event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
                               event == PTRACE_EVENT_CLONE);
}

/* Signals on the way are its own. */
static int run_to(tracee *t, int what)
{
    int64_t until = kin_now() + 5 * SECOND;
    int signal_ = 0;

    if (ptrace(PTRACE_SETOPTIONS, t->pid, NULL, (void *)(uintptr_t)what) != 0)
        return -1;
    for (;;) {
        if (ptrace(PTRACE_CONT, t->pid, NULL, (void *)(uintptr_t)signal_) != 0 ||
            kin_change(t->pid, &t->status, until - kin_now()) != 0 ||
            !WIFSTOPPED(t->status))
            return -1;
        if (is_wanted(t->status, what))
            return 0;
        signal_ =
            t->status >> 16 || WSTOPSIG(t->status) == SIGTRAP ? 0 : WSTOPSIG(t->status);
    }
}

static int take(tracee *t, pid_t child)
{
    *t = (tracee){.pid = child, .foreign = t->foreign};
    if (kin_change(child, &t->status, 5 * SECOND) != 0 || !WIFSTOPPED(t->status) ||
        ptrace(PTRACE_SETOPTIONS, child, NULL, NULL) != 0)
        return -1;
    return tracee_look(t);
}

int descent_follow(tracee *t)
{
    unsigned long child = 0;
    pid_t parent = t->pid;

    if (run_to(t, FORKS) != 0 ||
        ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child) != 0 ||
        take(t, (pid_t)child) != 0)
        return -1;
    (void)ptrace(PTRACE_SETOPTIONS, parent, NULL, NULL);
    return (int)ptrace(PTRACE_DETACH, parent, NULL, NULL);
}

int descent_run(tracee *t)
{
    if (run_to(t, RUNS) != 0 || ptrace(PTRACE_SETOPTIONS, t->pid, NULL, NULL) != 0)
        return -1;
    t->foreign = 1;
    t->robust = 0;
    return tracee_look(t);
}
