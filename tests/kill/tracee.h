/* SPDX-License-Identifier: MIT
 *
 * A process under ptrace: taken to a place in its code, and from there on instruction by
 * instruction. x86-64.
 *
 * Places are addresses of this program too: tracer and tracee are forked from one image
 * and share all code at the same addresses. A repeated string instruction traps after
 * each iteration. A system call is one step; when it sleeps, the tracee is asleep, and
 * goes on as soon as somebody wakes it.
 */
#ifndef KILL_TRACEE_H
#define KILL_TRACEE_H

#include <stdint.h>
#include <sys/types.h>

typedef enum tracee_state {
    TRACEE_STOPPED, /* before the instruction at pc */
    TRACEE_ASLEEP,  /* in a system call, for longer than that takes */
    TRACEE_GONE,    /* it has ended by itself, or was killed */
    TRACEE_LOST     /* neither stops nor sleeps in time, or ptrace fails */
} tracee_state;

typedef struct tracee {
    pid_t pid;
    uintptr_t pc, sp;
    uintptr_t robust; /* the address of its robust list's head */
    uint64_t list[3]; /* that head */
    int status;       /* of waitpid(), when it has ended */
    int foreign;      /* it is no copy of its tracer: the program was run anew */
} tracee;

/* Fork run(arg), stopped before its first instruction. -1: there is no ptrace here. */
int tracee_fork(tracee *t, int (*run)(void *arg), void *arg);

/* Take a process that runs, and stop it. */
int tracee_seize(tracee *t, pid_t pid);

/* Go on until it is before the instruction at `pc`, for the nth time (1: the next).
 * TRACEE_ASLEEP may be answered on the way; then tracee_wake() goes on with it. */
tracee_state tracee_run(tracee *t, uintptr_t pc, long nth);

/* One instruction. */
tracee_state tracee_step(tracee *t);

/* It was asleep: wait for it to arrive where tracee_run() or tracee_step() sent it. */
tracee_state tracee_wake(tracee *t);

/* Has the head of its robust list changed since the last look? */
int tracee_list_changed(tracee *t);

/* It is stopped: have its pc and sp. 0, or -1. */
int tracee_look(tracee *t);

/* Is the next instruction a system call? A word of its memory. */
int tracee_at_call(const tracee *t);
uintptr_t tracee_word(const tracee *t, uintptr_t at);

/* The word on its stack: at the entry of a function, where it returns to. */
uintptr_t tracee_return(const tracee *t);

/* SIGKILL it, and wait for that. 0, or -1. */
int tracee_kill(tracee *t);

/* Leave it, stopped by SIGSTOP, or running. */
int tracee_leave_stopped(tracee *t);
int tracee_leave(tracee *t);

#endif
