/* SPDX-License-Identifier: MIT
 *
 * peer_sync.c - furrow's locks, semaphores and barriers, and the C library's, between
 * processes. "alone": nobody else is there. "contended": all other workers do the same at
 * the same time. A dispatch is so many pairs, or meetings.
 */
#include "bench.h"

#include "furrow_sync.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct room {
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
    _Alignas(BENCH_LINE) volatile long guarded;
    _Alignas(BENCH_LINE) _Atomic int stop;
} room;

static room *shared;
static furrow_lock *lock;
static furrow_semaphore *semaphore;
static furrow_barrier *barrier;
static void (*operate)(uint32_t count);
static int others[BENCH_MAX_WORKERS], count_others;

static void mutex_pairs(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pthread_mutex_lock(&shared->mutex);
        shared->guarded++;
        pthread_mutex_unlock(&shared->mutex);
    }
}

static void lock_pairs(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        furrow_lock_lock(lock, FURROW_FOREVER);
        shared->guarded++;
        furrow_lock_unlock(lock);
    }
}

static void semaphore_pairs(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        furrow_semaphore_acquire(semaphore, FURROW_FOREVER);
        shared->guarded++;
        furrow_semaphore_release(semaphore);
    }
}

static void glibc_meetings(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pthread_barrier_wait(&shared->barrier);
}

static void meetings(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        furrow_barrier_wait(barrier, FURROW_FOREVER);
}

/* ---- the other workers ------------------------------------------------------------*/

static void work_beside(int cpu)
{
    bench_pin(cpu);
    while (!shared->stop)
        operate(1);
    _exit(0);
}

static int start_others(const bench_config *config)
{
    for (int w = 1; w < config->workers; w++) {
        const int pid = bench_child_fork();
        if (pid < 0)
            return -1;
        if (pid == 0)
            work_beside(config->cpus[w]);
        others[count_others++] = pid;
    }
    return bench_pin(config->cpus[0]);
}

static void end_others(void)
{
    for (int i = 0; i < count_others; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    count_others = 0;
}

static int open_with(const bench_config *config, void (*how)(uint32_t count))
{
    pthread_mutexattr_t attr;
    pthread_barrierattr_t meeting;
    operate = how;
    shared = bench_shared_page(sizeof *shared);
    if (!shared)
        return bench_fail("no shared memory");
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->mutex, &attr);
    pthread_barrierattr_init(&meeting);
    pthread_barrierattr_setpshared(&meeting, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->barrier, &meeting, (unsigned)config->workers);
    lock = furrow_lock_new(NULL);
    semaphore = furrow_semaphore_new(1, NULL);
    barrier = furrow_barrier_new((unsigned)config->workers, NULL);
    if (!lock || !semaphore || !barrier)
        return bench_fail("%s", furrow_last_error()->text);
    if (strcmp(config->setting, "alone") == 0)
        return bench_pin(config->cpus[0]);
    return start_others(config);
}

static int dispatch(uint32_t count)
{
    operate(count);
    return 0;
}

static int open_mutex(const bench_config *config)
{
    return open_with(config, mutex_pairs);
}

static int open_lock(const bench_config *config)
{
    return open_with(config, lock_pairs);
}

static int open_semaphore(const bench_config *config)
{
    return open_with(config, semaphore_pairs);
}

static int open_glibc_barrier(const bench_config *config)
{
    return open_with(config, glibc_meetings);
}

static int open_barrier(const bench_config *config)
{
    return open_with(config, meetings);
}

const bench_peer bench_peer_mutex = {
    .name = "mutex", .open = open_mutex, .dispatch = dispatch, .close = end_others};
const bench_peer bench_peer_lock = {
    .name = "lock", .open = open_lock, .dispatch = dispatch, .close = end_others};
const bench_peer bench_peer_semaphore = {.name = "semaphore",
                                         .open = open_semaphore,
                                         .dispatch = dispatch,
                                         .close = end_others};
const bench_peer bench_peer_meet_glibc = {.name = "meet_glibc",
                                          .open = open_glibc_barrier,
                                          .dispatch = dispatch,
                                          .close = end_others};
const bench_peer bench_peer_meet = {
    .name = "meet", .open = open_barrier, .dispatch = dispatch, .close = end_others};
