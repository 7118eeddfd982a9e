/* SPDX-License-Identifier: MIT
 *
 * A user's lock: a robust lock that knows its holder, in a block of its own.
 */
#ifndef FW_SYNC_LOCK_H
#define FW_SYNC_LOCK_H

#include "furrow_sync.h"
#include "lock.h"

#define FW_SYNC_LOCK_MAGIC UINT64_C(0x316b636f6c5f7766) /* "fw_lock1" */

struct furrow_lock {
    fw_lock lock;
};

static inline int fw_sync_lock_live(const furrow_lock *l)
{
    return l && fw_load_relaxed(&l->lock.magic) == FW_SYNC_LOCK_MAGIC;
}

/* Not yet published. NULL with an error. */
furrow_lock *fw_sync_lock_make(const furrow_lock_options *options);

/* Take a live lock; an automatic one is in order at once. As fw_lock_take(). */
int fw_sync_lock_take(furrow_lock *l, furrow_deadline deadline);

/* Does this thread hold it? */
int fw_sync_lock_mine(const furrow_lock *l);

#endif
