/* SPDX-License-Identifier: MIT
 *
 * peer_processes.c - what the machine can do: pinned processes that spin on one word,
 * each with its own static part. Nobody sleeps (but with the setting "sleep", at once),
 * steals or survives anything: these are the limits beside which the rest is printed.
 * `serial` is the same with the caller alone.
 *
 * Invariant: the caller writes the order, then `go`; a worker reads the order only
 * after it has seen `go` change and writes its `done` last; the caller touches the
 * order again only when every done equals go.
 */
#include "kernels.h"
#include "lpt.h"
#include "part.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN, MARK, POPULATE, DROP, END };

typedef struct order {
    _Alignas(BENCH_LINE) _Atomic uint32_t go; /* the caller */
    int what;                                 /* the caller, as all up to `done` */
    uint32_t slot;
    bench_memory kind;
    bench_raw job;
    struct {
        _Alignas(BENCH_LINE) _Atomic uint32_t go; /* its worker */
        double dot;                               /* its worker */
        int failed;                               /* its worker */
    } done[BENCH_MAX_WORKERS];
} order;

static order *orders;
static int workers;
static int streams; /* the setting "streaming" */
static int sleeps;  /* the setting "sleep" */
static pid_t pids[BENCH_MAX_WORKERS];

/* Shared memory goes back to the system by any process's word, private memory only by
 * that of the process that has it. */
static int drop_part(int w)
{
    const bench_raw *job = &orders->job;
    const size_t begin = bench_part(job->n, w, workers);
    const size_t bytes = (bench_part(job->n, w + 1, workers) - begin) * sizeof(double);
    const int advice = orders->kind == BENCH_SHARED ? MADV_REMOVE : MADV_DONTNEED;
    return madvise(job->a + begin, bytes, advice) == 0 ? 0 : errno;
}

static void populate_part(int w)
{
    const bench_vector v = {
        .data = orders->job.a, .n = orders->job.n, .kind = orders->kind};
    bench_vector_populate(&v, bench_part(v.n, w, workers),
                          bench_part(v.n, w + 1, workers));
}

/* Items, each by whom the best deal gives it to. */
static double run_dealt(int w)
{
    static uint16_t *owner; /* each process has its own */
    const bench_raw *job = &orders->job;
    double sum = 0;
    if (!owner) {
        owner = malloc(job->n * sizeof *owner);
        if (!owner || bench_lpt(job->b, job->n, workers, owner) < 0)
            return 0; /* and the sum will be wrong */
    }
    for (size_t i = 0; i < job->n; i++)
        if (owner[i] == w)
            sum += bench_raw_run(job, i, i + 1);
    return sum;
}

static void run_part(int w)
{
    if (orders->job.op == BENCH_ITEMS) {
        orders->done[w].dot = run_dealt(w);
        return;
    }
    if (streams && bench_raw_stream(&orders->job, bench_part(orders->job.n, w, workers),
                                    bench_part(orders->job.n, w + 1, workers)))
        return;
    orders->done[w].dot = bench_raw_run_part(&orders->job, w, workers);
}

static void work(int w)
{
    if (orders->what == MARK)
        bench_empty(bench_the_marks.bytes,
                    (size_t)w * bench_the_marks.stride + orders->slot);
    else if (orders->what == RUN)
        run_part(w);
    else if (orders->what == POPULATE)
        populate_part(w);
    else if (orders->what == DROP)
        orders->done[w].failed = drop_part(w);
}

static uint32_t wait_for_order(uint32_t seen)
{
    uint32_t go;
    while ((go = atomic_load_explicit(&orders->go, memory_order_acquire)) == seen)
        if (sleeps)
            bench_futex_wait(&orders->go, seen);
        else
            bench_pause();
    return go;
}

static void serve(int w, int cpu)
{
    uint32_t seen = 0;
    if (bench_pin(cpu))
        _exit(1);
    for (;;) {
        seen = wait_for_order(seen);
        if (orders->what == END)
            _exit(0);
        work(w);
        atomic_store_explicit(&orders->done[w].go, seen, memory_order_release);
    }
}

static int start(int w, int cpu)
{
    pids[w] = bench_child_fork();
    if (pids[w] == 0)
        serve(w, cpu);
    return pids[w] < 0 ? -1 : 0;
}

static int open_some(const bench_config *config, int count)
{
    workers = count;
    streams = strcmp(config->setting, "streaming") == 0;
    sleeps = strcmp(config->setting, "sleep") == 0;
    orders = bench_shared_page(sizeof *orders);
    if (!orders)
        return bench_fail("no shared memory for the orders");
    for (int w = 1; w < workers; w++)
        if (start(w, config->cpus[w]))
            return -1;
    return bench_pin(config->cpus[0]);
}

static int processes_open(const bench_config *config)
{
    return open_some(config, config->workers);
}

static int serial_open(const bench_config *config)
{
    return open_some(config, 1);
}

static int carry_out(int what)
{
    const uint32_t go = atomic_load_explicit(&orders->go, memory_order_relaxed) + 1;
    int failed = 0;
    orders->what = what;
    atomic_store_explicit(&orders->go, go, memory_order_release);
    if (sleeps)
        bench_futex_wake(&orders->go);
    work(0);
    for (int w = 1; w < workers; w++)
        while (atomic_load_explicit(&orders->done[w].go, memory_order_acquire) != go)
            bench_pause();
    if (what == DROP)
        for (int w = 0; w < workers; w++)
            failed = failed ? failed : orders->done[w].failed;
    return failed ? bench_fail("madvise: %s", strerror(failed)) : 0;
}

static int processes_run(const bench_job *job, double *dot)
{
    orders->job = bench_raw_of(job);
    if (carry_out(RUN))
        return -1;
    *dot = 0;
    for (int w = 0; w < workers; w++)
        *dot += orders->done[w].dot;
    return 0;
}

static int processes_dispatch(uint32_t slot)
{
    orders->slot = slot;
    return carry_out(MARK);
}

static int order_memory(int what, const bench_vector *a)
{
    orders->job = (bench_raw){.n = a->n, .a = a->data};
    orders->kind = a->kind;
    return carry_out(what);
}

static int processes_populate(const bench_vector *a)
{
    return order_memory(POPULATE, a);
}

static int processes_drop(const bench_vector *a)
{
    return order_memory(DROP, a);
}

static void processes_close(void)
{
    orders->what = END;
    atomic_fetch_add_explicit(&orders->go, 1, memory_order_release);
    bench_futex_wake(&orders->go);
    for (int w = 1; w < workers; w++)
        waitpid(pids[w], NULL, 0);
}

static int processes_family(int *family)
{
    for (int w = 1; w < workers; w++)
        family[w - 1] = pids[w];
    return workers - 1;
}

const bench_peer bench_peer_processes = {.name = "processes",
                                         .open = processes_open,
                                         .run = processes_run,
                                         .dispatch = processes_dispatch,
                                         .populate = processes_populate,
                                         .drop = processes_drop,
                                         .family = processes_family,
                                         .close = processes_close};

const bench_peer bench_peer_serial = {.name = "serial",
                                      .open = serial_open,
                                      .run = processes_run,
                                      .populate = processes_populate,
                                      .drop = processes_drop,
                                      .close = processes_close};
