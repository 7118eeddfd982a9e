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

#define TICK_NS (100 * INT64_C(1000000))

/* Wait for it until then: 0, EOWNERDEAD, ETIMEDOUT ... */
static int wait_until(pthread_mutex_t *mutex, int64_t then)
{
    struct timespec t = {.tv_sec = then / 1000000000, .tv_nsec = then % 1000000000};

    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &t);
}

static int try_until(pthread_mutex_t *mutex, furrow_deadline deadline)
{
    int rc;

    if (FW_UNDER_TSAN && deadline == FURROW_FOREVER)
        return pthread_mutex_lock(mutex); /* it does not know the other one */
    rc = pthread_mutex_trylock(mutex);
    while (rc == EBUSY && deadline > 0) {
        int64_t tick = fw_os_now() + TICK_NS;

        if (deadline <= tick)
            return wait_until(mutex, deadline);
        rc = wait_until(mutex, tick);
        if (rc == ETIMEDOUT)
            rc = EBUSY;
    }
    return rc;
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
