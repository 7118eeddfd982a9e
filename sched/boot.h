/* SPDX-License-Identifier: MIT
 *
 * What a program that was run by furrow is told, and how it takes over.
 */
#ifndef FW_BOOT_H
#define FW_BOOT_H

#include "entry.h"
#include "kin.h"

/* The first thing over the line, to a child by spawn or forkserver, to the server and to a
 * nursery. */
typedef struct fw_boot {
    uint64_t magic;
    fw_identity is;
    fw_parent parent;
    int32_t method; /* that was set in the parent, or 0 */
    int32_t log;    /* level */
    uint64_t size;  /* bytes of its argument, which follow */
    fw_entry entry; /* what to run, or the server's preload; offset 0: none */
} fw_boot;

#define FW_BOOT_MAGIC    UINT64_C(0x31746f6f625f7766) /* "fw_boot1" */
#define FW_BOOT_VARIABLE "FURROW_BOOT"

enum { FW_BOOT_CHILD = 'c', FW_BOOT_SERVER = 's', FW_BOOT_NURSERY = 'n' };

/* How a program is to be run, made before a fork: what follows may allocate nothing. */
typedef struct fw_boot_exec {
    const char *path;
    char *argv[2];
    char **env;
    int keep[2]; /* the line and the heap */
    char text[160];
} fw_boot_exec;

/* Errors: FURROW_EINVAL (furrow_init() has not run), FURROW_ENOTSUP (the heap's file is
 * closed), FURROW_ENOMEM. */
int fw_boot_prepare(fw_boot_exec *x, int role, int line);
void fw_boot_done(fw_boot_exec *x);

/* Does not return: tells over the line when it cannot be run. */
_Noreturn void fw_boot_exec_now(const fw_boot_exec *x);

/* What a process is told about itself, for `p`; or for NULL. */
int fw_boot_for(fw_boot *boot, furrow_process *p);

/* In a fresh process with the heap and a line: hear what to run, run it, and end. */
_Noreturn void fw_boot_child(int line, const fw_parent *parent);

/* Tell over the line why it cannot, and end. */
_Noreturn void fw_boot_give_up(int line);

/* May this process run the program anew? 0, or FURROW_EINVAL with a sentence. And was it
 * started by furrow, but furrow_init() has not run? Then nothing may be started. */
int fw_boot_allowed(void);
int fw_boot_passed(void);

#endif
