/* SPDX-License-Identifier: MIT
 *
 * The watch: a line each second, and the state of everything when something lasts.
 *
 * It takes no lock that anybody else could keep, and reads the pools' shared memory as it
 * is. Nothing here waits.
 */
#include "soak.h"

#include "heap.h"
#include "pool.h"
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- progress -------------------------------------------------------------------------*/

static void add_open_pools(uint64_t *deaths, uint64_t *replaced)
{
    *deaths = world.deaths;
    *replaced = world.replaced;
    for (int i = 0; i < POOLS; i++) {
        furrow_pool_stats stats;

        if (!world.pool[i] || furrow_pool_stat(world.pool[i], &stats) < 0)
            continue;
        *deaths += stats.deaths;
        *replaced += stats.replaced;
    }
}

void watch_print(void)
{
    static uint64_t deaths, replaced; /* while a pool opens or closes: the last known */

    if (pthread_mutex_trylock(&world.pools) == 0) {
        add_open_pools(&deaths, &replaced);
        pthread_mutex_unlock(&world.pools);
    }
    printf("%4.0f s: %llu calls, %llu kills, %llu stops, %llu replaced, %llu torn, "
           "%llu lost\n",
           seconds_now() - world.start, (unsigned long long)world.calls,
           (unsigned long long)deaths, (unsigned long long)world.stops,
           (unsigned long long)replaced, (unsigned long long)world.torn_ranges,
           (unsigned long long)world.lost);
    fflush(stdout);
}

/* ---- the state ------------------------------------------------------------------------*/

static void dump_member(fw_control *c, int i)
{
    fw_member *m = &c->member[i];
    uint64_t range = fw_load_relaxed(&m->range);
    char state[96];

    process_state(fw_load_relaxed(&m->pid), state, sizeof state);
    fprintf(stderr,
            "  worker %d: state %u, pid %d (%s), in %llu, out %llu, range %llx:%u-%u, "
            "park %u, kill %u\n",
            i, fw_load_relaxed(&m->state), fw_load_relaxed(&m->pid), state,
            (unsigned long long)fw_load_relaxed(&m->in_gen),
            (unsigned long long)fw_load_relaxed(fw_control_out(c, i)),
            (unsigned long long)(range >> 40), fw_range_of(range).begin,
            fw_range_of(range).end, fw_load_relaxed(&c->park[i]),
            fw_load_relaxed(&m->kill));
}

static void dump_pool(int k)
{
    fw_control *c;
    char state[96];

    if (!world.pool[k] || !world.pool[k]->team)
        return;
    c = world.pool[k]->team->control;
    process_state(fw_load_relaxed(&c->nursery_pid), state, sizeof state);
    fprintf(
        stderr,
        "pool %d: nursery %u (%s), generation %llu, active %llu, seq %llx, turn %u, "
        "sleeps %u, queued %u, deaths %u, stop %u, spawn error %u\n",
        k, fw_load_relaxed(&c->nursery_pid), state,
        (unsigned long long)fw_load_relaxed(&c->generation),
        (unsigned long long)fw_load_relaxed(&c->active),
        (unsigned long long)fw_load_relaxed(&c->go[0].seq), fw_load_relaxed(&c->driver),
        fw_load_relaxed(&c->driver_sleeps), fw_load_relaxed(&c->queued),
        fw_load_relaxed(&c->deaths), fw_load_relaxed(&c->stop),
        fw_load_relaxed(&c->spawn_error));
    for (int i = 0; i < c->workers; i++)
        dump_member(c, i);
}

void watch_dump(void)
{
    const fw_segment *s = fw_segment_peek();
    char state[96];

    for (int i = 0; i <= CALLERS; i++) {
        const char *what = world.doing[i].what;

        if (what)
            fprintf(stderr, "thread %d: in %s, on pool %d, for %.1f s\n", i, what,
                    world.doing[i].pool,
                    (double)(ms_now() - world.doing[i].since) * 1e-3);
    }
    for (int k = 0; k < POOLS; k++)
        dump_pool(k);
    if (s) {
        int owner = s->heap->lock.mutex.__data.__lock & 0x3fffffff;

        process_state(owner, state, sizeof state);
        fprintf(stderr, "heap lock: 0x%x (thread %d: %s)\n",
                (unsigned)s->heap->lock.mutex.__data.__lock, owner,
                owner ? state : "free");
    }
}

void doom(const char *format, ...)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    va_list args;

    pthread_mutex_lock(&once);
    watch_print();
    va_start(args, format);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    watch_dump();
    _exit(1);
}

/* ---- hangs ----------------------------------------------------------------------------*/

static void look_for_hangs(void)
{
    for (int i = 0; i <= CALLERS; i++) {
        const char *what = world.doing[i].what;
        int64_t ms = ms_now() - world.doing[i].since;

        if (what && ms > PATIENCE * 1500)
            doom("HANG: thread %d is in %s for %.0f s", i, what, (double)ms * 1e-3);
    }
}

void *watch_run(void *unused)
{
    (void)unused;
    for (int ticks = 1; !world.over; ticks++) {
        double next = world.start + ticks;

        while (!world.over && seconds_now() < next)
            nap_us(20000);
        if (!world.over)
            watch_print();
        look_for_hangs();
    }
    return NULL;
}
