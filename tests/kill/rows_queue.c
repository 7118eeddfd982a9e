/* SPDX-License-Identifier: MIT
 *
 * Rows of queues: a message is put, or got, in all places of the ring (see queues.h).
 */
#include "rows.h"

#include "ground.h"
#include "queues.h"

#include <unistd.h>

/* ---- what is killed ---------------------------------------------------------------*/

static int put_in_vain(scene *s)
{
    row_want(s, queue_put_number(s, QUEUE_MINE, s->row->size, 0) == FURROW_EFULL);
    return 0;
}

static int get_in_vain(scene *s)
{
    row_want(s, queue_get_number(s, 0) == -1);
    return 0;
}

static int get_short(scene *s)
{
    char little[4];

    row_want(s, furrow_queue_get(queue_of(s), little, 4, NULL, 0) == FURROW_ESHORT);
    return 0;
}

static int look(scene *s)
{
    row_want(s, furrow_queue_size(queue_of(s)) == s->row->expect);
    return 0;
}

/* ---- beside -----------------------------------------------------------------------*/

/* Lets the victim wait, then puts what it waits for. */
static int put_late(scene *s)
{
    s->ready = 1;
    (void)row_wait(&s->relief);
    row_want(s, queue_put_number(s, 1, s->row->size, furrow_in(5)) == 0);
    queue_note(s, QUEUE_PUT, 1);
    return 0;
}

static int get_late(scene *s)
{
    int got;

    s->ready = 1;
    (void)row_wait(&s->relief);
    got = queue_get_number(s, furrow_in(5));
    row_want(s, got > 0);
    queue_note(s, QUEUE_GOT, (uint64_t)got);
    return 0;
}

/* What the one beside does comes, too. */
static int survive_beside(scene *s)
{
    for (int ms = 0; ms < 5000; ms++) {
        if (s->row->rival == put_late ? s->number[QUEUE_PUT] : s->number[QUEUE_GOT])
            break;
        (void)usleep(1000);
    }
    return queue_survive(s);
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation putting = {.object = "queue",
                                  .name = "put",
                                  .set_up = queue_lay,
                                  .warm_up = queue_join,
                                  .operate = queue_put,
                                  .survive = queue_survive,
                                  .visit = queue_visit,
                                  .recover = queue_recover};

static const operation putting_alone = {.object = "queue",
                                        .name = "put_alone",
                                        .set_up = queue_lay_lone,
                                        .warm_up = queue_join,
                                        .operate = queue_put,
                                        .survive = queue_survive,
                                        .visit = queue_look};

static const operation putting_in_vain = {.object = "queue",
                                          .name = "put_in_vain",
                                          .set_up = queue_lay,
                                          .warm_up = queue_join,
                                          .operate = put_in_vain,
                                          .survive = queue_survive,
                                          .visit = queue_look,
                                          .recover = queue_recover};

static const operation putting_message = {.object = "queue",
                                          .name = "put_message",
                                          .set_up = queue_lay,
                                          .warm_up = queue_make_message,
                                          .operate = queue_put_message,
                                          .survive = queue_survive,
                                          .visit = queue_visit};

static const operation getting = {.object = "queue",
                                  .name = "get",
                                  .set_up = queue_lay,
                                  .warm_up = queue_join,
                                  .operate = queue_get,
                                  .survive = queue_survive,
                                  .visit = queue_visit,
                                  .recover = queue_recover};

static const operation getting_alone = {.object = "queue",
                                        .name = "get_alone",
                                        .set_up = queue_lay_lone,
                                        .warm_up = queue_join,
                                        .operate = queue_get,
                                        .survive = queue_survive,
                                        .visit = queue_look};

static const operation getting_in_vain = {.object = "queue",
                                          .name = "get_in_vain",
                                          .set_up = queue_lay,
                                          .warm_up = queue_join,
                                          .operate = get_in_vain,
                                          .survive = queue_survive,
                                          .visit = queue_look};

static const operation getting_short = {.object = "queue",
                                        .name = "get_short",
                                        .set_up = queue_lay,
                                        .warm_up = queue_join,
                                        .operate = get_short,
                                        .survive = queue_survive,
                                        .visit = queue_look};

static const operation getting_message = {.object = "queue",
                                          .name = "get_message",
                                          .set_up = queue_lay,
                                          .warm_up = queue_join,
                                          .operate = queue_get_message,
                                          .survive = queue_survive,
                                          .visit = queue_visit};

static const operation looking = {.object = "queue",
                                  .name = "recover",
                                  .set_up = queue_lay,
                                  .warm_up = queue_join,
                                  .operate = look,
                                  .survive = queue_survive,
                                  .visit = queue_look,
                                  .recover = queue_recover};

static const operation waiting_to_get = {.object = "queue",
                                         .name = "get",
                                         .set_up = queue_lay,
                                         .warm_up = queue_join,
                                         .operate = queue_get,
                                         .survive = survive_beside};

static const operation waiting_to_put = {.object = "queue",
                                         .name = "put",
                                         .set_up = queue_lay,
                                         .warm_up = queue_join,
                                         .operate = queue_put,
                                         .survive = survive_beside};

static const row rows[] = {
    {&putting, "empty", .size = QUEUE_IN_PLACE},
    {&putting, "behind_others", .size = QUEUE_IN_PLACE, .layout = "pb"},
    {&putting, "last_slot", .size = QUEUE_IN_PLACE, .layout = "ppp"},
    {&putting, "wrap", .size = QUEUE_IN_PLACE, .layout = "pppgp"},
    {&putting, "first_again", .size = QUEUE_IN_PLACE, .layout = "ppppgggg"},
    {&putting, "behind_dead", .size = QUEUE_IN_PLACE, .layout = "pc"},
    {&putting, "full_of_dead", .size = QUEUE_IN_PLACE, .layout = "cccc"},
    {&putting_in_vain, "full", .size = QUEUE_IN_PLACE, .layout = "pppp"},
    {&putting_in_vain, "full_one_dead", .size = QUEUE_IN_PLACE, .layout = "ppppt"},
    {&putting, "empty", .size = QUEUE_BLOCK},
    {&putting, "last_slot", .size = QUEUE_BLOCK, .layout = "ppp"},
    {&putting, "wrap", .size = QUEUE_BLOCK, .layout = "bbbbg"},
    {&putting, "full_of_dead", .size = QUEUE_BLOCK, .layout = "cccc"},
    {&putting, "heap_contended", .size = QUEUE_BLOCK, .rival = ground_hold_lock},
    {&putting_in_vain, "full_block", .size = QUEUE_BLOCK, .layout = "bbbb"},
    {&putting_message, "empty", .layout = ""},
    {&putting_message, "wrap", .layout = "bbbbg"},
    {&putting_alone, "empty", .size = QUEUE_IN_PLACE},
    {&putting_alone, "wrap", .size = QUEUE_IN_PLACE, .layout = "ppppg"},
    {&putting_alone, "block", .size = QUEUE_BLOCK, .layout = "p"},
    {&waiting_to_put, "full_waits", .size = QUEUE_IN_PLACE, .layout = "pppp",
     .rival = get_late},
    {&getting, "only", .layout = "p"},
    {&getting, "first_of_many", .layout = "pbp"},
    {&getting, "full", .layout = "pppp"},
    {&getting, "last_slot", .layout = "ppppggg"},
    {&getting, "wrap", .layout = "ppppgpgp"},
    {&getting, "behind_dead", .layout = "cp"},
    {&getting, "dead_had_it", .layout = "pt"},
    {&getting, "only_block", .layout = "b"},
    {&getting, "full_block", .layout = "bbbb"},
    {&getting, "wrap_block", .layout = "bbbbgbgb"},
    {&getting, "dead_had_block", .layout = "bt"},
    {&getting, "heap_contended", .layout = "b", .rival = ground_hold_lock},
    {&getting_in_vain, "empty", .layout = ""},
    {&getting_in_vain, "empty_again", .layout = "ppppgggg"},
    {&getting_in_vain, "all_dead", .layout = "cccc"},
    {&getting_short, "only", .layout = "p"},
    {&getting_short, "only_block", .layout = "b"},
    {&getting_message, "in_place", .layout = "p"},
    {&getting_message, "block", .layout = "bb"},
    {&getting_alone, "only", .layout = "p"},
    {&getting_alone, "wrap", .layout = "ppppgpgp"},
    {&getting_alone, "block", .layout = "bp"},
    {&waiting_to_get, "empty_waits", .size = QUEUE_IN_PLACE, .rival = put_late},
    {&looking, "dead_producers", .layout = "cpc", .expect = 1},
    {&looking, "dead_consumers", .layout = "pbpttt", .expect = 3},
    {&looking, "both", .layout = "pctb", .expect = 2},
    {&putting, "empty", .size = QUEUE_IN_PLACE, .deaths = 2},
    {&putting, "full_of_dead", .size = QUEUE_BLOCK, .layout = "cccc", .deaths = 2},
    {&putting, "wrap", .size = QUEUE_BLOCK, .layout = "bbbbg", .deaths = 2},
    {&getting, "only", .layout = "p", .deaths = 2},
    {&getting, "dead_had_block", .layout = "bt", .deaths = 2},
    {&getting, "only_block", .layout = "b", .deaths = 3},
    {&looking, "both", .layout = "pctb", .expect = 2, .deaths = 2},
    {&looking, "both", .layout = "pctb", .expect = 2, .deaths = 3},
};

const row_table queue_rows = {rows, sizeof rows / sizeof *rows};
