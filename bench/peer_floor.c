/* SPDX-License-Identifier: MIT
 *
 * peer_floor.c - the floor of a dispatch: the time in which one cache line goes to
 * another processor and comes back changed. Two pinned processes, no work. They pause
 * between looks: without it the round trip was measured slower (130 ns against 90 on a
 * Zen 5), for what was read ahead is thrown away when the line changes.
 *
 * Invariant: odd is the caller's word, the even one after it the answer. With the
 * setting "one line" both use the same word; with "two lines" the answer has its own
 * line.
 */
#include "bench.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct lines {
    _Alignas(BENCH_LINE) _Atomic uint32_t go;   /* the caller; both with one line */
    _Alignas(BENCH_LINE) _Atomic uint32_t done; /* the answering process */
    _Alignas(BENCH_LINE) _Atomic uint32_t end;  /* the caller, once */
} lines;

static lines *shared;
static _Atomic uint32_t *answer;
static pid_t pid;
static uint32_t turn;

static void serve(int cpu)
{
    uint32_t next = 1;
    if (bench_pin(cpu))
        _exit(1);
    for (;; next += 2) {
        while (atomic_load_explicit(&shared->go, memory_order_acquire) != next)
            bench_pause();
        if (atomic_load_explicit(&shared->end, memory_order_relaxed))
            _exit(0);
        atomic_store_explicit(answer, next + 1, memory_order_release);
    }
}

static int floor_open(const bench_config *config)
{
    if (config->workers < 2)
        return bench_fail("the floor needs two processors");
    shared = bench_shared_page(sizeof *shared);
    if (!shared)
        return bench_fail("no shared memory for the lines");
    answer = strcmp(config->setting, "one line") == 0 ? &shared->go : &shared->done;
    pid = bench_child_fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        serve(config->cpus[1]);
    turn = 1;
    return bench_pin(config->cpus[0]);
}

static int floor_dispatch(uint32_t slot)
{
    (void)slot;
    atomic_store_explicit(&shared->go, turn, memory_order_release);
    while (atomic_load_explicit(answer, memory_order_acquire) != turn + 1)
        bench_pause();
    turn += 2;
    return 0;
}

static void floor_close(void)
{
    atomic_store_explicit(&shared->end, 1, memory_order_relaxed);
    atomic_store_explicit(&shared->go, turn, memory_order_release);
    waitpid(pid, NULL, 0);
}

const bench_peer bench_peer_floor = {.name = "floor",
                                     .open = floor_open,
                                     .dispatch = floor_dispatch,
                                     .close = floor_close};
