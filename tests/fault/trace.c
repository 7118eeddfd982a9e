/* SPDX-License-Identifier: MIT
 *
 * The tracer.
 *
 * It is the reaper of its descendants too: what outlives its parent comes to it, and no
 * zombie is left to whoever is process 1. A task is in the table from its first stop to its
 * end, so an empty table means that nobody of the family is left.
 */
#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct task {
    pid_t tid;  /* 0: the entry is free */
    int number; /* in order of appearance */
    long met;   /* armed calls that the fault meets */
    int doomed; /* dies when what it forks is there */
} task;

typedef struct run {
    const trace_plan *plan;
    trace_page *page;
    trace_result *out;
    pid_t program;
    task tasks[TRACE_TASKS];
    int appeared, living;
} run;

static trace_call seen[TRACE_CALLS];
static int seen_count;

extern char __executable_start, etext;

const trace_call *trace_seen(int *count)
{
    *count = seen_count;
    return seen;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the table ----------------------------------------------------------------------*/

static task *task_of(run *r, pid_t tid)
{
    task *room = NULL;

    for (int i = 0; i < TRACE_TASKS; i++) {
        if (r->tasks[i].tid == tid)
            return &r->tasks[i];
        if (!room && !r->tasks[i].tid)
            room = &r->tasks[i];
    }
    if (!room)
        return NULL;
    *room = (task){.tid = tid, .number = r->appeared++};
    r->living++;
    return room;
}

static void note_death(run *r, const task *t, int status)
{
    size_t used = strlen(r->out->deaths);

    if (WIFSIGNALED(status))
        snprintf(r->out->deaths + used, sizeof r->out->deaths - used, " %d:signal %d",
                 t->number, WTERMSIG(status));
}

static void task_ended(run *r, pid_t tid, int status)
{
    for (int i = 0; i < TRACE_TASKS; i++)
        if (r->tasks[i].tid == tid) {
            note_death(r, &r->tasks[i], status);
            r->tasks[i].tid = 0;
            r->living--;
        }
}

static int is_guard(pid_t tid)
{
    char path[64], text[32] = "";
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/comm", (int)tid);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (!fgets(text, sizeof text, f))
        text[0] = 0;
    fclose(f);
    return strcmp(text, "furrow-guard\n") == 0;
}

static int program_is_alone(const run *r)
{
    for (int i = 0; i < TRACE_TASKS; i++)
        if (r->tasks[i].tid && r->tasks[i].tid != r->program &&
            !is_guard(r->tasks[i].tid))
            return 0;
    return 1;
}

/* Is it a thread of the program? */
static int is_of_program(const run *r, pid_t tid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/task/%d", (int)r->program, (int)tid);
    return access(path, F_OK) == 0;
}

/* ---- a system call ------------------------------------------------------------------*/

/* The first return addresses into this executable on the stack. Stale ones make two sites
 * of one: that costs a run, and misses nothing. */
static uint64_t site_of(pid_t tid, uint64_t sp)
{
    uintptr_t words[160];
    struct iovec here = {words, sizeof words},
                 there = {(void *)(uintptr_t)sp, sizeof words};
    ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);
    uint64_t hash = 0;
    int frames = 0;

    for (size_t i = 0; i < (size_t)(got < 0 ? 0 : got) / sizeof *words; i++)
        if (words[i] >= (uintptr_t)&__executable_start &&
            words[i] < (uintptr_t)&etext && frames++ < 3)
            hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void note(const task *t, const os_call *call, uint64_t sp)
{
    if (seen_count == TRACE_CALLS)
        return;
    seen[seen_count++] =
        (trace_call){.call = *call,
                     .site = site_of(t->tid, sp) ^ (uint64_t)call->nr << 56,
                     .task = t->number};
}

static int due(run *r, const task *t)
{
    const trace_plan *p = r->plan;

    if (r->out->fired)
        return os_calls_is_sticky(p->fault);
    return t->number == p->task && t->met == p->n;
}

static void at_call(run *r, task *t)
{
    struct ptrace_syscall_info info;
    os_call call;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, sizeof info, &info) <= 0)
        return;
    call.nr = (int64_t)info.seccomp.nr;
    memcpy(call.arg, info.seccomp.args, sizeof call.arg);
    if (r->plan->n == 0) {
        note(t, &call, info.stack_pointer);
        return;
    }
    if (!os_calls_meets(r->plan->fault, &call))
        return;
    t->met++;
    if (!due(r, t))
        return;
    r->out->fired = 1;
    r->out->killed = r->plan->fault <= FAULT_KILL_PARENT && is_of_program(r, t->tid);
    t->doomed = r->plan->fault == FAULT_KILL_PARENT;
    if (t->doomed)
        return;
    if (r->plan->fault == FAULT_KILL)
        kill(t->tid, SIGKILL); /* the whole process, whichever its thread */
    else if (os_calls_refuse(t->tid, &call, os_calls_errno(r->plan->fault, &call)))
        r->out->fired = 0;
}

/* ---- events -------------------------------------------------------------------------*/

static void look_whether_alone(run *r)
{
    if (r->page->ended && !r->page->alone && program_is_alone(r))
        r->page->alone = 1;
}

/* The new task may not have stopped yet: it must not be overlooked. Or it is gone. */
static void after_fork(run *r, task *parent)
{
    unsigned long tid;

    if (!parent)
        return;
    if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) == 0 &&
        kill((pid_t)tid, 0) == 0)
        (void)task_of(r, (pid_t)tid);
    if (parent->doomed)
        kill(parent->tid, SIGKILL);
}

static void stopped(run *r, pid_t tid, int status)
{
    int event = status >> 16, signal = 0;
    task *t = task_of(r, tid);

    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
        event == PTRACE_EVENT_CLONE)
        after_fork(r, t);
    if (t && event == PTRACE_EVENT_SECCOMP && r->page->armed)
        at_call(r, t);
    else if (event == 0)
        signal = WSTOPSIG(status);
    look_whether_alone(r);
    (void)ptrace(PTRACE_CONT, tid, NULL, (long)signal);
}

static void tick(int signal)
{
    (void)signal;
}

/* waitpid() must come back now and then to look at the clock. */
static void start_ticks(void)
{
    struct sigaction action = {.sa_handler = tick};
    struct itimerval every = {{0, 50000}, {0, 50000}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void stop_ticks(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
}

static void tell_living(run *r)
{
    char *text = r->out->text, path[64], name[32];
    size_t used = 0;

    for (int i = 0; i < TRACE_TASKS && used < sizeof r->out->text - 64; i++) {
        FILE *f;

        if (!r->tasks[i].tid)
            continue;
        snprintf(path, sizeof path, "/proc/%d/comm", (int)r->tasks[i].tid);
        f = fopen(path, "re");
        if (!f || fscanf(f, "%31[^\n]", name) != 1)
            strcpy(name, "?");
        if (f)
            fclose(f);
        used += (size_t)snprintf(text + used, sizeof r->out->text - used, " %s(%d)",
                                 name, r->tasks[i].number);
    }
}

static void kill_all(run *r)
{
    for (int i = 0; i < TRACE_TASKS; i++)
        if (r->tasks[i].tid)
            kill(r->tasks[i].tid, SIGKILL);
}

static void follow(run *r, double until)
{
    while (r->living > 0) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);

        if (now() > until && !r->out->hung) {
            r->out->hung = 1;
            tell_living(r);
        }
        if (r->out->hung)
            kill_all(r);
        if (tid < 0 && errno != EINTR)
            return;
        if (tid <= 0)
            continue;
        if (WIFSTOPPED(status)) {
            stopped(r, tid, status);
            continue;
        }
        if (tid == r->program)
            r->out->status = status;
        task_ended(r, tid, status);
        look_whether_alone(r);
    }
}

/* ---- a run --------------------------------------------------------------------------*/

_Noreturn static void be_program(void (*body)(void *), void *arg, int gate)
{
    char go;

    if (read(gate, &go, 1) != 1 || os_calls_announce() != 0)
        _exit(77);
    close(gate);
    body(arg);
    _exit(0);
}

static int seize(run *r, int gate)
{
    long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    int rc = (int)ptrace(PTRACE_SEIZE, r->program, NULL, options);

    if (rc == 0)
        (void)task_of(r, r->program);
    else
        kill(r->program, SIGKILL);
    if (write(gate, "g", 1) != 1)
        rc = -1;
    return rc;
}

int trace_run(void (*body)(void *arg), void *arg, trace_page *page,
              const trace_plan *plan, double seconds, trace_result *out)
{
    run r = {.plan = plan, .page = page, .out = out};
    double start = now();
    int gate[2], rc;

    *out = (trace_result){0};
    if (plan->n == 0)
        seen_count = 0;
    page->armed = page->ended = page->alone = 0;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || pipe(gate) != 0)
        return -1;
    fflush(NULL);
    r.program = fork();
    if (r.program == 0) {
        close(gate[1]);
        be_program(body, arg, gate[0]);
    }
    close(gate[0]);
    rc = r.program < 0 ? -1 : seize(&r, gate[1]);
    close(gate[1]);
    start_ticks();
    follow(&r, start + seconds);
    stop_ticks();
    while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
        ;
    out->seconds = now() - start;
    return rc < 0 || (WIFEXITED(out->status) && WEXITSTATUS(out->status) == 77) ? -1
                                                                                : 0;
}
