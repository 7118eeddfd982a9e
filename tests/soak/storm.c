/* SPDX-License-Identifier: MIT
 *
 * The storm: SIGKILL, SIGSTOP and SIGCONT to random processes of the pools.
 *
 * By pidfd, and only when the pool still names the process afterwards: an id that is used
 * again by a stranger is never hit. A shot is remembered before it is fired.
 */
#include "soak.h"

#include "pool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KILLS_PER_SECOND = 60, NURSERY = -1 };

static long pid_of(furrow_pool *pool, int i)
{
    return i == NURSERY ? (long)fw_load_seqcst(&pool->team->control->nursery_pid)
                        : furrow_pool_worker_pid(pool, i);
}

/* A pidfd of worker i, or of the nursery; -1 when it is being replaced. */
static int aim(furrow_pool *pool, int i, long *pid)
{
    int fd;

    *pid = pid_of(pool, i);
    if (*pid <= 0)
        return -1;
    fd = (int)syscall(SYS_pidfd_open, (pid_t)*pid, 0);
    if (fd >= 0 && pid_of(pool, i) == *pid)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int fire(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static void kill_one(furrow_pool *pool, int i)
{
    long pid;
    int fd = aim(pool, i, &pid);

    if (fd < 0)
        return;
    world.shot[world.shots % SHOTS] = pid;
    world.shots++;
    (void)fire(fd, SIGKILL);
    close(fd);
}

int storm_knows(long pid)
{
    unsigned n = world.shots < SHOTS ? world.shots : SHOTS;

    for (unsigned i = 0; i < n; i++)
        if (world.shot[i] == pid)
            return 1;
    return 0;
}

/* One to four at a time, now and then all of them. */
void *storm_kill(void *seed)
{
    dice d = dice_of((uint64_t)(uintptr_t)seed);

    while (!world.round_over) {
        furrow_pool *pool = world.pool[roll(&d, POOLS)];
        int workers = furrow_pool_workers(pool), burst = 1 + (int)roll(&d, 4);

        if (roll(&d, 64) == 0)
            for (int i = 0; i < workers; i++)
                kill_one(pool, i);
        else
            for (int k = 0; k < burst; k++)
                kill_one(pool, (int)roll(&d, (unsigned)workers));
        nap_us(roll(&d, 2 * 1000000 * 5 / 2 / KILLS_PER_SECOND));
    }
    return NULL;
}

void *storm_stop(void *seed)
{
    dice d = dice_of((uint64_t)(uintptr_t)seed);

    while (!world.round_over) {
        furrow_pool *pool = world.pool[roll(&d, POOLS)];
        unsigned workers = (unsigned)furrow_pool_workers(pool);
        int i = roll(&d, 10) == 0 ? NURSERY : (int)roll(&d, workers), fd;
        long pid;

        nap_us(roll(&d, 40000));
        fd = aim(pool, i, &pid);
        if (fd < 0)
            continue;
        if (fire(fd, SIGSTOP) == 0) {
            nap_us(roll(&d, 15000));
            (void)fire(fd, SIGCONT);
            world.stops++;
        }
        close(fd);
    }
    return NULL;
}
