/* SPDX-License-Identifier: MIT
 *
 * A lock in shared memory that survives its holder.
 *
 * It is the C library's robust process-shared mutex: the one stock primitive that a kill
 * at any instruction does not break. When a holder dies, the kernel marks the word and
 * wakes a waiter, who gets the lock with FURROW_OWNERDIED (positive: the lock *is* held)
 * and must bring what it guards back into order before it unlocks.
 *
 * The memory of a lock is not reused for anything else, nor unmapped, while a thread is in
 * one of these functions: the kernel may still write to the word of a dying one.
 */
#ifndef FW_LOCK_H
#define FW_LOCK_H

#include "atomic.h"
#include "furrow_shm.h"

#include <pthread.h>

typedef struct fw_lock {
    _Alignas(64) pthread_mutex_t mutex;
    _Atomic uint64_t magic; /* of a furrow_lock (sync_lock.h), which is nothing else */
    uint32_t kind;          /* FW_LOCK_, from its making on */
    uint32_t automatic;     /* of a furrow_lock */
} fw_lock;
_Static_assert(sizeof(fw_lock) == 64, "one cache line");

enum {
    FW_LOCK_PLAIN,    /* of the library's own: nobody unlocks what he does not hold */
    FW_LOCK_CHECKED,  /* knows its holder, who does not get it a second time, */
    FW_LOCK_RECURSIVE /* or does */
};

int fw_lock_init(fw_lock *lock); /* FW_LOCK_PLAIN */
int fw_lock_init_kind(fw_lock *lock, int kind);

/* 0, FURROW_OWNERDIED (held too, already consistent for the next), FURROW_ETIME, or
 * FURROW_ECORRUPT. Test for failure with < 0. Blocks until the deadline. */
int fw_lock_lock(fw_lock *lock, furrow_deadline deadline);
void fw_lock_unlock(fw_lock *lock);

/* For a lock that is not plain: the same, but after FURROW_OWNERDIED the holder is to say
 * that all is in order; if he unlocks without, nobody gets it any more: FURROW_EBROKEN.
 * FURROW_EINVAL when this thread has it already (deadline 0: FURROW_ETIME). */
int fw_lock_take(fw_lock *lock, furrow_deadline deadline);
void fw_lock_consistent(fw_lock *lock);
int fw_lock_give(fw_lock *lock); /* 0, or FURROW_EOWNER */

/* Who holds it: a thread's number, or 0. How often: right when it is this thread. */
pid_t fw_lock_holder(const fw_lock *lock);
unsigned fw_lock_depth(const fw_lock *lock);
int fw_lock_broken(const fw_lock *lock);

#endif
