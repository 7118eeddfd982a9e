/* SPDX-License-Identifier: MIT
 *
 * The processes that use the heap, each with a line of its own.
 */
#ifndef FW_PARTICIPANT_H
#define FW_PARTICIPANT_H

#include "layout.h"

/* This process's line, joined at the first call (and again in a forked child). Returns
 * the line's index, or a negative error. Needs the heap's lock. */
int fw_participant_self(fw_heap *heap);

/* Is the process of a live line gone for certain? */
int fw_participant_gone(const fw_participant *p);

/* getpid() without a system call. */
int32_t fw_participant_pid(void);

/* The identity of this process, read once. */
void fw_participant_identity(int32_t *pid, uint64_t *start_time);

#endif
