/* SPDX-License-Identifier: MIT
 *
 * A process under ptrace (see tracee.h).
 */
#include "tracee.h"

#include "kin.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)

enum { BREAKPOINT = 0xCC, SYSCALL = 0x050F, PATIENCE_MS = 5000, NAP_MS = 2 };

typedef enum __ptrace_request request;

/* Where tracee_run() is going: kept for tracee_wake(). One tracee at a time per tracer. */
static struct {
    uintptr_t pc;
    long code; /* the word there, without the breakpoint */
    long left; /* arrivals to go; 0: it is not going anywhere */
    int off;   /* being stepped off the place, whose breakpoint is cleared */
} way;

static long ask(request what, const tracee *t, uintptr_t at, uintptr_t data)
{
    return ptrace(what, t->pid, (void *)at, (void *)data);
}

int tracee_look(tracee *t)
{
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) != 0)
        return -1;
    t->pc = regs.rip;
    t->sp = regs.rsp;
    return 0;
}

static int set_pc(tracee *t, uintptr_t pc)
{
    t->pc = pc;
    return (int)ask(PTRACE_POKEUSER, t, offsetof(struct user, regs.rip), pc);
}

/* After it was sent on: wait for the trap. Other signals go to it. */
static tracee_state arrive(tracee *t, request how)
{
    for (int64_t until = kin_now() + PATIENCE_MS * MS;;) {
        if (kin_change(t->pid, &t->status, NAP_MS * MS) != 0) {
            if (kin_state(t->pid) == 'S')
                return TRACEE_ASLEEP;
            if (kin_now() > until)
                return TRACEE_LOST;
            continue;
        }
        if (!WIFSTOPPED(t->status))
            return TRACEE_GONE;
        if (WSTOPSIG(t->status) == SIGTRAP)
            return tracee_look(t) == 0 ? TRACEE_STOPPED : TRACEE_LOST;
        if (ask(how, t, 0, (uintptr_t)WSTOPSIG(t->status)) != 0)
            return TRACEE_LOST;
    }
}

/* The fast way, for instructions that cannot sleep. */
static tracee_state arrive_soon(tracee *t)
{
    if (waitpid(t->pid, &t->status, __WALL) != t->pid)
        return TRACEE_LOST;
    if (!WIFSTOPPED(t->status))
        return TRACEE_GONE;
    if (WSTOPSIG(t->status) != SIGTRAP) {
        if (ask(PTRACE_SINGLESTEP, t, 0, (uintptr_t)WSTOPSIG(t->status)) != 0)
            return TRACEE_LOST;
        return arrive(t, PTRACE_SINGLESTEP);
    }
    return tracee_look(t) == 0 ? TRACEE_STOPPED : TRACEE_LOST;
}

/* What a copy of this process executes can be read here. */
int tracee_at_call(const tracee *t)
{
    uintptr_t code = t->foreign ? (uintptr_t)ask(PTRACE_PEEKTEXT, t, t->pc, 0)
                                : *(const uint16_t *)t->pc;

    return (code & 0xFFFF) == SYSCALL;
}

/* ---- the beginning ----------------------------------------------------------------*/

static void find_list(tracee *t)
{
    size_t size;

    if (syscall(SYS_get_robust_list, t->pid, &t->robust, &size) != 0)
        t->robust = 0;
    (void)tracee_list_changed(t);
}

typedef struct begun {
    int (*run)(void *arg);
    void *arg;
} begun;

static int begin(void *arg)
{
    begun *b = arg;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 77;
    raise(SIGSTOP);
    return b->run(b->arg);
}

int tracee_fork(tracee *t, int (*run)(void *arg), void *arg)
{
    begun b = {run, arg};

    *t = (tracee){.pid = kin_start(begin, &b)};
    if (t->pid < 0 || kin_change(t->pid, &t->status, PATIENCE_MS * MS) != 0 ||
        !WIFSTOPPED(t->status))
        return -1;
    find_list(t);
    return tracee_look(t);
}

int tracee_seize(tracee *t, pid_t pid)
{
    *t = (tracee){.pid = pid};
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0)
        return -1;
    if (kin_change(pid, &t->status, PATIENCE_MS * MS) != 0 || !WIFSTOPPED(t->status))
        return -1;
    find_list(t);
    return tracee_look(t);
}

/* ---- going on ---------------------------------------------------------------------*/

static int set_breakpoint(tracee *t)
{
    uintptr_t code;

    errno = 0;
    way.code = ask(PTRACE_PEEKTEXT, t, way.pc, 0);
    if (errno)
        return -1;
    code = ((uintptr_t)way.code & ~(uintptr_t)0xFF) | BREAKPOINT;
    return (int)ask(PTRACE_POKETEXT, t, way.pc, code);
}

static int clear_breakpoint(tracee *t)
{
    return (int)ask(PTRACE_POKETEXT, t, way.pc, (uintptr_t)way.code);
}

/* At the breakpoint: once more over it, unless this was the last time. */
static tracee_state over_breakpoint(tracee *t)
{
    if (clear_breakpoint(t) != 0 || set_pc(t, way.pc) != 0)
        return TRACEE_LOST;
    if (--way.left == 0)
        return TRACEE_STOPPED;
    way.off = 1;
    return tracee_step(t);
}

/* Stopped by something: at the breakpoint, behind it, or on the way there? */
static tracee_state arrived(tracee *t, tracee_state state)
{
    while (state == TRACEE_STOPPED && way.left > 0) {
        if (way.off) {
            way.off = 0;
            if (set_breakpoint(t) != 0)
                return TRACEE_LOST;
        } else if (t->pc == way.pc + 1) {
            state = over_breakpoint(t);
            continue;
        }
        if (ask(PTRACE_CONT, t, 0, 0) != 0)
            return TRACEE_LOST;
        state = arrive(t, PTRACE_CONT);
    }
    return state;
}

tracee_state tracee_run(tracee *t, uintptr_t pc, long nth)
{
    tracee_state state = TRACEE_STOPPED;

    if (t->pc == pc && nth-- == 1)
        return TRACEE_STOPPED;
    if (t->pc == pc)
        state = tracee_step(t); /* off the place itself */
    if (state != TRACEE_STOPPED)
        return state;
    way.pc = pc;
    way.left = nth;
    way.off = 0;
    if (set_breakpoint(t) != 0 || ask(PTRACE_CONT, t, 0, 0) != 0)
        return TRACEE_LOST;
    return arrived(t, arrive(t, PTRACE_CONT));
}

tracee_state tracee_step(tracee *t)
{
    int may_sleep = tracee_at_call(t);

    if (ask(PTRACE_SINGLESTEP, t, 0, 0) != 0)
        return TRACEE_LOST;
    return may_sleep ? arrive(t, PTRACE_SINGLESTEP) : arrive_soon(t);
}

tracee_state tracee_wake(tracee *t)
{
    request how = way.left && !way.off ? PTRACE_CONT : PTRACE_SINGLESTEP;

    return arrived(t, arrive(t, how));
}

int tracee_list_changed(tracee *t)
{
    uint64_t now[3];
    struct iovec to = {now, sizeof now}, from = {(void *)t->robust, sizeof now};

    if (!t->robust || process_vm_readv(t->pid, &to, 1, &from, 1, 0) != sizeof now)
        return 0;
    if (memcmp(now, t->list, sizeof now) == 0)
        return 0;
    memcpy(t->list, now, sizeof now);
    return 1;
}

uintptr_t tracee_word(const tracee *t, uintptr_t at)
{
    return (uintptr_t)ask(PTRACE_PEEKDATA, t, at, 0);
}

uintptr_t tracee_return(const tracee *t)
{
    return tracee_word(t, t->sp);
}

/* ---- the end ----------------------------------------------------------------------*/

int tracee_kill(tracee *t)
{
    way.left = 0;
    kill(t->pid, SIGKILL);
    while (kin_change(t->pid, &t->status, PATIENCE_MS * MS) == 0)
        if (!WIFSTOPPED(t->status))
            return WIFSIGNALED(t->status) && WTERMSIG(t->status) == SIGKILL ? 0 : -1;
    return -1;
}

int tracee_leave_stopped(tracee *t)
{
    way.left = 0;
    kill(t->pid, SIGSTOP);
    if (ask(PTRACE_DETACH, t, 0, SIGSTOP) == 0)
        return 0;
    /* asleep: it stops first */
    if (kin_change(t->pid, &t->status, PATIENCE_MS * MS) != 0 || !WIFSTOPPED(t->status))
        return -1;
    return (int)ask(PTRACE_DETACH, t, 0, SIGSTOP);
}

int tracee_leave(tracee *t)
{
    way.left = 0;
    return (int)ask(PTRACE_DETACH, t, 0, 0);
}
