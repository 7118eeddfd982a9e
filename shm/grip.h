/* SPDX-License-Identifier: MIT
 *
 * A lock among the threads of one process, in memory of its own, that a fork and the
 * end of a thread do not leave held.
 */
#ifndef FW_GRIP_H
#define FW_GRIP_H

#include "atomic.h"
#include "furrow_shm.h"

#pragma GCC visibility push(default) /* libfurrow_manager uses it */

typedef struct fw_grip {
    _Atomic uint32_t
        word; /* 0, or the holder's thread number, with a bit for sleepers */
} fw_grip;

/* 0, or FURROW_ETIME without a message. Zeros are a free grip. */
int fw_grip_take(fw_grip *g, furrow_deadline deadline);
void fw_grip_give(fw_grip *g);

#pragma GCC visibility pop
#endif
