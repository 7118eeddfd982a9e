/* SPDX-License-Identifier: MIT
 *
 * The robust lock (see lock.h).
 *
 * Who writes the word: the C library, and the kernel when a holder dies. The mutex is made
 * consistent at once, before the caller has repaired anything: a second death during the
 * repair is then reported to the next holder in the same way, who starts the repair again.
 *
 * Whoever waits looks again every tick. The kernel passes on the wake of one who was woken
 * and killed before it took the lock, but not when another has got the lock meanwhile; that
 * one does not know of the sleepers behind (tests/model/lock.pml finds it).
 */
#include "lock.h"

#include "os.h"
#include "status.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

int fw_lock_init(fw_lock *lock)
{
    pthread_mutexattr_t attr;
    int rc;

    if (pthread_mutexattr_init(&attr) != 0)
        return fw_fail(FURROW_ENOMEM, "no memory for a lock");
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init(&lock->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return rc == 0 ? 0 : fw_fail_os(rc, "cannot make a lock");
}

enum { NOBODY_LOOKS = 30 };
#define TICK_NS (100 * 1000 * 1000)

/* No thread has the number that the word names as the holder. The kernel would have told a
 * death: somebody has scribbled over the word. */
static int held_by_nobody(pthread_mutex_t *mutex)
{
    int holder = *(volatile int *)&mutex->__data.__lock & FUTEX_TID_MASK;

    return holder != 0 && fw_os_thread_gone((pid_t)holder);
}

/* ThreadSanitizer does not know the lock with a clock of one's choice. */
static int wait_for(pthread_mutex_t *mutex, int64_t ns)
{
    struct timespec t;

    clock_gettime(FW_UNDER_TSAN ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    t.tv_sec += (t.tv_nsec + ns) / 1000000000;
    t.tv_nsec = (t.tv_nsec + ns) % 1000000000;
    return FW_UNDER_TSAN ? pthread_mutex_timedlock(mutex, &t)
                         : pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &t);
}

static int try_until(pthread_mutex_t *mutex, furrow_deadline deadline)
{
    int rc = pthread_mutex_trylock(mutex), looks = 0;

    while (rc == EBUSY && deadline > 0 && looks < NOBODY_LOOKS) {
        int64_t left = deadline - fw_os_now();

        if (left <= TICK_NS)
            return wait_for(mutex, left > 0 ? left : 0);
        rc = wait_for(mutex, TICK_NS);
        if (rc != ETIMEDOUT)
            continue;
        rc = EBUSY;
        looks = held_by_nobody(mutex) ? looks + 1 : 0;
    }
    return looks == NOBODY_LOOKS ? ENOTRECOVERABLE : rc;
}

int fw_lock_lock(fw_lock *lock, furrow_deadline deadline)
{
    switch (try_until(&lock->mutex, deadline)) {
    case 0:
        return 0;
    case EOWNERDEAD:
        pthread_mutex_consistent(&lock->mutex);
        return FURROW_OWNERDIED;
    case ETIMEDOUT:
    case EBUSY:
        return fw_fail(FURROW_ETIME, "the lock is held by another");
    default:
        return fw_fail(FURROW_ECORRUPT, "the lock is not usable any more");
    }
}

void fw_lock_unlock(fw_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
