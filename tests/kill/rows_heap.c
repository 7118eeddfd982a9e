/* SPDX-License-Identifier: MIT
 *
 * Rows of the heap: blocks come, are published, and go, in all places where that is
 * something else.
 */
#include "rows.h"

#include "ground.h"
#include "heap.h"
#include "unit.h"
#include "watch.h"

enum {
    SLAB = 300,
    RUN = 3 * 4096,
    LARGE = 3 << 20
}; /* 7 slots a page, 3 and 2 units */

static int join(scene *s)
{
    row_want(s, fw_heap_free(fw_heap_alloc(64)) == 0);
    return 0;
}

/* ---- allocate ---------------------------------------------------------------------*/

static int allocate(scene *s)
{
    s->made = fw_heap_alloc(s->row->size);
    row_want(s, s->made != NULL);
    return 0;
}

static int cannot_allocate(scene *s)
{
    s->made = fw_heap_alloc(s->row->size);
    row_want(s, s->made == NULL && furrow_last_error()->code == FURROW_ENOMEM);
    return 0;
}

static int allocated(scene *s)
{
    size_t size = s->row->size < FW_HEAP_LARGE ? s->row->size : FW_PAGE;

    row_want(s, ground_is_alive() && ground_is_zero(s->made, size));
    ground_fill(s->made, size);
    row_want(s, furrow_fsck() == 0 && ground_holds(s->made, size));
    return 0;
}

static int bury_exactly(scene *s)
{
    return ground_bury(s, 1);
}

static int bury(scene *s)
{
    return ground_bury(s, 0);
}

static int sweep(scene *s)
{
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

static int visit(scene *s)
{
    return sweep(s) || (s->other ? 0 : ground_use(s));
}

/* ---- publish ----------------------------------------------------------------------*/

static int make_pair(scene *s)
{
    s->subject = fw_heap_alloc(SLAB);
    s->block = s->row->size ? fw_heap_alloc(s->row->size) : NULL;
    row_want(s, s->subject && (s->block || !s->row->size));
    return 0;
}

static int publish(scene *s)
{
    fw_heap_publish_pair(s->subject, s->block);
    return 0;
}

/* ---- free -------------------------------------------------------------------------*/

static int lay_pair(scene *s)
{
    if (ground_lay(s) != 0 || make_pair(s) != 0)
        return 1;
    ground_fill(s->subject, SLAB);
    if (s->block)
        ground_fill(s->block, s->row->size < FW_HEAP_LARGE ? s->row->size : FW_PAGE);
    fw_heap_publish_pair(s->subject, s->block);
    return ground_count(s);
}

static int free_pair(scene *s)
{
    row_want(s, fw_heap_free_pair(s->subject, s->block) == 0);
    return 0;
}

static int free_subject(scene *s)
{
    row_want(s, fw_heap_free(s->subject) == 0);
    return 0;
}

/* A death between the two leaves the object, published; it can be freed again. */
static int free_again(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (ground_blocks() == s->number[GROUND_BLOCKS])
        row_want(s, fw_heap_free_pair(s->subject, s->block) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS] + s->row->expect);
    return 0;
}

/* ---- pass -------------------------------------------------------------------------*/

enum { WORD_BEFORE = 5, WORD_AFTER = 6 };

static _Atomic uint64_t *word_of(scene *s)
{
    return s->block;
}

/* A word, and where the block is everybody's before, that. */
static int lay_word(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    s->block = fw_heap_alloc(64);
    row_want(s, s->block != NULL);
    fw_store_relaxed(word_of(s), WORD_BEFORE);
    watch_add(s->block, 8);
    fw_heap_publish_pair(s->block, NULL);
    return ground_count(s);
}

static int make_subject(scene *s)
{
    s->subject = fw_heap_alloc(s->row->size);
    row_want(s, s->subject != NULL);
    ground_fill(s->subject, s->row->size < FW_HEAP_LARGE ? s->row->size : FW_PAGE);
    return 0;
}

static int lay_word_and_subject(scene *s)
{
    if (lay_word(s) != 0 || make_subject(s) != 0)
        return 1;
    fw_heap_publish_pair(s->subject, NULL);
    return ground_count(s);
}

static int pass_to(scene *s, int to)
{
    fw_pass p = {.block = s->subject,
                 .word = word_of(s),
                 .expected = WORD_BEFORE,
                 .desired = WORD_AFTER};

    row_want(s, fw_heap_pass(&p, to) == 0);
    return 0;
}

static int pass_on(scene *s)
{
    return pass_to(s, FW_HEAP_TO_ALL);
}

static int pass_to_me(scene *s)
{
    return pass_to(s, FW_HEAP_TO_ME);
}

/* The block went with the word, or stayed with it. */
static int bury_passed(scene *s)
{
    long before = s->number[GROUND_BLOCKS];
    int passed;

    if (ground_bury(s, 0) != 0)
        return 1;
    passed = fw_load_relaxed(word_of(s)) == WORD_AFTER;
    row_want(s, passed || fw_load_relaxed(word_of(s)) == WORD_BEFORE);
    row_want(s, passed || !s->done);
    row_want(s, ground_blocks() == before + (passed ? s->row->expect : 0));
    if (passed != (s->row->expect > 0))
        return 0;
    row_want(s, ground_holds(s->subject,
                             s->row->size < FW_HEAP_LARGE ? s->row->size : FW_PAGE));
    row_want(s, fw_heap_free(s->subject) == 0);
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation allocating = {.object = "heap",
                                     .name = "allocate",
                                     .set_up = ground_lay,
                                     .warm_up = join,
                                     .operate = allocate,
                                     .finish = allocated,
                                     .survive = bury_exactly,
                                     .visit = visit,
                                     .recover = sweep};

/* Without what goes before: the room that there is comes out of text files. */
static const operation taking = {.object = "heap",
                                 .name = "take",
                                 .set_up = ground_lay,
                                 .warm_up = join,
                                 .operate = allocate,
                                 .from = row_at(fw_unit_take),
                                 .finish = allocated,
                                 .survive = bury_exactly,
                                 .visit = visit,
                                 .recover = sweep};

static const operation allocating_in_vain = {.object = "heap",
                                             .name = "allocate",
                                             .set_up = ground_lay,
                                             .warm_up = join,
                                             .operate = cannot_allocate,
                                             .survive = bury_exactly,
                                             .visit = visit,
                                             .recover = sweep};

static const operation freeing = {.object = "heap",
                                  .name = "free",
                                  .set_up = ground_lay,
                                  .warm_up = join,
                                  .operate = free_subject,
                                  .survive = bury,
                                  .visit = visit,
                                  .recover = sweep};

static const operation publishing = {.object = "heap",
                                     .name = "publish",
                                     .set_up = ground_lay,
                                     .warm_up = make_pair,
                                     .operate = publish,
                                     .survive = bury,
                                     .visit = visit,
                                     .recover = sweep};

static const operation freeing_pair = {.object = "heap",
                                       .name = "free_pair",
                                       .set_up = lay_pair,
                                       .warm_up = join,
                                       .operate = free_pair,
                                       .survive = free_again,
                                       .visit = visit,
                                       .recover = sweep};

static const operation passing = {.object = "heap",
                                  .name = "pass",
                                  .set_up = lay_word,
                                  .warm_up = make_subject,
                                  .operate = pass_on,
                                  .survive = bury_passed,
                                  .visit = visit,
                                  .recover = sweep};

static const operation passing_to_me = {.object = "heap",
                                        .name = "pass_to_me",
                                        .set_up = lay_word_and_subject,
                                        .warm_up = join,
                                        .operate = pass_to_me,
                                        .survive = bury_passed,
                                        .visit = visit,
                                        .recover = sweep};

static const row rows[] = {
    {&passing, "slab", .size = SLAB, .expect = 1},
    {&passing, "run", .size = RUN, .expect = 1},
    {&passing, "large", .size = LARGE, .expect = 1},
    {&passing, "contended", .size = RUN, .expect = 1, .rival = ground_hold_lock},
    {&passing, "run", .size = RUN, .expect = 1, .deaths = 2},
    {&passing, "run", .size = RUN, .expect = 1, .deaths = 3},
    {&passing_to_me, "slab", .size = SLAB, .expect = -1},
    {&passing_to_me, "run", .size = RUN, .expect = -1},
    {&passing_to_me, "large", .size = LARGE, .expect = -1},
    {&passing_to_me, "contended", .size = RUN, .expect = -1, .rival = ground_hold_lock},
    {&passing_to_me, "run", .size = RUN, .expect = -1, .deaths = 2},
    {&passing_to_me, "run", .size = RUN, .expect = -1, .deaths = 3},
    {&allocating, "slab_first", .size = SLAB},
    {&allocating, "slab_next", .size = SLAB, .layout = "#"},
    {&allocating, "slab_hole", .size = SLAB, .layout = "##1##"},
    {&allocating, "slab_last", .size = SLAB, .layout = "######"},
    {&allocating, "slab_page_full", .size = SLAB, .layout = "#######"},
    {&allocating, "slab_contended", .size = SLAB, .layout = "#",
     .rival = ground_hold_lock},
    {&allocating, "run_first", .size = RUN},
    {&allocating, "run_split", .size = RUN, .layout = "#8#"},
    {&allocating, "run_exact", .size = RUN, .layout = "#3#"},
    {&allocating, "run_merge", .size = RUN, .layout = "#111#"},
    {&allocating, "run_merge_split", .size = RUN, .layout = "#212#"},
    {&allocating, "run_behind", .size = RUN, .layout = "#2#1#4#"},
    {&allocating, "run_end", .size = RUN, .layout = "O=3"},
    {&allocating, "run_contended", .size = RUN, .layout = "#",
     .rival = ground_hold_lock},
    {&allocating_in_vain, "run_full", .size = RUN, .layout = "O=2"},
    {&allocating, "large_first", .size = LARGE},
    {&taking, "large_first", .size = LARGE},
    {&taking, "large_split", .size = LARGE, .layout = "#8#"},
    {&taking, "large_exact", .size = LARGE, .layout = "#2#"},
    {&taking, "large_merge", .size = LARGE, .layout = "#11#"},
    {&taking, "large_end", .size = LARGE, .layout = "O=2"},
    {&allocating_in_vain, "large_full", .size = LARGE, .layout = "O=1"},
    {&freeing, "slab_only", .size = SLAB, .layout = "S", .expect = -1},
    {&freeing, "slab_hint_above", .size = SLAB, .layout = "###S####", .expect = -1},
    {&freeing, "slab_page_above", .size = SLAB, .layout = "#######S", .expect = -1},
    {&freeing, "slab_ends_page", .size = SLAB, .layout = "###1###S", .expect = -1},
    {&freeing, "slab_ends_another", .size = SLAB, .layout = "###S###1", .expect = -1},
    {&freeing, "slab_of_full", .size = SLAB, .layout = "###S###", .expect = -1},
    {&freeing, "slab_contended", .size = SLAB, .layout = "#S", .expect = -1,
     .rival = ground_hold_lock},
    {&freeing, "run_only", .size = RUN, .layout = "S", .expect = -1},
    {&freeing, "run_between", .size = RUN, .layout = "#S#", .expect = -1},
    {&freeing, "run_holes_beside", .size = RUN, .layout = "#2S2#", .expect = -1},
    {&freeing, "run_end", .size = RUN, .layout = "O=3S", .expect = -1},
    {&freeing, "run_contended", .size = RUN, .layout = "#S", .expect = -1,
     .rival = ground_hold_lock},
    {&freeing, "large_only", .size = LARGE, .layout = "S", .expect = -1},
    {&freeing, "large_holes_beside", .size = LARGE, .layout = "#1S1#", .expect = -1},
    {&publishing, "slab", .expect = 1},
    {&publishing, "slab_and_slab", .size = 64, .expect = 2},
    {&publishing, "slab_and_run", .size = RUN, .expect = 2},
    {&publishing, "slab_and_large", .size = LARGE, .expect = 2},
    {&publishing, "contended", .size = RUN, .expect = 2, .rival = ground_hold_lock},
    {&freeing_pair, "slab_and_slab", .size = 64, .expect = -2},
    {&freeing_pair, "slab_and_run", .size = RUN, .expect = -2},
    {&freeing_pair, "slab_and_large", .size = LARGE, .expect = -2},
    {&allocating, "slab_first", .size = SLAB, .deaths = 2},
    {&allocating, "run_merge_split", .size = RUN, .layout = "#212#", .deaths = 2},
    {&taking, "large_merge", .size = LARGE, .layout = "#11#", .deaths = 2},
    {&freeing, "slab_page_above", .size = SLAB, .layout = "#######S", .expect = -1,
     .deaths = 2},
    {&freeing, "run_holes_beside", .size = RUN, .layout = "#2S2#", .expect = -1,
     .deaths = 2},
    {&publishing, "slab_and_run", .size = RUN, .expect = 2, .deaths = 2},
    {&publishing, "slab_and_run", .size = RUN, .expect = 2, .deaths = 3},
    {&freeing_pair, "slab_and_run", .size = RUN, .expect = -2, .deaths = 2},
    {&freeing_pair, "slab_and_run", .size = RUN, .expect = -2, .deaths = 3},
    {&freeing_pair, "contended", .size = RUN, .expect = -2, .rival = ground_hold_lock},
};

const row_table heap_rows = {rows, sizeof rows / sizeof *rows};
