/* SPDX-License-Identifier: MIT
 *
 * Rows of values with a lock: whoever gets the lock next is told when its holder died with
 * it, and only then may the value be half changed.
 */
#include "rows.h"

#include "atomic.h"
#include "furrow_shared.h"
#include "ground.h"
#include "watch.h"

enum { ELEMENTS = 3, FIRST = 10 };

static int lay_value(scene *s)
{
    const long from[ELEMENTS] = {FIRST, FIRST, FIRST};
    furrow_synchronized_options o = {.from = from};

    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_synchronized_new('l', ELEMENTS, &o);
    row_want(s, s->subject != NULL);
    watch_add(s->subject, 256);
    return ground_count(s);
}

static long *elements(const scene *s)
{
    return furrow_synchronized_array(s->subject)->data;
}

/* Raise all elements by one, one after another: between two of them they differ. */
static int raise_all(scene *s)
{
    for (int i = 0; i < ELEMENTS; i++) {
        elements(s)[i]++;
        fw_fence_death();
    }
    return 0;
}

static int add(scene *s)
{
    row_want(s, furrow_synchronized_lock(s->subject, FURROW_FOREVER) == 0);
    return raise_all(s) || furrow_synchronized_unlock(s->subject) != 0;
}

/* They may differ only when a death was told; then put that in order. */
static int add_after_death(scene *s)
{
    int rc = furrow_synchronized_lock(s->subject, furrow_in(5));
    long *e = elements(s);

    row_want(s, rc >= 0);
    row_want(s, rc == FURROW_OWNERDIED || (e[0] == e[1] && e[1] == e[2]));
    row_want(s, e[0] >= e[1] && e[1] >= e[2] && e[0] - e[2] <= 1);
    row_want(s, e[0] >= FIRST && e[0] <= FIRST + 3);
    e[1] = e[2] = e[0];
    return raise_all(s) || furrow_synchronized_unlock(s->subject) != 0;
}

static int write_all(scene *s)
{
    const long to[ELEMENTS] = {FIRST + 1, FIRST + 1, FIRST + 1};

    row_want(
        s, furrow_synchronized_write(s->subject, 0, ELEMENTS, to, FURROW_FOREVER) == 0);
    return 0;
}

static int survive_value(scene *s)
{
    long seen[ELEMENTS] = {0};

    if (ground_bury(s, 0) != 0 || add_after_death(s) != 0)
        return 1;
    row_want(s, furrow_synchronized_read(s->subject, 0, ELEMENTS, seen, 0) == 0);
    row_want(s, seen[0] == seen[1] && seen[1] == seen[2]);
    row_want(s, furrow_synchronized_free(s->subject) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS] - 2);
    return 0;
}

static int hold_value(scene *s)
{
    row_want(s, furrow_synchronized_lock(s->subject, FURROW_FOREVER) == 0);
    s->ready = 1;
    (void)row_wait(&s->relief);
    return raise_all(s) || furrow_synchronized_unlock(s->subject) != 0;
}

/* Nobody has died: the one who is stopped is waited for. */
static int visit_value(scene *s)
{
    const long *e = elements(s);

    row_want(s, furrow_synchronized_lock(s->subject, FURROW_FOREVER) == 0);
    row_want(s, e[0] == e[1] && e[1] == e[2]);
    return furrow_synchronized_unlock(s->subject) != 0;
}

static int join(scene *s)
{
    furrow_synchronized *a = furrow_synchronized_new('l', ELEMENTS, NULL);

    row_want(s, furrow_synchronized_free(a) == 0);
    return 0;
}

static int make_value(scene *s)
{
    s->made = furrow_synchronized_new('l', ELEMENTS, NULL);
    row_want(s, s->made != NULL);
    return 0;
}

static int bury_value(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (!s->made)
        return 0;
    row_want(s, furrow_synchronized_lock(s->made, 0) == 0);
    row_want(s, furrow_synchronized_unlock(s->made) == 0);
    row_want(s, furrow_synchronized_free(s->made) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return 0;
}

static int free_value(scene *s)
{
    row_want(s, furrow_synchronized_free(s->subject) == 0);
    return 0;
}

/* It is there as it was, or it is gone. */
static int bury_freed_value(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (furrow_synchronized_get_lock(s->subject))
        row_want(s, furrow_synchronized_free(s->subject) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS] - 2);
    return 0;
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation adding = {.object = "value",
                                 .name = "add",
                                 .set_up = lay_value,
                                 .operate = add,
                                 .survive = survive_value,
                                 .visit = visit_value,
                                 .recover = add_after_death};

static const operation writing = {.object = "value",
                                  .name = "write",
                                  .set_up = lay_value,
                                  .operate = write_all,
                                  .survive = survive_value,
                                  .visit = visit_value};

static const operation making_value = {.object = "value",
                                       .name = "create",
                                       .set_up = ground_lay,
                                       .warm_up = join,
                                       .operate = make_value,
                                       .survive = bury_value,
                                       .visit = ground_sweep,
                                       .recover = ground_sweep};

static const operation freeing_value = {.object = "value",
                                        .name = "free",
                                        .set_up = lay_value,
                                        .warm_up = join,
                                        .operate = free_value,
                                        .survive = bury_freed_value,
                                        .visit = ground_sweep,
                                        .recover = ground_sweep};

static const row rows[] = {
    {.how = &adding, .position = "free"},
    {.how = &adding, .position = "contended", .rival = hold_value},
    {.how = &adding, .position = "free", .deaths = 2},
    {.how = &adding, .position = "free", .deaths = 3},
    {.how = &writing, .position = "free"},
    {.how = &writing, .position = "contended", .rival = hold_value},
    {.how = &making_value, .position = "first", .expect = 2},
    {.how = &making_value, .position = "first", .expect = 2, .deaths = 2},
    {.how = &freeing_value, .position = "only", .expect = -2},
    {.how = &freeing_value, .position = "only", .expect = -2, .deaths = 2},
};

const row_table value_rows = {rows, sizeof rows / sizeof *rows};
