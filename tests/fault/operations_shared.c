/* SPDX-License-Identifier: MIT
 *
 * Operations on shared state: segments made, attached, unlinked and freed; managers; values
 * with a lock; lists. end[0] is a segment of world's name, end[1] another one, end[2] the
 * object of another kind, which world_end() frees as `kind` says.
 */
#include "operations.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 10000 };
static enum { NO_OBJECT, MANAGER, VALUE, LIST } kind;

static int last(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int nothing(world *w)
{
    (void)w;
    return 0;
}

static int need_heap(world *w)
{
    furrow_heap_info info;

    (void)w;
    return furrow_heap_describe(&info);
}

/* ---- segments -----------------------------------------------------------------------*/

static int run_create(world *w)
{
    w->end[0] = furrow_segment_new(w->name, BYTES, NULL);
    return last(w->end[0]);
}

static int run_create_unnamed(world *w)
{
    w->end[0] = furrow_segment_new(NULL, BYTES, NULL);
    return last(w->end[0]);
}

static int is_seen_by_another(world *w)
{
    furrow_segment *other = furrow_segment_attach(furrow_segment_name(w->end[0]));
    char *here = furrow_segment_data(w->end[0]), *there = furrow_segment_data(other);
    int rc = !there || there[BYTES - 1] != 0;

    here[BYTES - 1] = 7;
    rc = rc || there[BYTES - 1] != 7 || furrow_segment_size(other) != BYTES;
    return furrow_segment_free(other) != 0 || rc ? -1 : 0;
}

static int run_attach(world *w)
{
    w->end[1] = furrow_segment_attach(w->name);
    return last(w->end[1]);
}

static int is_attached(world *w)
{
    *(char *)furrow_segment_data(w->end[0]) = 3;
    return *(char *)furrow_segment_data(w->end[1]) == 3 ? 0 : -1;
}

static int need_attached(world *w)
{
    return run_create(w) < 0 ? -1 : run_attach(w);
}

static int run_detach(world *w)
{
    int rc = furrow_segment_free(w->end[1]);

    w->end[1] = NULL;
    return rc;
}

static int run_unlink(world *w)
{
    return furrow_segment_unlink(w->end[0]);
}

static int run_free(world *w)
{
    int rc = furrow_segment_free(w->end[0]);

    w->end[0] = NULL;
    return rc;
}

/* A name that could not be unlinked goes when a next one is made, at the latest. */
static int is_gone(world *w)
{
    char path[96] = "/dev/shm";

    strcat(path, w->name);
    if (w->end[0] && run_free(w) < 0)
        return -1;
    return run_create(w) < 0 || run_free(w) < 0 || access(path, F_OK) == 0 ? -1 : 0;
}

/* ---- managers -----------------------------------------------------------------------*/

static int need_manager(world *w)
{
    w->end[2] = furrow_segments_open();
    kind = MANAGER;
    return last(w->end[2]);
}

static int run_make_two(world *w)
{
    const furrow_item item = furrow_item_int(5);

    if (!furrow_segments_new(w->end[2], BYTES))
        return last(NULL);
    return last(furrow_segments_pylist(w->end[2], &item, 1));
}

static int has_two(world *w)
{
    return furrow_segments_count(w->end[2]) == 2 ? 0 : -1;
}

static int need_two(world *w)
{
    return need_manager(w) < 0 ? -1 : run_make_two(w);
}

static int run_close(world *w)
{
    int rc = furrow_segments_close(w->end[2]);

    w->end[2] = NULL;
    return rc;
}

/* ---- values and lists ---------------------------------------------------------------*/

static int run_value(world *w)
{
    const double from[2] = {1.5, 2.5};
    furrow_synchronized_options o = {.from = from};

    kind = VALUE;
    w->end[2] = furrow_synchronized_new('d', 2, &o);
    return last(w->end[2]);
}

static int is_value(world *w)
{
    double x = 0;

    return furrow_synchronized_read(w->end[2], 1, 1, &x, 0) || x != 2.5 ? -1 : 0;
}

static int run_list(world *w)
{
    const furrow_item items[] = {furrow_item_text("one"), furrow_item_int(2)};

    kind = LIST;
    w->end[2] = furrow_list_new(items, 2, NULL);
    return last(w->end[2]);
}

static int run_set(world *w)
{
    const furrow_item item = furrow_item_bytes("\0b\0", 3);

    return furrow_list_set(w->end[2], 0, &item);
}

static int is_list(world *w)
{
    furrow_item item;

    return furrow_list_get(w->end[2], 1, &item, NULL, 0) || item.integer != 2 ? -1 : 0;
}

static const operation list[] = {
    {"segment-create", need_heap, run_create, is_seen_by_another},
    {"segment-create-unnamed", need_heap, run_create_unnamed, is_seen_by_another},
    {"segment-attach", run_create, run_attach, is_attached},
    {"segment-detach", need_attached, run_detach, is_seen_by_another},
    {"segment-unlink", run_create, run_unlink, is_gone},
    {"segment-free", run_create, run_free, is_gone},
    {"segments-new", need_manager, run_make_two, has_two},
    {"segments-close", need_two, run_close, nothing},
    {"value-create", need_heap, run_value, is_value},
    {"list-create", need_heap, run_list, is_list},
    {"list-set", run_list, run_set, is_list},
};

const operation_table operations = {.operation = list,
                                    .count = sizeof list / sizeof *list};

/* ---- the world ----------------------------------------------------------------------*/

int world_end(world *w)
{
    int rc = furrow_segment_free(w->end[1]);

    rc = furrow_segment_free(w->end[0]) ? -1 : rc;
    if (kind == MANAGER)
        rc = furrow_segments_close(w->end[2]) ? -1 : rc;
    else if (kind == VALUE)
        rc = furrow_synchronized_free(w->end[2]) ? -1 : rc;
    else if (kind == LIST)
        rc = furrow_list_free(w->end[2]) ? -1 : rc;
    memset(w->end, 0, sizeof w->end);
    kind = NO_OBJECT;
    return rc;
}

int world_use_library(void)
{
    world w = {0};
    int rc = run_create_unnamed(&w) < 0 || is_seen_by_another(&w) < 0 ||
             need_two(&w) < 0 || has_two(&w) < 0;

    return world_end(&w) < 0 || rc ? -1 : 0;
}
