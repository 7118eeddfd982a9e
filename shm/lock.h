/* SPDX-License-Identifier: MIT
 *
 * A lock in shared memory that survives its holder.
 *
 * It is the C library's robust process-shared mutex: the one stock primitive that a kill
 * at any instruction does not break. When a holder dies, the kernel marks the word and
 * wakes a waiter, who gets the lock with FURROW_OWNERDIED (positive: the lock *is* held)
 * and must bring what it guards back into order before it unlocks.
 *
 * The memory of a lock is never reused for anything else, nor unmapped, while a process of
 * the family lives: the kernel may still write to the word of a dying thread.
 */
#ifndef FW_LOCK_H
#define FW_LOCK_H

#include "furrow_shm.h"

#include <pthread.h>

typedef struct fw_lock {
    _Alignas(64) pthread_mutex_t mutex;
} fw_lock;
_Static_assert(sizeof(fw_lock) == 64, "one cache line");

int fw_lock_init(fw_lock *lock);

/* 0, FURROW_OWNERDIED (held too, already consistent for the next), FURROW_ETIME, or
 * FURROW_ECORRUPT. Test for failure with < 0. Blocks until the deadline. */
int fw_lock_lock(fw_lock *lock, furrow_deadline deadline);
void fw_lock_unlock(fw_lock *lock);

#endif
