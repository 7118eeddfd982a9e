/* SPDX-License-Identifier: MIT
 *
 * Rows of arrays: made, sliced, freed; with a name, attached and detached.
 *
 * After a death an array is there as a whole or not at all. Of one with slices, the block may
 * stay that nobody finds any more, until the family ends; never as half of one.
 */
#include "rows.h"

#include "array.h"
#include "ground.h"
#include "kin.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { OF_SLAB = 20, OF_PAGES = 2000, OF_LARGE = (1 << 18) + 1 };

static int lay(scene *s)
{
    furrow_array *a;

    if (ground_lay(s) != 0)
        return 1;
    a = furrow_array_new('Q', s->row->size, NULL);
    row_want(s, a != NULL);
    ground_fill(a->data, a->len * 8);
    s->subject = a;
    watch_add(a, sizeof(fw_array)); /* its count, and whether it lives */
    return ground_count(s);
}

/* A line, and pages of the sizes that are taken. */
static int join(scene *s)
{
    furrow_array *a = furrow_array_new('Q', OF_SLAB, NULL);
    furrow_array *b = furrow_array_slice(a, 0, 1);

    row_want(s, furrow_array_free(a) == 0 && furrow_array_free(b) == 0);
    return 0;
}

/* ---- made -------------------------------------------------------------------------*/

static int make(scene *s)
{
    s->made = furrow_array_new('Q', s->row->size, NULL);
    row_want(s, s->made != NULL);
    return 0;
}

static int make_struct(scene *s)
{
    furrow_array_options o = {.format = "T{d:x:d:y:i:id:}"};

    s->made = furrow_array_new(FURROW_STRUCT, s->row->size, &o);
    row_want(s, s->made != NULL);
    return 0;
}

static int made_is_whole(scene *s)
{
    const furrow_array *a = s->made;

    row_want(s, fw_array_of(a) != NULL);
    row_want(s, ground_is_zero(a->data, a->len * a->itemsize));
    ground_fill(a->data, a->len * a->itemsize);
    return 0;
}

/* What was handed out is an array; it is there, and can be freed. */
static int bury_made(scene *s)
{
    long before = s->number[GROUND_BLOCKS];
    furrow_array *a = s->made;

    if (ground_bury(s, 0) != 0)
        return 1;
    if (!a)
        return 0;
    row_want(s, ground_blocks() == before + s->row->expect);
    row_want(s, furrow_array_free(a) == 0 && ground_blocks() == before);
    return 0;
}

static int sweep(scene *s)
{
    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

static int visit(scene *s)
{
    return sweep(s) || ground_use(s);
}

/* ---- sliced -----------------------------------------------------------------------*/

static int slice(scene *s)
{
    s->made = furrow_array_slice(s->subject, 1, 5);
    row_want(s, s->made != NULL);
    return 0;
}

static int bury_slice(scene *s)
{
    furrow_array *a = s->subject, *b = s->made;

    if (ground_bury(s, 0) != 0)
        return 1;
    row_want(s, ground_holds(a->data, a->len * 8));
    row_want(s, furrow_array_free(b) == 0 && furrow_array_free(a) == 0);
    return 0;
}

/* ---- freed ------------------------------------------------------------------------*/

static int free_subject(scene *s)
{
    row_want(s, furrow_array_free(s->subject) == 0);
    return 0;
}

/* Its handle lives: then all of it does; or nothing of it is left. */
static int bury_freed(scene *s)
{
    furrow_array *a = s->subject;
    long before = s->number[GROUND_BLOCKS];

    if (ground_bury(s, 0) != 0)
        return 1;
    if (!fw_array_of(a)) {
        row_want(s, ground_blocks() == before - 2);
        return 0;
    }
    row_want(s, ground_blocks() == before && ground_holds(a->data, a->len * 8));
    row_want(s, furrow_array_free(a) == 0 && ground_blocks() < before);
    return 0;
}

static int lay_sliced(scene *s)
{
    if (lay(s) != 0)
        return 1;
    s->block = furrow_array_slice(s->subject, 0, 10);
    row_want(s, s->block != NULL);
    watch_add(s->block, sizeof(fw_array));
    return ground_count(s);
}

/* The slice outlives its root. */
static int bury_root(scene *s)
{
    furrow_array *a = s->block;

    if (ground_bury(s, 0) != 0)
        return 1;
    row_want(s, ground_holds(a->data, a->len * 8) && furrow_array_free(a) == 0);
    return 0;
}

/* ---- named ------------------------------------------------------------------------*/

static void name_it(scene *s)
{
    snprintf(s->object, 64, "/furrow-kill-%05d-%05d", (int)kin_first(), (int)getpid());
}

static int make_named(scene *s)
{
    furrow_array_options o = {.name = s->object};

    s->made = furrow_array_new('Q', s->row->size, &o);
    row_want(s, s->made != NULL);
    return 0;
}

static int lay_name(scene *s)
{
    name_it(s);
    return ground_lay(s);
}

/* Once: the process has a guard from now on, whose words go with the process. */
static int guard(scene *s)
{
    if (make_named(s) != 0)
        return 1;
    row_want(s, furrow_array_free(s->made) == 0);
    s->made = NULL;
    return 0;
}

static int make_named_before(scene *s)
{
    if (make_named(s) != 0)
        return 1;
    s->subject = s->made;
    return 0;
}

static int bury_named(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    row_want(s, !ground_has_name(s->object));
    return make_named(s) || furrow_array_free(s->made) != 0;
}

/* Half a file has no name: there is nothing to attach to, or all of it. */
static int visit_named(scene *s)
{
    furrow_array *a = furrow_array_attach(s->object);

    if (!a)
        row_want(s, furrow_last_error()->os_error == ENOENT);
    else
        row_want(s, a->len == s->row->size && furrow_array_free(a) == 0);
    return visit(s);
}

static int lay_attached(scene *s)
{
    furrow_array *a;

    if (lay_name(s) != 0 || make_named(s) != 0)
        return 1;
    a = s->made;
    ground_fill(a->data, a->len * 8);
    s->made = NULL;
    return ground_count(s);
}

static int attach(scene *s)
{
    s->made = furrow_array_attach(s->object);
    row_want(s, s->made != NULL);
    return 0;
}

static int attach_before(scene *s)
{
    if (join(s) != 0 || attach(s) != 0)
        return 1;
    s->subject = s->made;
    return ground_count(s);
}

/* Its maker lives: the next one attaches. */
static int bury_attached(scene *s)
{
    furrow_array *a;

    if (ground_bury(s, 0) != 0)
        return 1;
    a = furrow_array_attach(s->object);
    row_want(s, a && ground_holds(a->data, a->len * 8) && furrow_array_free(a) == 0);
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation making = {.object = "array",
                                 .name = "create",
                                 .set_up = ground_lay,
                                 .warm_up = join,
                                 .operate = make,
                                 .finish = made_is_whole,
                                 .survive = bury_made,
                                 .visit = visit,
                                 .recover = sweep};

static const operation making_structs = {.object = "array",
                                         .name = "create",
                                         .set_up = ground_lay,
                                         .warm_up = join,
                                         .operate = make_struct,
                                         .finish = made_is_whole,
                                         .survive = bury_made};

static const operation slicing = {.object = "array",
                                  .name = "slice",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = slice,
                                  .survive = bury_slice,
                                  .visit = visit};

static const operation freeing = {.object = "array",
                                  .name = "free",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = free_subject,
                                  .survive = bury_freed,
                                  .visit = visit,
                                  .recover = sweep};

static const operation freeing_root = {.object = "array",
                                       .name = "free",
                                       .set_up = lay_sliced,
                                       .warm_up = join,
                                       .operate = free_subject,
                                       .survive = bury_root,
                                       .visit = visit};

static const operation naming = {.object = "named_array",
                                 .name = "create",
                                 .set_up = lay_name,
                                 .warm_up = guard,
                                 .operate = make_named,
                                 .finish = made_is_whole,
                                 .survive = bury_named,
                                 .visit = visit_named,
                                 .recover = sweep};

static const operation freeing_named = {.object = "named_array",
                                        .name = "free",
                                        .set_up = lay_name,
                                        .warm_up = make_named_before,
                                        .operate = free_subject,
                                        .survive = bury_named,
                                        .visit = visit_named};

static const operation attaching = {.object = "named_array",
                                    .name = "attach",
                                    .set_up = lay_attached,
                                    .warm_up = join,
                                    .operate = attach,
                                    .survive = bury_attached,
                                    .visit = visit_named,
                                    .recover = sweep};

static const operation detaching = {.object = "named_array",
                                    .name = "detach",
                                    .set_up = lay_attached,
                                    .warm_up = attach_before,
                                    .operate = free_subject,
                                    .survive = bury_attached,
                                    .visit = visit_named};

static const row rows[] = {
    {&making, "slab", .size = OF_SLAB, .expect = 2},
    {&making, "pages", .size = OF_PAGES, .expect = 2},
    {&making, "large", .size = OF_LARGE, .expect = 2},
    {&making, "contended", .size = OF_PAGES, .expect = 2, .rival = ground_hold_lock},
    {&making, "pages", .size = OF_PAGES, .expect = 2, .deaths = 2},
    {&making_structs, "struct", .size = OF_SLAB, .expect = 2},
    {&slicing, "pages", .size = OF_PAGES, .expect = 1},
    {&freeing, "slab", .size = OF_SLAB, .expect = -2},
    {&freeing, "pages", .size = OF_PAGES, .expect = -2},
    {&freeing, "large", .size = OF_LARGE, .expect = -2},
    {&freeing, "contended", .size = OF_PAGES, .expect = -2, .rival = ground_hold_lock},
    {&freeing, "pages", .size = OF_PAGES, .expect = -2, .deaths = 2},
    {&freeing_root, "sliced", .size = OF_PAGES},
    {&naming, "first", .size = OF_SLAB, .expect = 1},
    {&naming, "first", .size = OF_SLAB, .expect = 1, .deaths = 2},
    {&freeing_named, "only", .size = OF_SLAB, .expect = 1},
    {&attaching, "first", .size = OF_SLAB, .expect = 1},
    {&detaching, "last", .size = OF_SLAB, .expect = -1},
};

const row_table array_rows = {rows, sizeof rows / sizeof *rows};
