/* SPDX-License-Identifier: MIT
 *
 * A hunter: a thread that sends signals to random workers of a pool at random times,
 * and remembers the process ids.
 *
 * The hunter writes `shot[]` before it counts it, and counts it before it shoots. The
 * test writes `calls` when a call begins, so that half of the shots can be aimed at the
 * short time after that.
 */
#ifndef STRESS_HUNTER_H
#define STRESS_HUNTER_H

#include "dice.h"

#include <furrow.h>
#include <pthread.h>

#define HUNTER_SHOTS 65536 /* remembered: the last so many */

typedef struct hunter {
    furrow_pool *pool;
    unsigned pause_us;                          /* the longest nap between shots */
    void (*strike)(struct hunter *h, long pid); /* what a shot is */
    dice dice;
    pthread_t thread;
    _Atomic unsigned stop, calls, shots;
    _Atomic long shot[HUNTER_SHOTS];
} hunter;

static inline long hunter_target(hunter *h)
{
    int i = (int)roll(&h->dice, (unsigned)furrow_pool_workers(h->pool));

    return furrow_pool_worker_pid(h->pool, i);
}

static inline void hunter_note(hunter *h, long pid)
{
    h->shot[h->shots % HUNTER_SHOTS] = pid;
    h->shots++;
}

/* Wait for a call to begin, for a moment, then for as long as a short call lasts. */
static inline void hunter_aim(hunter *h)
{
    unsigned before = h->calls;
    double until = seconds_now() + 2e-3;

    while (h->calls == before && seconds_now() < until)
        ;
    dawdle_us(roll(&h->dice, 2000));
}

static inline void *hunter_hunt(void *arg)
{
    hunter *h = arg;

    while (!h->stop) {
        nap_us(roll(&h->dice, h->pause_us));
        if (roll(&h->dice, 2))
            hunter_aim(h);
        long pid = hunter_target(h);
        if (pid <= 0)
            continue; /* it is being replaced */
        hunter_note(h, pid);
        h->strike(h, pid);
    }
    return NULL;
}

static inline int hunter_start(hunter *h)
{
    return pthread_create(&h->thread, NULL, hunter_hunt, h);
}

static inline void hunter_stop(hunter *h)
{
    h->stop = 1;
    pthread_join(h->thread, NULL);
}

/* Was the process shot at? */
static inline int hunter_knows(hunter *h, long pid)
{
    unsigned shots = h->shots < HUNTER_SHOTS ? h->shots : HUNTER_SHOTS;

    for (unsigned i = 0; i < shots; i++)
        if (h->shot[i] == pid)
            return 1;
    return 0;
}

#endif
