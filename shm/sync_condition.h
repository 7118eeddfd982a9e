/* SPDX-License-Identifier: MIT
 *
 * A condition in shared memory: a slot for each one who waits.
 */
#ifndef FW_SYNC_CONDITION_H
#define FW_SYNC_CONDITION_H

#include "atomic.h"
#include "furrow_sync.h"

#define FW_SYNC_CONDITION_MAGIC UINT64_C(0x31646e6f635f7766) /* "fw_cond1" */

enum { FW_CONDITION_WAITING = 1, FW_CONDITION_NOTIFIED = 2, FW_CONDITION_BITS = 2 };

struct furrow_condition {
    _Atomic uint64_t magic;
    furrow_lock *lock;
    uint32_t own_lock; /* 1: it is freed with the condition */
    uint32_t slots;
    _Atomic uint32_t used;               /* no slot from here on was ever taken */
    _Atomic uint32_t first;              /* where the next notify begins to look */
    _Alignas(8) _Atomic uint32_t slot[]; /* 0, or an owner's number and what he does */
};

#endif
