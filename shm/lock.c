/* SPDX-License-Identifier: MIT
 *
 * The robust lock (see lock.h).
 *
 * Who writes the word: the C library, and the kernel when a holder dies. The library's own
 * locks (FW_LOCK_PLAIN) are made consistent at once, before the caller has repaired
 * anything: a second death during the repair is then reported to the next holder in the same
 * way, who starts the repair again. Users' locks stay inconsistent until their holder says
 * that he has put things in order; a second death before is reported likewise, and an unlock
 * before makes the mutex one that nobody gets any more (the C library wakes one waiter after
 * another, and each is told).
 *
 * Whoever waits looks again every tick. The kernel passes on the wake of one who was woken
 * and killed before it took the lock, but not when another has got the lock meanwhile; that
 * one does not know of the sleepers behind (tests/model/lock.pml finds it).
 */
#include "lock.h"

#include "os.h"
#include "status.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <time.h>

int fw_lock_init_kind(fw_lock *lock, int kind)
{
    static const int type[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK,
                               PTHREAD_MUTEX_RECURSIVE};
    pthread_mutexattr_t attr;
    int rc;

    if (pthread_mutexattr_init(&attr) != 0)
        return fw_fail(FURROW_ENOMEM, "no memory for a lock");
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&attr, type[kind]);
    lock->kind = (uint32_t)kind;
    rc = pthread_mutex_init(&lock->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return rc == 0 ? 0 : fw_fail_os(rc, "cannot make a lock");
}

int fw_lock_init(fw_lock *lock)
{
    return fw_lock_init_kind(lock, FW_LOCK_PLAIN);
}

/* glibc's field, as it is when one looks: who got the lock after a death has unlocked it
 * without making it consistent. */
enum { NOT_RECOVERABLE = INT_MAX - 1 };

int fw_lock_broken(const fw_lock *lock)
{
    return *(const volatile int *)&lock->mutex.__data.__owner == NOT_RECOVERABLE;
}

enum { NOBODY_LOOKS = 30, HELD_BY_NOBODY = EPROTO, SPINS = 50 };
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

/* No more than a tick in one go, and never a mutex that nobody gets any more: the C
 * library's trylock would leave the word taken. (Whoever asks just when it becomes one does
 * leave it so; therefore everybody looks at this before the word.) */
static int try_for(fw_lock *lock, int64_t ns)
{
    if (fw_lock_broken(lock))
        return ENOTRECOVERABLE;
    return ns <= 0 ? pthread_mutex_trylock(&lock->mutex) : wait_for(&lock->mutex, ns);
}

static int wait_until(fw_lock *lock, furrow_deadline deadline)
{
    int looks = 0;

    for (;;) {
        int64_t left = deadline - fw_os_now();
        int rc = try_for(lock, left < TICK_NS ? left : TICK_NS);

        if (rc != ETIMEDOUT && rc != EBUSY)
            return rc;
        if (left <= TICK_NS)
            return fw_lock_broken(lock) ? ENOTRECOVERABLE : ETIMEDOUT;
        looks = held_by_nobody(&lock->mutex) ? looks + 1 : 0;
        if (looks == NOBODY_LOOKS)
            return HELD_BY_NOBODY;
    }
}

/* Most holders are about to let go: look a few times before falling asleep. */
static int try_awhile(fw_lock *lock)
{
    const volatile int *word = &lock->mutex.__data.__lock;

    for (int i = 0; i < SPINS && *word & FUTEX_TID_MASK; i++)
        fw_pause();
    return *word & FUTEX_TID_MASK ? EBUSY : try_for(lock, 0);
}

static int try_until(fw_lock *lock, furrow_deadline deadline)
{
    int rc = try_for(lock, 0);

    if (rc == EBUSY && deadline > 0)
        rc = try_awhile(lock);
    return rc == EBUSY && deadline > 0 ? wait_until(lock, deadline) : rc;
}

static int failed(int rc)
{
    switch (rc) {
    case ETIMEDOUT:
    case EBUSY:
        return fw_fail(FURROW_ETIME, "the lock is held by another");
    case EDEADLK:
        return fw_fail(FURROW_EINVAL, "this thread holds the lock already, and it is "
                                      "not recursive");
    case EAGAIN:
        return fw_fail(FURROW_EINVAL, "this thread holds the lock as often as can be");
    case ENOTRECOVERABLE:
        return fw_fail(FURROW_EBROKEN, "a holder of the lock died, and the next one "
                                       "unlocked it without furrow_lock_consistent()");
    default:
        return fw_fail(FURROW_ECORRUPT, "the lock is not usable any more");
    }
}

int fw_lock_lock(fw_lock *lock, furrow_deadline deadline)
{
    int rc = try_until(lock, deadline);

    if (rc == 0)
        return 0;
    if (rc == EOWNERDEAD) {
        pthread_mutex_consistent(&lock->mutex);
        return FURROW_OWNERDIED;
    }
    return failed(rc == ENOTRECOVERABLE ? HELD_BY_NOBODY : rc);
}

void fw_lock_unlock(fw_lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

/* ---- those that know their holder ---------------------------------------------------*/

int fw_lock_take(fw_lock *lock, furrow_deadline deadline)
{
    int rc = try_until(lock, deadline);

    if (rc == 0)
        return 0;
    if (rc == EOWNERDEAD)
        return FURROW_OWNERDIED;
    return failed(rc == EDEADLK && deadline == 0 ? EBUSY : rc);
}

void fw_lock_consistent(fw_lock *lock)
{
    pthread_mutex_consistent(&lock->mutex);
}

int fw_lock_give(fw_lock *lock)
{
    /* of a broken one the C library would take from its list what is not on it */
    if (!fw_lock_broken(lock) && pthread_mutex_unlock(&lock->mutex) == 0)
        return 0;
    return fw_fail(FURROW_EOWNER, "it is not this thread that holds the lock");
}

/* The C library's fields, as they are when one looks. */
pid_t fw_lock_holder(const fw_lock *lock)
{
    if (fw_lock_broken(lock))
        return 0;
    return *(const volatile int *)&lock->mutex.__data.__lock & FUTEX_TID_MASK;
}

unsigned fw_lock_depth(const fw_lock *lock)
{
    return lock->kind == FW_LOCK_RECURSIVE
               ? *(const volatile unsigned *)&lock->mutex.__data.__count
               : 1;
}
