/* SPDX-License-Identifier: MIT
 *
 * Rows of participants: a process takes a line of the table, and after its death a sweep
 * gives it to others. Tables are filled with lines of the world, which lives.
 */
#include "rows.h"

#include "ground.h"
#include "heap.h"
#include "kin.h"
#include "names.h"
#include "participant.h"

enum {
    SIZE = 300,
    DEAD = 40, /* the line of the dead one, where there is one */
    SWEPT = 64 /* a sweep looks at so many lines: of thousands it would take its time */
};

/* ---- join -------------------------------------------------------------------------*/

/* A line of this process, or of one that has both its pid and another time: a dead one. */
static void set_line(fw_heap *heap, int i, int is_dead)
{
    fw_participant *p = &heap->participant[i];
    int32_t pid;
    uint64_t start_time;

    fw_participant_identity(&pid, &start_time);
    p->pid = pid;
    p->start_time = start_time + (uint64_t)is_dead;
    fw_store_relaxed(&p->live, 1);
}

/* All lines below `upto` are taken. */
static int lay_lines(scene *s, int upto, int dead)
{
    fw_heap *heap;

    if (ground_lay(s) != 0)
        return 1;
    heap = fw_segment_get()->heap;
    for (int i = 0; i < upto; i++)
        if (!fw_load_relaxed(&heap->participant[i].live))
            set_line(heap, i, i == dead);
    heap->lines = upto < SWEPT ? (uint32_t)upto : SWEPT;
    return 0;
}

static int lay_few(scene *s)
{
    return lay_lines(s, 5, -1);
}

static int lay_hole(scene *s)
{
    if (lay_lines(s, 12, -1) != 0)
        return 1;
    fw_store_relaxed(&fw_segment_get()->heap->participant[7].live, 0);
    return 0;
}

static int lay_all_but_one(scene *s)
{
    return lay_lines(s, FW_PARTICIPANTS - 1, -1);
}

static int lay_all(scene *s)
{
    return lay_lines(s, FW_PARTICIPANTS, -1);
}

static int lay_dead(scene *s)
{
    return lay_lines(s, FW_PARTICIPANTS, DEAD);
}

static int join(scene *s)
{
    s->made = fw_heap_alloc(SIZE);
    row_want(s, s->made != NULL);
    return 0;
}

static int join_in_vain(scene *s)
{
    s->made = fw_heap_alloc(SIZE);
    row_want(s, s->made == NULL && furrow_last_error()->code == FURROW_ENOMEM);
    return 0;
}

static int joined(scene *s)
{
    row_want(s, ground_is_alive() && ground_is_zero(s->made, SIZE));
    return 0;
}

/* Whoever comes needs a line himself: one of the world's is given up for him. */
static void give_up_a_line(void)
{
    fw_heap *heap = fw_heap_lock();

    fw_store_relaxed(&heap->participant[SWEPT - 1].live, 0);
    fw_heap_unlock(heap);
}

/* The dead one's line is free after a sweep, wherever in the table it was. */
static int survive(scene *s)
{
    const fw_heap *heap = fw_segment_get()->heap;

    give_up_a_line();
    fw_heap_sweep();
    for (int i = 0; i < FW_PARTICIPANTS; i++)
        row_want(s, heap->participant[i].pid != s->victim ||
                        !fw_load_relaxed(&heap->participant[i].live));
    return ground_bury(s, 1);
}

static int visit(scene *s)
{
    give_up_a_line();
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return ground_use(s);
}

/* ---- leave: somebody is gone, and a sweep frees his line --------------------------*/

static int live_and_die(void *unused)
{
    const size_t sizes[] = {64, SIZE, FW_PAGE, 3 * FW_PAGE, FW_LARGE_UNIT};
    fw_file_id nobody = {0};

    (void)unused;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *p = fw_heap_alloc(sizes[i]);

        if (!p)
            return 1;
        ground_fill(p, sizes[i] < FW_HEAP_LARGE ? sizes[i] : FW_PAGE);
    }
    return !fw_heap_window(FW_PAGE) || fw_names_add("/furrow-nobody", &nobody) < 0;
}

/* So many lived and died, and left a block of each kind behind. */
static int lay_gone(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    for (long i = 0; i < s->row->gone; i++) {
        pid_t pid = kin_start(live_and_die, NULL);

        row_want(s, pid > 0 && kin_end(pid, 5000) == 0);
    }
    return 0;
}

static int sweep(scene *s)
{
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

/* All lines but the world's are free, the victim's too. */
static int swept(scene *s)
{
    const fw_heap *heap = fw_segment_get()->heap;
    uint32_t live = 0;

    if (ground_bury(s, 1) != 0)
        return 1;
    fw_heap_sweep();
    for (uint32_t i = 0; i < heap->lines; i++)
        live += fw_load_relaxed(&heap->participant[i].live);
    row_want(s, live == 2 && !fw_load_relaxed(&heap->name[0].used)); /* mine, world's */
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation joining = {.object = "participant",
                                  .name = "join",
                                  .set_up = ground_lay,
                                  .operate = join,
                                  .from = row_at(fw_participant_self),
                                  .finish = joined,
                                  .survive = survive,
                                  .visit = visit};

static const operation joining_few = {.object = "participant",
                                      .name = "join",
                                      .set_up = lay_few,
                                      .operate = join,
                                      .from = row_at(fw_participant_self),
                                      .finish = joined,
                                      .survive = survive,
                                      .visit = visit};

static const operation joining_hole = {.object = "participant",
                                       .name = "join",
                                       .set_up = lay_hole,
                                       .operate = join,
                                       .from = row_at(fw_participant_self),
                                       .finish = joined,
                                       .survive = survive,
                                       .visit = visit};

static const operation joining_last = {.object = "participant",
                                       .name = "join",
                                       .set_up = lay_all_but_one,
                                       .operate = join,
                                       .from = row_at(fw_participant_self),
                                       .finish = joined,
                                       .survive = survive,
                                       .visit = visit};

static const operation joining_in_vain = {.object = "participant",
                                          .name = "join",
                                          .set_up = lay_all,
                                          .operate = join_in_vain,
                                          .from = row_at(fw_participant_self),
                                          .finish = NULL,
                                          .survive = survive,
                                          .visit = visit};

static const operation inheriting = {.object = "participant",
                                     .name = "join",
                                     .set_up = lay_dead,
                                     .operate = join,
                                     .from = row_at(fw_participant_self),
                                     .entries = 2,
                                     .finish = joined,
                                     .survive = survive,
                                     .visit = visit};

static const operation leaving = {.object = "participant",
                                  .name = "leave",
                                  .set_up = lay_gone,
                                  .operate = sweep,
                                  .from = row_at(fw_heap_sweep),
                                  .survive = swept,
                                  .visit = sweep,
                                  .recover = sweep};

static const row rows[] = {
    {&joining, "first", .size = SIZE},
    {&joining_few, "next", .size = SIZE},
    {&joining_hole, "hole", .size = SIZE},
    {&joining_last, "last", .size = SIZE, .points = 24},
    {&joining_in_vain, "full", .size = SIZE, .points = 24},
    {&inheriting, "of_a_dead_one", .size = SIZE},
    {&leaving, "one", .size = SIZE, .gone = 1},
    {&leaving, "three", .size = SIZE, .gone = 3},
    {&leaving, "one", .size = SIZE, .gone = 1, .deaths = 2},
    {&leaving, "one", .size = SIZE, .gone = 1, .deaths = 3},
};

const row_table participant_rows = {rows, sizeof rows / sizeof *rows};
