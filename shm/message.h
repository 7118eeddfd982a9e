/* SPDX-License-Identifier: MIT
 *
 * Messages that are too large for a slot: a heap block each, this process's until it is
 * passed on.
 */
#ifndef FW_MESSAGE_H
#define FW_MESSAGE_H

#include "furrow_queue.h"
#include "heap.h"

/* A block of at least `size` bytes whose memory is there, or NULL with FURROW_ENOMEM, or
 * FURROW_ETIME when somebody keeps the heap's lock. */
void *fw_message_block(size_t size);

/* Free a block of this process's; when somebody keeps the heap's lock past the thread's
 * patience, at the next chance. The thread's error stays as it is. */
void fw_message_drop(void *block);

/* Until when calls with that deadline wait for the heap's lock: a moment longer, for its
 * living holders go on at once. Returns what fw_message_impatient() restores. */
furrow_deadline fw_message_patient(furrow_deadline deadline);
void fw_message_impatient(furrow_deadline before);

#endif
