/* SPDX-License-Identifier: MIT
 *
 * Rows of making and freeing what furrow_sync.h has. After a death there are all of its
 * blocks, and it works, or none of them: a maker who is killed has told nobody where it is,
 * one who frees it is through, or has not begun.
 */
#include "rows.h"

#include "furrow_sync.h"
#include "ground.h"
#include "participant.h"
#include "watch.h"

#include <stddef.h>

static int act(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- what can be done with each of them -------------------------------------------*/

/* A row's script. */
typedef struct life {
    void *(*make)(void);
    int (*use)(void *object); /* 0 when it works */
    int (*end)(void *object);
} life;

static void *make_lock(void)
{
    return furrow_lock_new(NULL);
}

static int use_lock(void *object)
{
    return furrow_lock_lock(object, 0) || furrow_lock_unlock(object);
}

static int end_lock(void *object)
{
    return furrow_lock_free(object);
}

static void *make_semaphore(void)
{
    return furrow_semaphore_new(3, NULL);
}

static void *make_counting(void)
{
    return furrow_semaphore_new(3, &(furrow_semaphore_options){.counting = 1});
}

static int use_semaphore(void *object)
{
    return furrow_semaphore_acquire(object, 0) || furrow_semaphore_release(object) ||
           furrow_semaphore_value(object) != 3;
}

static int end_semaphore(void *object)
{
    return furrow_semaphore_free(object);
}

static void *make_event(void)
{
    return furrow_event_new();
}

static int use_event(void *object)
{
    return furrow_event_set(object) || furrow_event_wait(object, 0);
}

static int end_event(void *object)
{
    return furrow_event_free(object);
}

/* With a lock of its own: two blocks. */
static void *make_condition(void)
{
    return furrow_condition_new(NULL, NULL);
}

static int use_condition(void *object)
{
    furrow_lock *lock = furrow_condition_get_lock(object);

    return furrow_lock_lock(lock, 0) || furrow_condition_notify_all(object) ||
           furrow_lock_unlock(lock);
}

static int end_condition(void *object)
{
    return furrow_condition_free(object);
}

static void *make_barrier(void)
{
    return furrow_barrier_new(2, NULL);
}

/* With the name of its action: two blocks. */
static void *make_acting(void)
{
    return furrow_barrier_new(2, &(furrow_barrier_options){.action = act});
}

static int use_barrier(void *object)
{
    return furrow_barrier_parties(object) != 2 ||
           furrow_barrier_wait(object, 0) != FURROW_ETIME ||
           furrow_barrier_reset(object);
}

static int end_barrier(void *object)
{
    return furrow_barrier_free(object);
}

static const life of_lock = {make_lock, use_lock, end_lock};
static const life of_semaphore = {make_semaphore, use_semaphore, end_semaphore};
static const life of_counting = {make_counting, use_semaphore, end_semaphore};
static const life of_event = {make_event, use_event, end_event};
static const life of_condition = {make_condition, use_condition, end_condition};
static const life of_barrier = {make_barrier, use_barrier, end_barrier};
static const life of_acting = {make_acting, use_barrier, end_barrier};

static const life *of(scene *s)
{
    return s->row->script;
}

/* ---- made -------------------------------------------------------------------------*/

static int join(scene *s)
{
    row_want(s, fw_participant_owner() != 0);
    return 0;
}

static int make(scene *s)
{
    s->made = of(s)->make();
    row_want(s, s->made != NULL);
    return 0;
}

/* All its blocks, or none. Killed between the making and the telling: row.expect more. */
static int survive_making(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (!s->made)
        return 0;
    row_want(s, of(s)->use(s->made) == 0);
    row_want(s, of(s)->end(s->made) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return 0;
}

/* ---- freed ------------------------------------------------------------------------*/

/* The blocks are counted without it; the heap's lock is what there may be to wait for. */
static int lay(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    s->subject = of(s)->make();
    row_want(s, s->subject != NULL && of(s)->use(s->subject) == 0);
    watch_add(s->subject, 64);
    return 0;
}

static int end(scene *s)
{
    row_want(s, of(s)->end(s->subject) == 0);
    return 0;
}

/* It lives and can be freed, or it is gone: then nothing of it is left. */
static int survive_end(scene *s)
{
    long before = s->number[GROUND_BLOCKS];

    if (ground_sweep(s) != 0)
        return 1;
    if (ground_blocks() != before) {
        row_want(s, ground_blocks() == before + s->row->expect);
        row_want(s, of(s)->end(s->subject) == 0);
    }
    row_want(s, ground_blocks() == before);
    return ground_use(s);
}

static const operation making = {.object = "sync_life",
                                 .name = "new",
                                 .set_up = ground_lay,
                                 .warm_up = join,
                                 .operate = make,
                                 .survive = survive_making,
                                 .visit = ground_sweep,
                                 .recover = ground_sweep};

static const operation ending = {.object = "sync_life",
                                 .name = "free",
                                 .set_up = lay,
                                 .warm_up = join,
                                 .operate = end,
                                 .survive = survive_end,
                                 .visit = ground_sweep,
                                 .recover = ground_sweep};

enum { ALL = 100000 };

/* .expect: the blocks of one */
/* clang-format off */
static const row rows[] = {
    {&making, "lock", .script = &of_lock, .expect = 1, .points = ALL},
    {&making, "semaphore", .script = &of_semaphore, .expect = 1, .points = ALL},
    {&making, "semaphore_counting", .script = &of_counting, .expect = 1, .points = ALL},
    {&making, "event", .script = &of_event, .expect = 1, .points = ALL},
    {&making, "condition", .script = &of_condition, .expect = 2, .points = ALL},
    {&making, "barrier", .script = &of_barrier, .expect = 1, .points = ALL},
    {&making, "barrier_acts", .script = &of_acting, .expect = 2, .points = ALL},
    {&making, "contended", .script = &of_condition, .expect = 2, .points = ALL, .rival = ground_hold_lock},
    {&making, "condition", .script = &of_condition, .expect = 2, .deaths = 2},
    {&making, "lock", .script = &of_lock, .expect = 1, .deaths = 2, .points = 8},
    {&making, "barrier_acts", .script = &of_acting, .expect = 2, .deaths = 2},
    {&ending, "lock", .script = &of_lock, .expect = 1, .points = ALL},
    {&ending, "semaphore", .script = &of_semaphore, .expect = 1, .points = ALL},
    {&ending, "semaphore_counting", .script = &of_counting, .expect = 1, .points = ALL},
    {&ending, "event", .script = &of_event, .expect = 1, .points = ALL},
    {&ending, "condition", .script = &of_condition, .expect = 2, .points = ALL},
    {&ending, "barrier", .script = &of_barrier, .expect = 1, .points = ALL},
    {&ending, "barrier_acts", .script = &of_acting, .expect = 2, .points = ALL},
    {&ending, "contended", .script = &of_condition, .expect = 2, .points = ALL, .rival = ground_hold_lock},
    {&ending, "lock", .script = &of_lock, .expect = 1, .deaths = 2},
    {&ending, "condition", .script = &of_condition, .expect = 2, .deaths = 2},
    {&ending, "semaphore", .script = &of_semaphore, .expect = 1, .deaths = 2, .points = 8},
    {&ending, "event", .script = &of_event, .expect = 1, .deaths = 2, .points = 8},
    {&ending, "barrier_acts", .script = &of_acting, .expect = 2, .deaths = 2},
};
/* clang-format on */

const row_table sync_life_rows = {rows, sizeof rows / sizeof *rows};
