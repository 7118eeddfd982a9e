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

/* The number that this process claims things by, in words that others see: 28 bits, never
 * 0, its own while it lives and nobody else's until 65,535 others have had its line. 0, with
 * an error, when the heap takes no more processes. Takes the heap's lock the first time, and
 * the first time in a forked child. */
uint32_t fw_participant_owner(void);

/* The same for a call with a deadline: it does not wait longer for the heap's lock than
 * until then, or a moment (0.1 s) where that is later, nor than the thread's patience
 * (heap.h). 0 may be FURROW_ETIME. */
uint32_t fw_participant_owner_by(furrow_deadline deadline);

/* Is the process with that number gone for certain? Any process of the family may ask; it
 * needs no lock. A number that nobody ever had is nobody's. */
int fw_participant_owner_gone(uint32_t owner);

/* Is the process of a live line gone for certain? */
int fw_participant_gone(const fw_participant *p);

/* getpid() without a system call. */
int32_t fw_participant_pid(void);

/* The identity of this process, read once. */
void fw_participant_identity(int32_t *pid, uint64_t *start_time);

#endif
