/* SPDX-License-Identifier: MIT
 *
 * The soak: does it stand a bad day?
 *
 *     soak [SECONDS]      (15)
 *
 * Pools of 8 to 32 workers, opened anew each round; SIGKILL to workers, SIGSTOP and
 * SIGCONT to workers and nurseries at random; four callers, two of them on one pool, with
 * maps, futures and deadlines; workers that make and free arrays. After each call every
 * element is accounted for (caller.c). A thread watches for hangs. At the end the heap is
 * sound and as full as at the beginning, each participant's line is free, no file is open;
 * and no process and no name in /dev/shm is left: the soak runs in a child, whose reaper
 * the program is.
 */
#include "soak.h"

#include "heap.h"
#include "reaper.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUND_SECONDS = 10 };

soak world = {.pools = PTHREAD_MUTEX_INITIALIZER};

/* The main thread's. */
static doing *const mine = &world.doing[CALLERS];

/* ---- what is there before and after -----------------------------------------------------*/

typedef struct inventory {
    size_t blocks;
    unsigned participants, names, files;
} inventory;

static unsigned files_open(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

static inventory take_inventory(void)
{
    const fw_heap *heap = fw_segment_get()->heap;
    inventory now = {.files = files_open()};
    furrow_heap_info info;

    fw_heap_sweep();
    if (furrow_heap_describe(&info) < 0 || furrow_fsck() < 0)
        doom("the heap: %s", furrow_last_error()->text);
    now.blocks = info.blocks;
    for (int i = 0; i < FW_PARTICIPANTS; i++)
        now.participants += fw_load_relaxed(&heap->participant[i].live);
    for (int i = 0; i < FW_NAMES; i++)
        now.names += fw_load_relaxed(&heap->name[i].used);
    return now;
}

/* With the first named array of a program comes its guard, which stays, and so does the
 * guard's block. */
static void call_the_guard(void)
{
    char name[64];
    furrow_array_options named = {.name = name};
    furrow_array *a;

    snprintf(name, sizeof name, "/furrow-soak-%ld-first", (long)getppid());
    a = furrow_array_new('d', 1, &named);
    if (!a || furrow_array_free(a) < 0)
        doom("a named array: %s", furrow_last_error()->text);
}

static void check_inventory(const inventory *before)
{
    inventory now = take_inventory();

    if (now.blocks != before->blocks || now.participants != 1 || now.names != 0 ||
        now.files != before->files) {
        blocks_tell();
        doom("left: %zu blocks (%zu before), %u participants (1), %u names (0), "
             "%u files (%u)",
             now.blocks, before->blocks, now.participants, now.names, now.files,
             before->files);
    }
}

/* ---- a round ----------------------------------------------------------------------------*/

static void open_pools(dice *d)
{
    begin_doing(mine, "opening", -1);
    pthread_mutex_lock(&world.pools);
    for (int i = 0; i < POOLS; i++) {
        furrow_pool_options options = {.workers = 8 + (int)roll(d, 25),
                                       .pin = roll(d, 2) ? FURROW_PIN_CORE
                                                         : FURROW_PIN_NONE,
                                       .start = FURROW_START_FORK,
                                       .grace = 0.02,
                                       .trace = roll(d, 2) ? 64 : 0};

        world.pool[i] = furrow_pool_open(&options);
        if (!world.pool[i])
            doom("no pool of %d workers: %s", options.workers,
                 furrow_last_error()->text);
    }
    pthread_mutex_unlock(&world.pools);
    end_doing(mine);
}

static furrow_pool_stats stats_of(const furrow_pool *pool)
{
    furrow_pool_stats stats;

    if (furrow_pool_stat((furrow_pool *)(uintptr_t)pool, &stats) < 0)
        doom("no statistics: %s", furrow_last_error()->text);
    return stats;
}

static int is_recovered(const furrow_pool *pool)
{
    furrow_pool_stats stats = stats_of(pool);

    for (int i = 0; i < furrow_pool_workers(pool); i++)
        if (furrow_pool_worker_pid(pool, i) < 0)
            return 0;
    return stats.deaths == stats.replaced;
}

/* With the storm over, every worker is there again. */
static void wait_until_recovered(void)
{
    double until = seconds_now() + PATIENCE;

    begin_doing(mine, "recovery", -1);
    for (int i = 0; i < POOLS; i++)
        while (!is_recovered(world.pool[i])) {
            if (seconds_now() > until)
                doom("pool %d is not whole again", i);
            nap_us(1000);
        }
    callers_check_quiet();
    end_doing(mine);
}

static void close_pools(dice *d)
{
    begin_doing(mine, "closing", -1);
    pthread_mutex_lock(&world.pools);
    for (int i = 0; i < POOLS; i++) {
        furrow_pool_stats stats = stats_of(world.pool[i]);
        int rc = roll(d, 3) ? furrow_pool_close(world.pool[i])
                            : furrow_pool_terminate(world.pool[i]);

        if (rc < 0)
            doom("close: %s", furrow_last_error()->text);
        world.pool[i] = NULL;
        world.deaths += stats.deaths;
        world.replaced += stats.replaced;
    }
    pthread_mutex_unlock(&world.pools);
    fw_heap_sweep();
    world.orphans += orphans_free();
    if (furrow_fsck() < 0)
        doom("the heap: %s", furrow_last_error()->text);
    end_doing(mine);
}

static void start(pthread_t *thread, void *(*run)(void *), uint64_t arg)
{
    if (pthread_create(thread, NULL, run, (void *)(uintptr_t)arg) != 0)
        doom("no thread");
}

static void one_round(dice *d, uint64_t round, double until)
{
    enum { THREADS = CALLERS + 2 };
    pthread_t thread[THREADS];

    callers_init(round);
    open_pools(d);
    world.round_over = 0;
    for (uint64_t i = 0; i < CALLERS; i++)
        start(&thread[i], caller_run, i);
    start(&thread[CALLERS], storm_kill, 2 * round + 1);
    start(&thread[CALLERS + 1], storm_stop, 2 * round + 2);
    while (seconds_now() < until)
        nap_us(20000);
    world.round_over = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL); /* the watch looks after each of them */
    wait_until_recovered();
    close_pools(d);
    callers_fini();
}

/* ---- the whole ------------------------------------------------------------------------*/

static void print_result(uint64_t rounds, const inventory *before)
{
    printf("soak: %.0f s, %llu rounds, %llu calls, %llu kills, %llu stops, %llu "
           "replaced; %llu ranges torn in %llu calls, %llu past their deadline, %llu "
           "orphans; longest call %lld ms; %llu lost, 0 hangs\n",
           seconds_now() - world.start, (unsigned long long)rounds,
           (unsigned long long)world.calls, (unsigned long long)world.deaths,
           (unsigned long long)world.stops, (unsigned long long)world.replaced,
           (unsigned long long)world.torn_ranges, (unsigned long long)world.torn_calls,
           (unsigned long long)world.late, (unsigned long long)world.orphans,
           (long long)world.longest, (unsigned long long)world.lost);
    printf("soak: the heap is sound; blocks %zu as before, participants 1 (itself), "
           "names 0, files %u as before\n",
           before->blocks, before->files);
    fflush(stdout);
}

static int be_soak(double seconds)
{
    double round_seconds = seconds < 3 * ROUND_SECONDS ? seconds / 3 : ROUND_SECONDS;
    dice d = dice_of(42);
    inventory before;
    pthread_t watch;
    uint64_t rounds = 0;

    call_the_guard();
    before = take_inventory();
    world.start = seconds_now();
    world.end = world.start + seconds;
    start(&watch, watch_run, 0);
    for (; seconds_now() < world.end; rounds++) {
        one_round(&d, rounds, seconds_now() + round_seconds);
        check_inventory(&before);
    }
    world.over = 1;
    pthread_join(watch, NULL);
    print_result(rounds, &before);
    return world.deaths == 0 || world.torn_ranges == 0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 15;

    if (!(seconds >= 1)) {
        fprintf(stderr, "usage: soak [SECONDS]\n");
        return 2;
    }
    return reaper_run("soak", be_soak, seconds);
}
