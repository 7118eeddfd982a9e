/* SPDX-License-Identifier: MIT
 *
 * The robust lock (see lock.h).
 *
 * Who writes the word: the C library, and the kernel when a holder dies. The mutex is made
 * consistent at once, before the caller has repaired anything: a second death during the
 * repair is then reported to the next holder in the same way, who starts the repair again.
 */
#include "lock.h"

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

static int try_until(pthread_mutex_t *mutex, furrow_deadline deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000000000,
                         .tv_nsec = deadline % 1000000000};

    if (deadline == FURROW_FOREVER)
        return pthread_mutex_lock(mutex);
    if (deadline <= 0)
        return pthread_mutex_trylock(mutex);
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &t);
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
