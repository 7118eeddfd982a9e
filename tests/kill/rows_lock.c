/* SPDX-License-Identifier: MIT
 *
 * Rows of the robust lock. Two counters that it guards are raised one after the other:
 * where they differ, a holder has died between, and the next one is told.
 */
#include "rows.h"

#include "atomic.h"
#include "kin.h"
#include "lock.h"

#include <signal.h>
#include <unistd.h>

enum { TAKEN, WAITS };

typedef struct guarded {
    fw_lock lock;
    uint64_t first, second;
} guarded;

static guarded *of(scene *s)
{
    union {
        char *bytes;
        guarded *guarded;
    } at = {.bytes = s->object};

    return at.guarded;
}

static int lay(scene *s)
{
    row_want(s, fw_lock_init(&of(s)->lock) == 0);
    return 0;
}

/* Take it, and see whether what it guards is as its result says. */
static int take(scene *s, furrow_deadline deadline)
{
    guarded *g = of(s);
    int rc = fw_lock_lock(&g->lock, deadline);

    row_want(s, rc >= 0);
    row_want(s, g->first == g->second || rc == FURROW_OWNERDIED);
    row_want(s, g->first - g->second <= 1);
    g->second = g->first;
    return 0;
}

static int give(scene *s)
{
    fw_lock_unlock(&of(s)->lock);
    return 0;
}

static int raise_both(scene *s)
{
    of(s)->first++;
    fw_fence_death();
    of(s)->second++;
    return 0;
}

static int use_within(scene *s, furrow_deadline deadline)
{
    return take(s, deadline) || raise_both(s) || give(s);
}

static int use(scene *s)
{
    return use_within(s, FURROW_FOREVER);
}

static int survive(scene *s)
{
    return use_within(s, furrow_in(2)) || use_within(s, 0);
}

/* Beside a stopped holder nobody may be told that he died. */
static int visit(scene *s)
{
    int told = s->row->expect;

    row_want(s, fw_lock_lock(&of(s)->lock, FURROW_FOREVER) <= told);
    of(s)->second = of(s)->first;
    return raise_both(s) || give(s);
}

static int lock(scene *s)
{
    return take(s, FURROW_FOREVER);
}

static int lock_once(scene *s)
{
    return take(s, 0);
}

static int try_in_vain(scene *s)
{
    row_want(s, fw_lock_lock(&of(s)->lock, 0) == FURROW_ETIME);
    return 0;
}

static int lock_in_time(scene *s)
{
    return take(s, furrow_in(10));
}

/* ---- others -----------------------------------------------------------------------*/

static int hold(scene *s)
{
    if (lock(s) != 0)
        return 1;
    s->ready = 1;
    (void)row_wait(&s->relief);
    return raise_both(s) || give(s);
}

static int wait_for_it(scene *s)
{
    s->ready = 1;
    while (!s->number[TAKEN])
        usleep(100);
    s->number[WAITS] = getpid();
    return use(s);
}

/* The victim has it; a rival who wants it is asleep before the window. */
static int lock_before(scene *s)
{
    if (lock(s) != 0)
        return 1;
    s->number[TAKEN] = 1;
    while (s->row->rival && !s->number[WAITS])
        usleep(100);
    while (s->row->rival && kin_state((pid_t)s->number[WAITS]) != 'S')
        usleep(100);
    return 0;
}

/* A child takes it and is killed between the two. */
static int hold_and_die(void *arg)
{
    scene *s = arg;

    (void)fw_lock_lock(&of(s)->lock, FURROW_FOREVER);
    of(s)->first++;
    return raise(SIGKILL);
}

static int lay_dead_holder(scene *s)
{
    if (lay(s) != 0)
        return 1;
    row_want(s, kin_is_killed(hold_and_die, s));
    return 0;
}

/* The window of a holder: what it guards changes, too. */
static const operation locking = {.object = "lock",
                                  .name = "lock",
                                  .set_up = lay,
                                  .operate = lock,
                                  .finish = give,
                                  .survive = survive,
                                  .visit = visit,
                                  .recover = use};

static const operation locking_in_time = {.object = "lock",
                                          .name = "lock_timed",
                                          .set_up = lay,
                                          .operate = lock_in_time,
                                          .finish = give,
                                          .survive = survive,
                                          .visit = visit};

static const operation trying = {.object = "lock",
                                 .name = "trylock",
                                 .set_up = lay,
                                 .operate = lock_once,
                                 .finish = give,
                                 .survive = survive,
                                 .visit = visit};

static const operation trying_in_vain = {.object = "lock",
                                         .name = "trylock",
                                         .set_up = lay,
                                         .operate = try_in_vain,
                                         .survive = survive};

static const operation inheriting = {.object = "lock",
                                     .name = "lock",
                                     .set_up = lay_dead_holder,
                                     .operate = lock,
                                     .finish = give,
                                     .survive = survive,
                                     .visit = visit};

static const operation unlocking = {.object = "lock",
                                    .name = "unlock",
                                    .set_up = lay,
                                    .warm_up = lock_before,
                                    .operate = give,
                                    .survive = survive,
                                    .visit = visit};

static const operation using = {.object = "lock",
                                .name = "hold",
                                .set_up = lay,
                                .operate = use,
                                .survive = survive,
                                .recover = use};

static const row rows[] = {
    {.how = &locking, .position = "free"},
    {.how = &locking, .position = "contended", .rival = hold},
    {.how = &inheriting, .position = "dead_holder", .expect = FURROW_OWNERDIED},
    {.how = &locking_in_time, .position = "free"},
    {.how = &locking_in_time, .position = "contended", .rival = hold},
    {.how = &trying, .position = "free"},
    {.how = &trying_in_vain, .position = "held", .rival = hold},
    {.how = &unlocking, .position = "free"},
    {.how = &unlocking, .position = "waited_for", .rival = wait_for_it},
    {.how = &using, .position = "free"},
    {.how = &using, .position = "contended", .rival = hold},
    {.how = &using, .position = "free", .deaths = 2},
    {.how = &using, .position = "free", .deaths = 3},
};

const row_table lock_rows = {rows, sizeof rows / sizeof *rows};
