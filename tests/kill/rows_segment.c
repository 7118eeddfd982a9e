/* SPDX-License-Identifier: MIT
 *
 * Rows of named segments: what a dead process made or attached is gone, its names are gone,
 * and what it attached stays.
 */
#include "rows.h"

#include "furrow_shared.h"
#include "ground.h"
#include "heap.h"
#include "kin.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int lay_name(scene *s)
{
    snprintf(s->object, 64, "furrow-kill-%05d-%05d", (int)kin_first(), (int)getpid());
    return ground_lay(s);
}

static int make_segment(scene *s)
{
    s->made = furrow_segment_new(s->object, 5000, NULL);
    row_want(s, s->made != NULL);
    return 0;
}

/* The process has a guard from now on, whose words go with the process. */
static int guard(scene *s)
{
    if (make_segment(s) != 0)
        return 1;
    row_want(s, furrow_segment_free(s->made) == 0);
    s->made = NULL;
    return 0;
}

static int make_segment_before(scene *s)
{
    if (make_segment(s) != 0)
        return 1;
    s->subject = s->made;
    return 0;
}

static int unlink_segment(scene *s)
{
    row_want(s, furrow_segment_unlink(s->subject) == 0);
    return 0;
}

static int free_segment(scene *s)
{
    row_want(s, furrow_segment_free(s->subject) == 0);
    return 0;
}

static int bury_segment(scene *s)
{
    if (ground_bury(s, 1) != 0)
        return 1;
    row_want(s, !ground_has_name(s->object));
    if (make_segment(s) != 0)
        return 1;
    row_want(s, furrow_segment_free(s->made) == 0 && !ground_has_name(s->object));
    return 0;
}

/* Half a segment has no name. */
static int visit_segment(scene *s)
{
    furrow_segment *t = furrow_segment_attach(s->object);

    if (!t)
        row_want(s, furrow_last_error()->os_error == ENOENT);
    else
        row_want(s, furrow_segment_size(t) == 5000 && furrow_segment_free(t) == 0);
    return ground_sweep(s) || ground_use(s);
}

static int lay_attached(scene *s)
{
    if (lay_name(s) != 0 || make_segment(s) != 0)
        return 1;
    s->made = NULL;
    return ground_count(s);
}

static int join(scene *s)
{
    row_want(s, fw_heap_free(fw_heap_alloc(300)) == 0);
    return 0;
}

static int attach(scene *s)
{
    s->made = furrow_segment_attach(s->object);
    row_want(s, s->made != NULL);
    return 0;
}

static int attach_before(scene *s)
{
    if (join(s) != 0 || attach(s) != 0)
        return 1;
    s->subject = s->made;
    return 0;
}

static int bury_attached(scene *s)
{
    furrow_segment *t;

    if (ground_bury(s, 1) != 0)
        return 1;
    t = furrow_segment_attach(s->object);
    row_want(s, t && furrow_segment_free(t) == 0);
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation creating = {.object = "segment",
                                   .name = "create",
                                   .set_up = lay_name,
                                   .warm_up = guard,
                                   .operate = make_segment,
                                   .survive = bury_segment,
                                   .visit = visit_segment,
                                   .recover = ground_sweep};

static const operation unlinking = {.object = "segment",
                                    .name = "unlink",
                                    .set_up = lay_name,
                                    .warm_up = make_segment_before,
                                    .operate = unlink_segment,
                                    .survive = bury_segment,
                                    .visit = visit_segment,
                                    .recover = ground_sweep};

static const operation freeing_segment = {.object = "segment",
                                          .name = "free",
                                          .set_up = lay_name,
                                          .warm_up = make_segment_before,
                                          .operate = free_segment,
                                          .survive = bury_segment,
                                          .visit = visit_segment,
                                          .recover = ground_sweep};

static const operation attaching = {.object = "segment",
                                    .name = "attach",
                                    .set_up = lay_attached,
                                    .warm_up = join,
                                    .operate = attach,
                                    .survive = bury_attached,
                                    .visit = visit_segment,
                                    .recover = ground_sweep};

static const operation detaching = {.object = "segment",
                                    .name = "detach",
                                    .set_up = lay_attached,
                                    .warm_up = attach_before,
                                    .operate = free_segment,
                                    .survive = bury_attached,
                                    .visit = visit_segment};

static const row rows[] = {
    {.how = &creating, .position = "first"},
    {.how = &creating, .position = "first", .deaths = 2},
    {.how = &unlinking, .position = "only"},
    {.how = &unlinking, .position = "only", .deaths = 2},
    {.how = &freeing_segment, .position = "only"},
    {.how = &freeing_segment, .position = "only", .deaths = 2},
    {.how = &attaching, .position = "first"},
    {.how = &attaching, .position = "first", .deaths = 2},
    {.how = &detaching, .position = "last"},
};

const row_table segment_rows = {rows, sizeof rows / sizeof *rows};
