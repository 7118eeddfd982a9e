/* SPDX-License-Identifier: MIT
 *
 * The children that this process has started.
 */
#ifndef FW_CHILDREN_H
#define FW_CHILDREN_H

#include "process.h"

/* In private memory, in a list. */
typedef struct fw_child {
    struct fw_child *next;
    furrow_process *process;
    furrow_start method;
    int line;   /* our end, or -1 */
    int theirs; /* the child's, until it has it */
    int pidfd;  /* or -1: not started yet, refused, or a thread */
    int32_t pid;
    uint64_t start_time; /* with pid, where pidfds are refused; 0: not known */
    int ours;            /* we release it: nobody else tells how it ended */
    int signal;          /* the last one that we sent it */
    pthread_t thread;
} fw_child;

/* Once and before anything else: a fork waits for the lock, and the end of the program for
 * its children. */
void fw_children_mind(void);

/* A new one with its line, in the list. NULL with an error. */
fw_child *fw_children_add(furrow_process *p);

/* Out of the list, its fds closed. */
void fw_children_remove(fw_child *c);

void fw_children_lock(void);
void fw_children_unlock(void);

/* In a forked child: those of the parent are none of ours; their fds are closed but `own`. */
void fw_children_forget(int own);

/* The child's line for the thread or process that it is for: the child has it now. */
void fw_children_close_theirs(fw_child *c);

/* Has it ended? 1: its exit code is known from now on. -errno: how it ended cannot be heard
 * now (there is no memory); ask again. Does not block. */
int fw_children_collect(fw_child *c);

/* Sleep until it has ended, or `until`. */
void fw_children_await(const fw_child *c, int64_t until);

/* What is readable once it has ended. */
int fw_children_sentinel(const fw_child *c);

/* To the child, also where signals by pidfd are refused. -ESRCH: it has ended. */
int fw_children_signal(const fw_child *c, int signal);

/* The end of this process in good order: daemonic children are ended, others awaited. */
void fw_children_end(void);

#endif
