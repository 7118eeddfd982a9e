/* SPDX-License-Identifier: MIT
 *
 * This process and its parent.
 */
#ifndef FW_KIN_H
#define FW_KIN_H

#include "process.h"

/* Who started this process: it may live no more. */
typedef struct fw_parent {
    int32_t pid;
    uint64_t start_time;
    char name[FURROW_PROCESS_NAME];
} fw_parent;

/* In a fresh child. */
void fw_kin_become(const fw_identity *is, const fw_parent *parent);

/* In a thread of that process: what is current in it. NULL: the process. */
void fw_kin_thread(furrow_process *p);

/* Is it this process, or the parent? Else 0. */
enum { FW_KIN_SELF = 1, FW_KIN_PARENT = 2 };
int fw_kin_is(const furrow_process *p);

void fw_kin_self(fw_parent *out); /* this process, as its children see it */

/* Of what is FW_KIN_PARENT. */
int fw_kin_parent_gone(const furrow_process *p);
int fw_kin_parent_join(const furrow_process *p, furrow_deadline deadline);
int fw_kin_parent_sentinel(const furrow_process *p);

/* The number of the next child, from 1. */
unsigned fw_kin_next(void);

/* The key of this process, made when there is none. */
int fw_kin_key(fw_identity *out);

#endif
