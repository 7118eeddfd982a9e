/* SPDX-License-Identifier: MIT
 *
 * Rows of lists: each item is the old or the new one, and nobody is told anything.
 */
#include "rows.h"

#include "ground.h"
#include "shared_list.h"
#include "watch.h"

#include <string.h>

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

/* ---- rows -------------------------------------------------------------------------*/

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
                                      .visit = ground_sweep,
                                      .recover = ground_sweep};

static const operation freeing_list = {.object = "list",
                                       .name = "free",
                                       .set_up = lay_list,
                                       .warm_up = join_by_list,
                                       .operate = free_list,
                                       .survive = bury_freed_list,
                                       .visit = ground_sweep,
                                       .recover = ground_sweep};

static const row rows[] = {
    {.how = &setting, .position = "number", .script = &number},
    {.how = &setting, .position = "grows_to_its_room", .script = &grows},
    {.how = &setting, .position = "shrinks_at_the_end", .script = &shrinks},
    {.how = &setting, .position = "empties", .script = &empties},
    {.how = &setting, .position = "exactly_a_word", .script = &eight},
    {.how = &setting, .position = "contended", .script = &grows, .rival = set_beside},
    {.how = &setting, .position = "grows_to_its_room", .script = &grows, .deaths = 2},
    {.how = &setting, .position = "number", .script = &number, .deaths = 3},
    {.how = &making_list, .position = "first", .expect = 1},
    {.how = &making_list, .position = "first", .expect = 1, .deaths = 2, .points = 8},
    {.how = &freeing_list, .position = "only", .script = &number, .expect = -1},
    {.how = &freeing_list,
     .position = "only",
     .script = &number,
     .expect = -1,
     .deaths = 2,
     .points = 8},
};

const row_table list_rows = {rows, sizeof rows / sizeof *rows};
