/* SPDX-License-Identifier: MIT
 *
 * peer_barrier.c - the naive anchor: threads between two glibc barriers.
 */
#include "kernels.h"
#include "part.h"

#include <pthread.h>
#include <string.h>

static struct {
    pthread_barrier_t start, end;
    pthread_t thread[BENCH_MAX_WORKERS];
    const bench_config *config;
    uint32_t slot;
    int stop;
} pool;

static void mark(int w)
{
    bench_empty(bench_the_marks.bytes, (size_t)w * bench_the_marks.stride + pool.slot);
}

static void *loop(void *arg)
{
    const int w = (int)(intptr_t)arg;
    bench_pin(pool.config->cpus[w]);
    for (;;) {
        pthread_barrier_wait(&pool.start);
        if (pool.stop)
            return NULL;
        mark(w);
        pthread_barrier_wait(&pool.end);
    }
}

static int barrier_open(const bench_config *config)
{
    const unsigned count = (unsigned)config->workers;
    pool.config = config;
    pthread_barrier_init(&pool.start, NULL, count);
    pthread_barrier_init(&pool.end, NULL, count);
    for (int w = 1; w < config->workers; w++) {
        const int rc = pthread_create(&pool.thread[w], NULL, loop, (void *)(intptr_t)w);
        if (rc)
            return bench_fail("pthread_create: %s", strerror(rc));
    }
    return bench_pin(config->cpus[0]);
}

static int barrier_dispatch(uint32_t slot)
{
    pool.slot = slot;
    pthread_barrier_wait(&pool.start);
    mark(0);
    pthread_barrier_wait(&pool.end);
    return 0;
}

static void barrier_close(void)
{
    pool.stop = 1;
    pthread_barrier_wait(&pool.start);
    for (int w = 1; w < pool.config->workers; w++)
        pthread_join(pool.thread[w], NULL);
}

const bench_peer bench_peer_barrier = {.name = "barrier",
                                       .open = barrier_open,
                                       .dispatch = barrier_dispatch,
                                       .close = barrier_close};
