/* SPDX-License-Identifier: MIT
 *
 * The start of a process: a table of functions for each method, and the child's first
 * steps.
 */
#ifndef FW_BIRTH_H
#define FW_BIRTH_H

#include "boot.h"
#include "children.h"

/* One start, in the parent; in what is forked, a copy of it. */
typedef struct fw_birth {
    furrow_process *process;
    furrow_process_function function; /* the process's, in memory that a fork copies: */
    void *arg;                        /* what is shared costs the child a page fault */
    fw_child *child;
    fw_boot boot;
    fw_boot_exec exec;
    void (*become)(struct fw_birth *b); /* in the new process; does not return */
    uint32_t
        heard; /* words, a bit each: the child and who forked it speak in any order */
    int extra[2]; /* fds of a keeper that its child closes, or -1 */
} fw_birth;

typedef struct fw_method {
    const char *name;
    int exec; /* the function is found by name: by a program that is run anew */

    /* Have it begun, up to where it waits for the go-ahead; the child's pid is known. The
     * record is filled when it fails. FW_BIRTH_AGAIN: what does it was killed. */
    int (*start)(fw_birth *b);
} fw_method;

enum { FW_BIRTH_AGAIN = 1 };

extern const fw_method fw_method_fork, fw_method_thread, fw_method_spawn,
    fw_method_forkserver;

/* Fork a process that calls b->become(b): directly, or below a keeper. */
int fw_birth_fork(fw_birth *b);

/* Wait for a word of that kind. FURROW_EDIED when the line ends before. */
int fw_birth_hear(fw_birth *b, uint32_t kind);

/* Send the boot message and the argument's bytes. */
int fw_birth_tell(fw_birth *b);

int fw_birth_start(furrow_process *p);

/* In the new process (born.c): it ends with `by`, who forked it in its parent's place; until
 * the go-ahead, or when it is daemonic for ever. */
void fw_born_bind(int line, pid_t by, int daemon);
#define FW_BORN_UNBOUND "a daemonic process cannot be made to end with another"

/* In the new process (born.c): become the child, wait for the go-ahead, run. `theirs`: its
 * end of the line. `copy`: it has a copy of its parent's memory. */
_Noreturn void fw_born_run(const fw_boot *boot, furrow_process_function function,
                           void *arg, int line, int copy);

/* A keeper (keeper.c), in a process of its own. */
_Noreturn void fw_keeper_run(fw_birth *b);

#endif
