/* SPDX-License-Identifier: MIT
 *
 * peer_queue.c - furrow's queue between pinned processes, messages of 48 bytes. A stream:
 * the caller and every second process get, the others put, as fast as they can; a sample is
 * the time in which all of them together got so many. A trip: one message to another
 * process through one queue and back through a second, while both spin.
 *
 * Each consumer counts what it got in a line of its own; only the caller reads all.
 */
#include "bench.h"

#include <furrow_queue.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE = 48, GETS = 20000, PLACES = 4 };

typedef struct place {
    _Alignas(BENCH_LINE) _Atomic uint64_t got; /* by this process */
} place;

static furrow_queue *queue, *back;
static place *places;
static int count; /* of processes, the caller among them */
static int others[PLACES], count_others;

static int make(furrow_queue **q, int one)
{
    *q = furrow_queue_new(
        &(furrow_queue_options){.producers = one ? 1 : 0, .consumers = one ? 1 : 0});
    return *q ? 0 : bench_fail("%s", furrow_last_error()->text);
}

static int get_one(int at, furrow_deadline deadline)
{
    char message[MESSAGE];
    const int rc = furrow_queue_get(queue, message, sizeof message, NULL, deadline);
    if (rc == 0)
        atomic_store_explicit(
            &places[at].got,
            atomic_load_explicit(&places[at].got, memory_order_relaxed) + 1,
            memory_order_relaxed);
    return rc;
}

static uint64_t got_by_all(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i += 2)
        sum += atomic_load_explicit(&places[i].got, memory_order_relaxed);
    return sum;
}

/* ---- the other processes ----------------------------------------------------------*/

static void stream_beside(int at)
{
    const char message[MESSAGE] = {0};
    int rc = 0;
    while (rc == 0)
        rc = at % 2 ? furrow_queue_put(queue, message, sizeof message, FURROW_FOREVER)
                    : get_one(at, FURROW_FOREVER);
}

static void send_back(int at)
{
    char message[MESSAGE];
    int rc = 0;
    (void)at;
    while (rc == 0) {
        do
            rc = furrow_queue_get(queue, message, sizeof message, NULL, 0);
        while (rc == FURROW_EEMPTY);
        if (rc == 0)
            rc = furrow_queue_put(back, message, sizeof message, FURROW_FOREVER);
    }
}

static int start_others(const bench_config *config, void (*work)(int at))
{
    for (int i = 1; i < count; i++) {
        const int pid = bench_child_fork();
        if (pid < 0)
            return -1;
        if (pid == 0) {
            if (bench_pin(config->cpus[i % config->workers]) == 0)
                work(i);
            _exit(1);
        }
        others[count_others++] = pid;
    }
    return bench_pin(config->cpus[0]);
}

static void queue_close(void)
{
    for (int i = 0; i < count_others; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    count_others = 0;
}

/* ---- a stream ---------------------------------------------------------------------*/

/* The settings begin with how many put and how many get: "2:2". */
static int stream_open(const bench_config *config)
{
    count = config->setting[0] == '2' ? 4 : 2;
    places = bench_shared_page(PLACES * sizeof *places);
    if (!places)
        return bench_fail("no shared memory for the counts");
    if (make(&queue, strstr(config->setting, "said") != NULL))
        return -1;
    return start_others(config, stream_beside);
}

static int stream_run(const bench_job *job, double *ns)
{
    const uint64_t before = got_by_all(), begin = bench_ticks();
    (void)job;
    for (int i = 0; i < GETS; i++)
        if (get_one(0, FURROW_FOREVER))
            return bench_fail("%s", furrow_last_error()->text);
    *ns = (double)(bench_ticks() - begin) / bench_ticks_per_ns() /
          (double)(got_by_all() - before);
    return 0;
}

/* ---- a trip -----------------------------------------------------------------------*/

static int trip_open(const bench_config *config)
{
    const int one = strstr(config->setting, "said") != NULL;
    if (config->workers < 2)
        return bench_fail("two that spin need two processors");
    count = 2;
    if (make(&queue, one) || make(&back, one))
        return -1;
    return start_others(config, send_back);
}

static int trip_dispatch(uint32_t slot)
{
    char message[MESSAGE] = {0};
    memcpy(message, &slot, sizeof slot);
    int rc = furrow_queue_put(queue, message, sizeof message, FURROW_FOREVER);
    if (rc == 0)
        do
            rc = furrow_queue_get(back, message, sizeof message, NULL, 0);
        while (rc == FURROW_EEMPTY);
    if (rc || memcmp(message, &slot, sizeof slot))
        return bench_fail("%s", rc ? furrow_last_error()->text : "another came back");
    return 0;
}

const bench_peer bench_peer_queue = {
    .name = "queue", .open = stream_open, .run = stream_run, .close = queue_close};
const bench_peer bench_peer_queue_trip = {.name = "queue_trip",
                                          .open = trip_open,
                                          .dispatch = trip_dispatch,
                                          .close = queue_close};
