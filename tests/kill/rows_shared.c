/* SPDX-License-Identifier: MIT
 *
 * Rows of shared state: values with a lock, lists, named segments.
 *
 * A value: whoever gets its lock next is told when its holder died with it, and only then may
 * it be half changed. A list: each item is the old or the new one, and nobody is told
 * anything. A segment: what a dead process made or attached is gone, its names are gone, and
 * what it attached stays.
 */
#include "rows.h"

#include "ground.h"
#include "kin.h"
#include "os.h"
#include "shared_list.h"
#include "shared_segment.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ELEMENTS = 3, FIRST = 10 };

/* ---- values with a lock -----------------------------------------------------------*/

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

static int sweep(scene *s)
{
    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

/* ---- lists ------------------------------------------------------------------------*/

enum { ITEMS = 3, ROOM = 104 };

typedef struct exchange {
    size_t index;
    furrow_item old, new;
} exchange;

static const char text_of_104[] =
    "one hundred and four bytes: as many as there is room for in an item of this list, "
    "and not a single one more";
_Static_assert(sizeof text_of_104 > ROOM, "it fills the room");

static const exchange number = {
    0, {FURROW_INT, {1}, NULL, 0}, {FURROW_INT, {-1}, NULL, 0}};
static const exchange grows = {
    1, {FURROW_INT, {1}, NULL, 0}, {FURROW_BYTES, {0}, text_of_104, ROOM}};
static const exchange shrinks = {
    ITEMS - 1, {FURROW_BYTES, {0}, text_of_104, ROOM}, {FURROW_TEXT, {0}, "s", 1}};
static const exchange empties = {
    0, {FURROW_TEXT, {0}, "twelve bytes", 12}, {FURROW_BYTES, {0}, "", 0}};
static const exchange eight = {
    1, {FURROW_BYTES, {0}, "12345678", 8}, {FURROW_BYTES, {0}, "87654321", 8}};

static const furrow_item other = {FURROW_TEXT, {0}, "of the recoverer", 16};

static int lay_list(scene *s)
{
    const exchange *x = s->row->script;
    furrow_item items[ITEMS] = {{FURROW_NONE, {0}, NULL, 0}};
    furrow_list_options o = {.room = ROOM};

    if (ground_lay(s) != 0)
        return 1;
    items[x->index] = x->old;
    s->subject = furrow_list_new(items, ITEMS, &o);
    row_want(s, s->subject != NULL);
    watch_add(s->subject,
              sizeof(furrow_list) + ITEMS * (sizeof(fw_list_slot) + 2 * (size_t)ROOM));
    return ground_count(s);
}

static int holds(const scene *s, size_t index, const furrow_item *item)
{
    char buffer[ROOM];
    furrow_item there;

    if (furrow_list_get(s->subject, index, &there, buffer, sizeof buffer) != 0 ||
        there.kind != item->kind)
        return 0;
    if (item->kind == FURROW_INT)
        return there.integer == item->integer;
    return there.size == item->size &&
           (item->size == 0 || memcmp(there.data, item->data, item->size) == 0);
}

static int set_item(scene *s)
{
    const exchange *x = s->row->script;

    row_want(s, furrow_list_set(s->subject, x->index, &x->new) == 0);
    return 0;
}

static int is_set(scene *s)
{
    const exchange *x = s->row->script;

    row_want(s, holds(s, x->index, &x->new) || holds(s, x->index, &other));
    return 0;
}

static int set_other(scene *s)
{
    const exchange *x = s->row->script;

    row_want(s, furrow_list_set(s->subject, x->index, &other) == 0);
    return 0;
}

static int is_one_of_them(scene *s)
{
    const exchange *x = s->row->script;
    int hers = s->row->deaths > 1 || s->row->rival;

    row_want(s, holds(s, x->index, &x->old) || holds(s, x->index, &x->new) ||
                    (hers && holds(s, x->index, &other)));
    for (size_t i = 0; i < ITEMS; i++)
        row_want(s, i == x->index || holds(s, i, &(furrow_item){.kind = FURROW_NONE}));
    return 0;
}

static int survive_list(scene *s)
{
    const exchange *x = s->row->script;

    if (ground_bury(s, 0) != 0 || is_one_of_them(s) != 0)
        return 1;
    row_want(s, furrow_list_set(s->subject, x->index, &x->new) == 0);
    row_want(s, holds(s, x->index, &x->new));
    row_want(s, furrow_list_set(s->subject, x->index, &x->old) == 0);
    row_want(s, holds(s, x->index, &x->old));
    row_want(s, furrow_list_free(s->subject) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS] - 1);
    return 0;
}

/* Who reads waits for nobody. */
static int visit_list(scene *s)
{
    return is_one_of_them(s);
}

static int set_beside(scene *s)
{
    s->ready = 1;
    for (int i = 0; i < 300; i++)
        if (set_other(s) != 0)
            return 1;
    return 0;
}

static int make_list(scene *s)
{
    furrow_item items[ITEMS] = {{FURROW_NONE, {0}, NULL, 0}};

    s->made = furrow_list_new(items, ITEMS, NULL);
    row_want(s, s->made != NULL);
    return 0;
}

static int join_by_list(scene *s)
{
    if (make_list(s) != 0)
        return 1;
    row_want(s, furrow_list_free(s->made) == 0);
    s->made = NULL;
    return 0;
}

static int bury_list(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (!s->made)
        return 0; /* published, and killed before anybody was told where */
    row_want(s, furrow_list_free(s->made) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return 0;
}

static int free_list(scene *s)
{
    row_want(s, furrow_list_free(s->subject) == 0);
    return 0;
}

static int bury_freed_list(scene *s)
{
    if (ground_bury(s, 0) != 0)
        return 1;
    if (furrow_list_len(s->subject) >= 0)
        row_want(s, furrow_list_free(s->subject) == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS] - 1);
    return 0;
}

/* ---- segments ---------------------------------------------------------------------*/

static int lay_name(scene *s)
{
    snprintf(s->object, 64, "furrow-kill-%05d-%05d", (int)kin_first(), (int)getpid());
    return ground_lay(s);
}

static int is_named(const scene *s)
{
    char path[100];
    struct stat status;

    snprintf(path, sizeof path, "/dev/shm/%.63s", s->object);
    return lstat(path, &status) == 0;
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
    row_want(s, !is_named(s));
    if (make_segment(s) != 0)
        return 1;
    row_want(s, furrow_segment_free(s->made) == 0 && !is_named(s));
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
    return sweep(s) || ground_use(s);
}

static int lay_attached(scene *s)
{
    if (lay_name(s) != 0 || make_segment(s) != 0)
        return 1;
    s->made = NULL;
    return ground_count(s);
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

/* ---- tables -----------------------------------------------------------------------*/

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
                                       .visit = sweep,
                                       .recover = sweep};

static const operation freeing_value = {.object = "value",
                                        .name = "free",
                                        .set_up = lay_value,
                                        .warm_up = join,
                                        .operate = free_value,
                                        .survive = bury_freed_value,
                                        .visit = sweep,
                                        .recover = sweep};

static const operation setting = {.object = "list",
                                  .name = "set",
                                  .set_up = lay_list,
                                  .operate = set_item,
                                  .finish = is_set,
                                  .survive = survive_list,
                                  .visit = visit_list,
                                  .recover = set_other};

static const operation making_list = {.object = "list",
                                      .name = "create",
                                      .set_up = ground_lay,
                                      .warm_up = join_by_list,
                                      .operate = make_list,
                                      .survive = bury_list,
                                      .visit = sweep};

static const operation freeing_list = {.object = "list",
                                       .name = "free",
                                       .set_up = lay_list,
                                       .warm_up = join_by_list,
                                       .operate = free_list,
                                       .survive = bury_freed_list,
                                       .visit = sweep};

static const operation creating = {.object = "segment",
                                   .name = "create",
                                   .set_up = lay_name,
                                   .warm_up = guard,
                                   .operate = make_segment,
                                   .survive = bury_segment,
                                   .visit = visit_segment,
                                   .recover = sweep};

static const operation unlinking = {.object = "segment",
                                    .name = "unlink",
                                    .set_up = lay_name,
                                    .warm_up = make_segment_before,
                                    .operate = unlink_segment,
                                    .survive = bury_segment,
                                    .visit = visit_segment,
                                    .recover = sweep};

static const operation freeing_segment = {.object = "segment",
                                          .name = "free",
                                          .set_up = lay_name,
                                          .warm_up = make_segment_before,
                                          .operate = free_segment,
                                          .survive = bury_segment,
                                          .visit = visit_segment,
                                          .recover = sweep};

static const operation attaching = {.object = "segment",
                                    .name = "attach",
                                    .set_up = lay_attached,
                                    .warm_up = join,
                                    .operate = attach,
                                    .survive = bury_attached,
                                    .visit = visit_segment,
                                    .recover = sweep};

static const operation detaching = {.object = "segment",
                                    .name = "detach",
                                    .set_up = lay_attached,
                                    .warm_up = attach_before,
                                    .operate = free_segment,
                                    .survive = bury_attached,
                                    .visit = visit_segment};

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
    {.how = &setting, .position = "number", .script = &number},
    {.how = &setting, .position = "grows_to_its_room", .script = &grows},
    {.how = &setting, .position = "shrinks_at_the_end", .script = &shrinks},
    {.how = &setting, .position = "empties", .script = &empties},
    {.how = &setting, .position = "exactly_a_word", .script = &eight},
    {.how = &setting, .position = "contended", .script = &grows, .rival = set_beside},
    {.how = &setting, .position = "grows_to_its_room", .script = &grows, .deaths = 2},
    {.how = &setting, .position = "number", .script = &number, .deaths = 3},
    {.how = &making_list, .position = "first", .expect = 1},
    {.how = &freeing_list, .position = "only", .script = &number, .expect = -1},
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

const row_table shared_rows = {rows, sizeof rows / sizeof *rows};
