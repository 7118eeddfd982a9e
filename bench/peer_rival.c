/* SPDX-License-Identifier: MIT
 *
 * peer_rival.c - the stream of peer_queue.c through queues of other libraries, between
 * pinned processes or threads: the caller and every second one get, the others put. Who
 * finds no message, or no room, spins, and leaves the processor to others after a while:
 * four are more than two processors hold.
 */
#include "bench.h"

#include "rival.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GETS = 20000, PLACES = 4, TRIES = 256, ROOM = 1 << 17 };

typedef struct place {
    _Alignas(BENCH_LINE) _Atomic uint64_t got; /* by this one */
    int cpu;
} place;

static const bench_rival *rival;
static place *places;
static _Atomic int end; /* of the threads */
static int count;       /* of who takes part, the caller among them */
static int others[PLACES], count_others;
static pthread_t threads[PLACES];
static int count_threads;

static int over(unsigned tries)
{
    bench_pause();
    if (tries % TRIES == TRIES - 1)
        sched_yield();
    return atomic_load_explicit(&end, memory_order_relaxed);
}

static void put_one(void)
{
    const char message[BENCH_MESSAGE] = {0};
    for (unsigned tries = 0; !rival->put(message) && !over(tries); tries++)
        ;
}

static void get_one(int at)
{
    char message[BENCH_MESSAGE];
    for (unsigned tries = 0; !rival->get(message); tries++)
        if (over(tries))
            return;
    atomic_store_explicit(&places[at].got,
                          atomic_load_explicit(&places[at].got, memory_order_relaxed) +
                              1,
                          memory_order_relaxed);
}

static uint64_t got_by_all(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i += 2)
        sum += atomic_load_explicit(&places[i].got, memory_order_relaxed);
    return sum;
}

/* ---- the others -------------------------------------------------------------------*/

static void *work(void *arg)
{
    const int at = (int)((place *)arg - places);
    if (bench_pin(places[at].cpu))
        return NULL;
    while (!atomic_load_explicit(&end, memory_order_relaxed))
        if (at % 2)
            put_one();
        else
            get_one(at);
    return NULL;
}

static int start_process(int at)
{
    const int pid = bench_child_fork();
    if (pid == 0) {
        work(&places[at]);
        _exit(1);
    }
    if (pid > 0)
        others[count_others++] = pid;
    return pid < 0 ? -1 : 0;
}

static int start_thread(int at)
{
    if (pthread_create(&threads[count_threads], NULL, work, &places[at]))
        return bench_fail("no thread");
    count_threads++;
    return 0;
}

static void rival_close(void)
{
    for (int i = 0; i < count_others; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    atomic_store(&end, 1);
    for (int i = 0; i < count_threads; i++)
        pthread_join(threads[i], NULL);
    count_others = count_threads = 0;
}

/* ---- a stream ---------------------------------------------------------------------*/

/* The settings: how many put and how many get, and what they are: "2:2 threads". */
static int open_with(const bench_config *config, const bench_rival *which)
{
    const int as_threads = strstr(config->setting, "threads") != NULL;
    rival = which;
    if (rival->missing)
        return bench_fail("not built: %s", rival->missing);
    count = config->setting[0] == '2' ? 4 : 2;
    places = bench_shared_page(PLACES * sizeof *places);
    void *room = bench_shared_page(ROOM);
    if (!places || !room || rival->make(room, ROOM))
        return bench_fail("no memory for a queue");
    for (int i = 0; i < count; i++)
        places[i].cpu = config->cpus[i % config->workers];
    for (int i = 1; i < count; i++)
        if (as_threads ? start_thread(i) : start_process(i))
            return -1;
    return bench_pin(config->cpus[0]);
}

static int spsc_open(const bench_config *config)
{
    return open_with(config, &bench_rival_ck_spsc);
}

static int mpmc_open(const bench_config *config)
{
    return open_with(config, &bench_rival_ck_mpmc);
}

static int moodycamel_open(const bench_config *config)
{
    return open_with(config, &bench_rival_moodycamel);
}

/* Where others have the processors, who spins may get little done: a sample is what was
 * got in a tenth of a second, then. */
static int rival_run(const bench_job *job, double *ns)
{
    const uint64_t before = got_by_all(), begin = bench_ticks();
    const uint64_t most = begin + (uint64_t)(bench_ticks_per_ns() * 1e8);
    (void)job;
    for (int i = 0; i < GETS && bench_ticks() < most; i++)
        get_one(0);
    *ns = (double)(bench_ticks() - begin) / bench_ticks_per_ns() /
          (double)(got_by_all() - before);
    return 0;
}

const bench_peer bench_peer_ck_spsc = {
    .name = "ck_spsc", .open = spsc_open, .run = rival_run, .close = rival_close};
const bench_peer bench_peer_ck_mpmc = {
    .name = "ck_mpmc", .open = mpmc_open, .run = rival_run, .close = rival_close};
const bench_peer bench_peer_moodycamel = {.name = "moodycamel",
                                          .open = moodycamel_open,
                                          .run = rival_run,
                                          .close = rival_close};
