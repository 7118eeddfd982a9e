/* SPDX-License-Identifier: MIT
 *
 * Rows of queues that are made, closed and freed (see queues.h). A maker who is killed has told
 * nobody where his queue is: it may be there, as a whole, or not at all. One who frees it is
 * through, or has not begun, or the next one frees it.
 */
#include "rows.h"

#include "ground.h"
#include "participant.h"
#include "queue.h"
#include "queues.h"

/* ---- made -------------------------------------------------------------------------*/

/* row.script: the options. The default has 1024 slots, which is a run of pages. */
static const furrow_queue_options by_default = {0};
static const furrow_queue_options lone = {
    .capacity = QUEUE_CAPACITY, .producers = 1, .consumers = 1};
static const furrow_queue_options joinable = {.capacity = QUEUE_CAPACITY,
                                              .joinable = 1};
static const furrow_queue_options smallest = {.capacity = 1, .in_place = 8};

static int join(scene *s)
{
    row_want(s, fw_participant_owner() != 0);
    return 0;
}

static int make(scene *s)
{
    s->made = furrow_queue_new(s->row->script);
    row_want(s, s->made != NULL);
    return 0;
}

/* It holds what it may, in order, and no more; and counts tasks when it is to. */
static int use_made(scene *s)
{
    const furrow_queue_options *o = s->row->script;
    uint64_t capacity = o->capacity ? o->capacity : 1024, seen;
    furrow_queue *q = s->made;

    for (uint64_t i = 0; i < capacity; i++)
        row_want(s, furrow_queue_put(q, &i, sizeof i, 0) == 0);
    row_want(s, furrow_queue_put(q, &capacity, 8, 0) == FURROW_EFULL);
    for (uint64_t i = 0; i < capacity; i++)
        row_want(s, furrow_queue_get(q, &seen, sizeof seen, NULL, 0) == 0 && seen == i);
    for (uint64_t i = 0; o->joinable && i < capacity; i++)
        row_want(s, furrow_queue_join(q, 0) == FURROW_ETIME &&
                        furrow_queue_task_done(q) == 0);
    row_want(s, !o->joinable || furrow_queue_join(q, 0) == 0);
    return 0;
}

static int survive_making(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (!s->made)
        return 0;
    if (use_made(s) != 0)
        return 1;
    row_want(s, furrow_queue_free(s->made) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return 0;
}

/* ---- closed -----------------------------------------------------------------------*/

static int close_it(scene *s)
{
    row_want(s, furrow_queue_close(queue_of(s)) == 0);
    return 0;
}

/* It may be closed or not; if it is, for all. */
static int survive_close(scene *s)
{
    int rc = queue_put_number(s, QUEUE_MINE, QUEUE_IN_PLACE, 0);
    long left;

    row_want(s, rc == FURROW_ECLOSED || !s->done);
    if (rc == 0)
        queue_note(s, QUEUE_COME, QUEUE_MINE);
    if (queue_drain(s, &left) != 0 || queue_is_conserved(s, left) != 0)
        return 1;
    return queue_end(s);
}

/* ---- freed ------------------------------------------------------------------------*/

static int free_it(scene *s)
{
    row_want(s, furrow_queue_free(queue_of(s)) == 0);
    return 0;
}

static int free_again(scene *s)
{
    int rc = fw_queue_is_live(queue_of(s)) ? furrow_queue_free(queue_of(s)) : 0;

    row_want(s, rc == 0);
    return queue_bury(s);
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation making = {.object = "queue",
                                 .name = "new",
                                 .set_up = ground_lay,
                                 .warm_up = join,
                                 .operate = make,
                                 .survive = survive_making,
                                 .visit = ground_sweep,
                                 .recover = ground_sweep};

static const operation closing = {.object = "queue",
                                  .name = "close",
                                  .set_up = queue_lay,
                                  .warm_up = queue_join,
                                  .operate = close_it,
                                  .survive = survive_close,
                                  .visit = queue_look};

static const operation freeing = {.object = "queue",
                                  .name = "free",
                                  .set_up = queue_lay,
                                  .warm_up = queue_join,
                                  .operate = free_it,
                                  .survive = free_again,
                                  .visit = ground_sweep,
                                  .recover = ground_sweep};

static const operation freeing_lone = {.object = "queue",
                                       .name = "free_lone",
                                       .set_up = queue_lay_lone,
                                       .warm_up = queue_join,
                                       .operate = free_it,
                                       .survive = free_again,
                                       .visit = ground_sweep};

static const operation freeing_joinable = {.object = "queue",
                                           .name = "free_joinable",
                                           .set_up = queue_lay_joinable,
                                           .warm_up = queue_join,
                                           .operate = free_it,
                                           .survive = free_again,
                                           .visit = ground_sweep,
                                           .recover = ground_sweep};

/* .expect: a queue's block */
static const row rows[] = {
    {&making, "default", .script = &by_default, .expect = 1},
    {&making, "smallest", .script = &smallest, .expect = 1},
    {&making, "lone", .script = &lone, .expect = 1},
    {&making, "joinable", .script = &joinable, .expect = 1},
    {&making, "contended", .script = &joinable, .expect = 1, .rival = ground_hold_lock},
    {&making, "default", .script = &by_default, .expect = 1, .deaths = 2, .points = 8},
    {&making, "joinable", .script = &joinable, .expect = 1, .deaths = 2, .points = 8},
    {&closing, "empty", .layout = ""},
    {&closing, "full", .layout = "pbpb"},
    {&freeing, "empty", .layout = ""},
    {&freeing, "full", .layout = "pbpb"},
    {&freeing, "dead", .layout = "bct"},
    {&freeing, "contended", .layout = "b", .rival = ground_hold_lock},
    {&freeing_lone, "empty", .layout = ""},
    {&freeing_lone, "full", .layout = "pbpb"},
    {&freeing_joinable, "empty", .layout = ""},
    {&freeing_joinable, "unfinished", .layout = "pbg"},
    {&freeing_joinable, "unfinished", .layout = "pbg", .deaths = 2, .points = 8},
    {&freeing, "full", .layout = "pbpb", .deaths = 2},
};

const row_table queue_life_rows = {rows, sizeof rows / sizeof *rows};
