/* SPDX-License-Identifier: MIT
 *
 * Rows of queues that are closed and freed (see queues.h).
 */
#include "rows.h"

#include "ground.h"
#include "queue.h"
#include "queues.h"

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

static const row rows[] = {
    {&closing, "empty", .layout = ""},
    {&closing, "full", .layout = "pbpb"},
    {&freeing, "empty", .layout = ""},
    {&freeing, "full", .layout = "pbpb"},
    {&freeing, "dead", .layout = "bct"},
    {&freeing, "full", .layout = "pbpb", .deaths = 2},
};

const row_table queue_life_rows = {rows, sizeof rows / sizeof *rows};
