/* SPDX-License-Identifier: MIT
 *
 * The soak: what its threads share.
 *
 * Rounds of some seconds each. In a round two pools of 8 to 32 workers are open, CALLERS
 * threads call them, the storm kills and stops their workers, the watch tells each second
 * how far it is. Everything of a round is written by the main thread before the others
 * are started and after they have ended, but for atomics and what one thread keeps to
 * itself.
 */
#ifndef SOAK_H
#define SOAK_H

#include "stress/dice.h"

#include <furrow.h>
#include <pthread.h>

enum {
    POOLS = 2,
    CALLERS = 4,   /* 0 and 1 share a pool, 2 has the other one, 3 uses both */
    SHOTS = 65536, /* remembered: the last so many */
    PATIENCE = 60  /* seconds: whatever takes longer hangs */
};

/* What somebody does since when, for the watch. `what` is a literal. */
typedef struct doing {
    const char *_Atomic what; /* NULL: nothing that may last */
    _Atomic int64_t since;    /* ms */
    _Atomic int pool;
} doing;

typedef struct soak {
    double start, end; /* seconds_now() */
    pthread_mutex_t pools;
    furrow_pool *pool[POOLS]; /* opened and closed under `pools` */
    _Atomic int round_over, over;
    doing doing[CALLERS + 1]; /* the last one: the main thread's */
    _Atomic long shot[SHOTS];
    _Atomic unsigned shots;
    /* sums; deaths and replacements of pools that are closed */
    _Atomic uint64_t calls, stops, torn_calls, torn_ranges, late, lost, orphans;
    uint64_t deaths, replaced;
    _Atomic int64_t longest; /* call, ms */
} soak;

extern soak world;

static inline int64_t ms_now(void)
{
    return (int64_t)(seconds_now() * 1e3);
}

static inline void begin_doing(doing *d, const char *what, int pool)
{
    d->since = ms_now();
    d->pool = pool;
    d->what = what;
}

static inline void end_doing(doing *d)
{
    d->what = NULL;
}

/* One sentence, the state of both pools, and the end. */
_Noreturn __attribute__((format(printf, 1, 2))) void doom(const char *format, ...);

/* caller.c: a thread that calls until the round is over. arg: its number. */
void *caller_run(void *number);
void callers_init(uint64_t round);
void callers_fini(void);
/* A quiet call on each pool: every element once, nothing torn. */
void callers_check_quiet(void);

/* storm.c: a thread that kills workers, and one that stops and continues them. */
void *storm_kill(void *seed);
void *storm_stop(void *seed);
int storm_knows(long pid);

/* orphan.c: free the arrays of workers that were killed while they had one. Returns how
 * many; only while no worker uses the heap. */
unsigned orphans_free(void);
/* Each block that is there, on stderr. */
void blocks_tell(void);

/* watch.c: a thread that prints a line each second and ends what hangs. */
void *watch_run(void *unused);
void watch_print(void);
void watch_dump(void);

#endif
