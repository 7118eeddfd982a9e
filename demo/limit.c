/* SPDX-License-Identifier: MIT
 *
 * The children meet at a counter in shared memory before each sweep and note when they
 * began and ended it; the parent sleeps in waitpid() meanwhile and takes, for each
 * sweep, the time from the first beginning to the last end. Each slot is written by its
 * child alone; the parent reads when all children are gone.
 */
#include "limit.h"
#include "demo.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWEEPS        (LIMIT_SWEEPS + 1)
#define MEET_SECONDS  60.0
#define SPINS_OF_MEET 2000

typedef struct board {
    _Atomic int arrived[SWEEPS];
    struct {
        double begin[SWEEPS], end[SWEEPS];
    } slot[LIMIT_PROCESSES];
} board;

/* Run where worker i of the pool runs; where that is not known, on the i-th CPU. */
static void pin_like_worker(const furrow_pool *pool, int i)
{
    const long pid = furrow_pool_worker_pid(pool, i);
    cpu_set_t cpus, one;
    size_t cpu = 0;

    if (pid > 0 && sched_getaffinity((pid_t)pid, sizeof cpus, &cpus) == 0) {
        sched_setaffinity(0, sizeof cpus, &cpus);
        return;
    }
    if (sched_getaffinity(0, sizeof cpus, &cpus) || CPU_COUNT(&cpus) == 0)
        return;
    for (int skip = i % CPU_COUNT(&cpus); skip > 0 || !CPU_ISSET(cpu, &cpus); cpu++)
        skip -= CPU_ISSET(cpu, &cpus) != 0;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* Wait until all processes have come to this sweep. 0 when one did not come. */
static int meet(_Atomic int *arrived, int processes)
{
    const double until = demo_seconds() + MEET_SECONDS;

    atomic_fetch_add(arrived, 1);
    for (unsigned long spin = 1; atomic_load(arrived) < processes; spin++) {
        if (spin % SPINS_OF_MEET)
            continue;
        sched_yield(); /* when there are more processes than CPUs */
        if (demo_seconds() > until)
            return 0;
    }
    return 1;
}

static int sweep_part(const limit *l, board *b, int i)
{
    const size_t part = l->array->len / (size_t)l->processes, begin = part * (size_t)i;
    const size_t len = i + 1 < l->processes ? part : l->array->len - begin;
    const furrow_chunk chunk = {
        .out = {(char *)l->array->data + begin * l->array->itemsize},
        .begin = begin,
        .len = len,
        .ctx = l->ctx,
        .worker = i};

    for (int s = 0; s < SWEEPS; s++) {
        if (!meet(&b->arrived[s], l->processes))
            return 1;
        b->slot[i].begin[s] = demo_seconds();
        if (l->kernel(chunk))
            return 1;
        b->slot[i].end[s] = demo_seconds();
    }
    return 0;
}

/* The first sweep pays for page tables and is not counted. */
static double best_sweep(const board *b, int processes)
{
    double best = -1;

    for (int s = 1; s < SWEEPS; s++) {
        double begin = b->slot[0].begin[s], end = b->slot[0].end[s];
        for (int i = 1; i < processes; i++) {
            begin = b->slot[i].begin[s] < begin ? b->slot[i].begin[s] : begin;
            end = b->slot[i].end[s] > end ? b->slot[i].end[s] : end;
        }
        if (best < 0 || end - begin < best)
            best = end - begin;
    }
    return best;
}

static int run_children(const limit *l, board *b)
{
    pid_t child[LIMIT_PROCESSES];
    int started = 0, good = 1;
    const pid_t parent = getpid();

    fflush(NULL);
    for (; started < l->processes; started++) {
        child[started] = fork();
        if (child[started] < 0)
            break;
        if (child[started] == 0) {
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
                _exit(1);
            pin_like_worker(l->pool, started);
            _exit(sweep_part(l, b, started));
        }
    }
    for (int i = 0; i < started; i++) {
        int status = 1;
        if (started < l->processes)
            kill(child[i], SIGKILL);
        good &= waitpid(child[i], &status, 0) == child[i] && status == 0;
    }
    return good && started == l->processes;
}

double limit_measure(const limit *l)
{
    board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    double best = -1;

    if (b == MAP_FAILED)
        return -1;
    if (l->processes >= 1 && l->processes <= LIMIT_PROCESSES && run_children(l, b))
        best = best_sweep(b, l->processes);
    munmap(b, sizeof *b);
    return best;
}
