/* SPDX-License-Identifier: MIT
 *
 * Children with deadlines: forked, waited for without polling, killed when they hang.
 * SIGCHLD is blocked in who waits (it wakes the wait), and not in the children.
 */
#ifndef KILL_KIN_H
#define KILL_KIN_H

#include <stdint.h>
#include <sys/types.h>

enum { KIN_SIGNAL = 256, KIN_HANGS = 1000, KIN_NONE = 1001 };

/* Block SIGCHLD: before the others. */
void kin_begin(void);

/* The process that called kin_begin() first: the judge. */
pid_t kin_first(void);

/* Fork run(arg), whose result is the exit status. It dies with its parent. */
pid_t kin_start(int (*run)(void *arg), void *arg);

/* Its exit status, KIN_SIGNAL + the signal that ended it, or KIN_HANGS when the time is
 * over: it lives on. */
int kin_wait(pid_t pid, int ms);

/* The same, and one that hangs is killed. */
int kin_end(pid_t pid, int ms);

/* The same for a process with a group of its own, of which nobody is left then. */
int kin_end_group(pid_t pid, int ms);

/* Does a child that does run(arg) end by SIGKILL, within seconds? */
int kin_is_killed(int (*run)(void *arg), void *arg);

/* Wait until it has stopped or ended, as waitpid() tells it. 0, or -1: not in time. */
int kin_change(pid_t pid, int *status, int64_t ns);

/* The letter of the process's state: 'S' sleeps; 0 when it is not known. */
char kin_state(pid_t pid);

int64_t kin_now(void); /* nanoseconds */

#endif
