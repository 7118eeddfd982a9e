/* SPDX-License-Identifier: MIT
 *
 * Control rows: what the C library offers to processes that share memory, other than its
 * robust mutex. Each of them must be seen to fail: a kill leaves it so that whoever comes
 * next waits for ever. The harness that finds furrow whole finds these broken.
 */
#include "rows.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

enum { PATIENCE_MS = 60 }; /* nobody holds anything for so long */

typedef struct stock {
    sem_t sem;
    pthread_rwlock_t rwlock;
    pthread_cond_t cond;
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
    _Atomic int rung;
} stock;
_Static_assert(sizeof(stock) <= SCENE_OBJECT, "it lies in the scene");

static stock *stock_of(scene *s)
{
    union {
        char *bytes;
        stock *stock;
    } at = {.bytes = s->object};

    return at.stock;
}

static struct timespec in_a_moment(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += PATIENCE_MS / 2 * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* ---- a semaphore as a lock --------------------------------------------------------*/

static int sem_is_there(scene *s)
{
    row_want(s, sem_init(&stock_of(s)->sem, 1, 1) == 0);
    return 0;
}

static int sem_use(scene *s)
{
    return sem_wait(&stock_of(s)->sem) || sem_post(&stock_of(s)->sem);
}

static int sem_survive(scene *s)
{
    struct timespec until = in_a_moment();

    row_want(s, sem_timedwait(&stock_of(s)->sem, &until) == 0);
    row_want(s, sem_post(&stock_of(s)->sem) == 0);
    return 0;
}

/* ---- a lock for readers and writers -----------------------------------------------*/

static int rwlock_is_there(scene *s)
{
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    row_want(s, pthread_rwlock_init(&stock_of(s)->rwlock, &attr) == 0);
    return 0;
}

static int rwlock_read(scene *s)
{
    pthread_rwlock_t *l = &stock_of(s)->rwlock;

    return pthread_rwlock_rdlock(l) || pthread_rwlock_unlock(l);
}

static int rwlock_survive(scene *s)
{
    struct timespec until = in_a_moment();

    row_want(s, pthread_rwlock_timedwrlock(&stock_of(s)->rwlock, &until) == 0);
    row_want(s, pthread_rwlock_unlock(&stock_of(s)->rwlock) == 0);
    return 0;
}

/* ---- a condition ------------------------------------------------------------------*/

static int cond_is_there(scene *s)
{
    pthread_condattr_t attr;
    pthread_mutexattr_t mutex_attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_init(&mutex_attr);
    pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&mutex_attr, PTHREAD_MUTEX_ROBUST);
    row_want(s, pthread_cond_init(&stock_of(s)->cond, &attr) == 0);
    row_want(s, pthread_mutex_init(&stock_of(s)->mutex, &mutex_attr) == 0);
    return 0;
}

static void cond_lock(scene *s)
{
    if (pthread_mutex_lock(&stock_of(s)->mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&stock_of(s)->mutex);
}

static int cond_wait(scene *s)
{
    cond_lock(s);
    s->ready = 1;
    while (!stock_of(s)->rung)
        if (pthread_cond_wait(&stock_of(s)->cond, &stock_of(s)->mutex) == EOWNERDEAD)
            pthread_mutex_consistent(&stock_of(s)->mutex);
    pthread_mutex_unlock(&stock_of(s)->mutex);
    return 0;
}

static int cond_signal(scene *s)
{
    return pthread_cond_signal(&stock_of(s)->cond);
}

static int cond_survive(scene *s)
{
    cond_lock(s);
    stock_of(s)->rung = 1;
    pthread_cond_broadcast(&stock_of(s)->cond);
    pthread_mutex_unlock(&stock_of(s)->mutex);
    return 0;
}

/* ---- a barrier --------------------------------------------------------------------*/

static int barrier_is_there(scene *s)
{
    pthread_barrierattr_t attr;

    pthread_barrierattr_init(&attr);
    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    row_want(s, pthread_barrier_init(&stock_of(s)->barrier, &attr, 2) == 0);
    return 0;
}

static int barrier_meet(scene *s)
{
    s->ready = 1;
    return pthread_barrier_wait(&stock_of(s)->barrier) > 0;
}

/* The dead one's place is taken, unless the barrier has let both through. */
static int barrier_survive(scene *s)
{
    return s->number[0] ? 0 : barrier_meet(s);
}

static int barrier_wait(scene *s)
{
    int rc = barrier_meet(s);

    s->number[0] = 1;
    return rc;
}

static const operation sem_locking = {.object = "glibc_sem",
                                      .name = "wait_post",
                                      .set_up = sem_is_there,
                                      .operate = sem_use,
                                      .survive = sem_survive,
                                      .patience_ms = PATIENCE_MS};

static const operation rwlock_reading = {.object = "glibc_rwlock",
                                         .name = "read",
                                         .set_up = rwlock_is_there,
                                         .operate = rwlock_read,
                                         .survive = rwlock_survive,
                                         .patience_ms = PATIENCE_MS};

static const operation cond_signalling = {.object = "glibc_condvar",
                                          .name = "signal",
                                          .set_up = cond_is_there,
                                          .operate = cond_signal,
                                          .survive = cond_survive,
                                          .patience_ms = PATIENCE_MS};

static const operation barrier_waiting = {.object = "glibc_barrier",
                                          .name = "wait",
                                          .set_up = barrier_is_there,
                                          .operate = barrier_meet,
                                          .survive = barrier_survive,
                                          .patience_ms = PATIENCE_MS};

static const row rows[] = {
    {.how = &sem_locking, .position = "free"},
    {.how = &rwlock_reading, .position = "free"},
    {.how = &cond_signalling, .position = "waiting", .rival = cond_wait},
    {.how = &barrier_waiting, .position = "second", .rival = barrier_wait},
};

const row_table glibc_rows = {rows, sizeof rows / sizeof *rows};
