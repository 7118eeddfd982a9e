/* SPDX-License-Identifier: MIT
 *
 * peer_handover.c - the floor of a call whose caller sleeps on the CPU of a worker: it
 * wakes a process on that CPU by a futex and sleeps; that one passes a cache line to
 * another processor and back (peer_floor.c), and wakes the caller. No work.
 *
 * Invariant: odd is the caller's word, the even one after it the answer.
 */
#include "bench.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct word {
    _Alignas(BENCH_LINE) _Atomic uint32_t turn; /* the caller, and who answers */
    _Alignas(BENCH_LINE) _Atomic uint32_t end;  /* the caller, once */
} word;

static word *shared;
static pid_t pid;

static uint32_t sleep_until(int odd)
{
    uint32_t now;
    while ((now = atomic_load_explicit(&shared->turn, memory_order_acquire)) % 2 !=
           (uint32_t)odd)
        bench_futex_wait(&shared->turn, now);
    return now;
}

static void pass_on(uint32_t now)
{
    atomic_store_explicit(&shared->turn, now + 1, memory_order_release);
    bench_futex_wake(&shared->turn);
}

/* The floor pins this process to the first CPU, the caller's, and its other one to the
 * second. */
static void serve(const bench_config *config)
{
    if (bench_peer_floor.open(config))
        _exit(1);
    for (;;) {
        const uint32_t now = sleep_until(1);
        if (atomic_load_explicit(&shared->end, memory_order_relaxed)) {
            bench_peer_floor.close();
            _exit(0);
        }
        bench_peer_floor.dispatch(0);
        pass_on(now);
    }
}

static int handover_open(const bench_config *config)
{
    if (config->workers < 2)
        return bench_fail("the floor needs two processors");
    shared = bench_shared_page(sizeof *shared);
    if (!shared)
        return bench_fail("no shared memory for the word");
    pid = bench_child_fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        serve(config);
    return bench_pin(config->cpus[0]);
}

static int handover_dispatch(uint32_t slot)
{
    (void)slot;
    pass_on(atomic_load_explicit(&shared->turn, memory_order_relaxed));
    sleep_until(0);
    return 0;
}

static void handover_close(void)
{
    atomic_store_explicit(&shared->end, 1, memory_order_relaxed);
    pass_on(atomic_load_explicit(&shared->turn, memory_order_relaxed));
    waitpid(pid, NULL, 0);
}

const bench_peer bench_peer_handover = {.name = "handover",
                                        .open = handover_open,
                                        .dispatch = handover_dispatch,
                                        .close = handover_close};
