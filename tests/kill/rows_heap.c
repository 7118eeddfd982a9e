/* SPDX-License-Identifier: MIT
 *
 * Rows of the heap.
 */
#include "rows.h"

#include "heap.h"

static int heap_is_there(scene *s)
{
    row_want(s, fw_segment_get() != NULL);
    return 0;
}

static int allocate(scene *s)
{
    s->made = fw_heap_alloc(300);
    return s->made == NULL;
}

static int use(scene *s)
{
    void *p;

    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    p = fw_heap_alloc(300);
    row_want(s, p && *(char *)p == 0);
    row_want(s, fw_heap_free(p) == 0);
    return 0;
}

static const row rows[] = {
    {.object = "heap",
     .operation = "allocate",
     .position = "first",
     .set_up = heap_is_there,
     .operate = allocate,
     .survive = use,
     .visit = use},
};

const row_table heap_rows = {rows, sizeof rows / sizeof *rows};
