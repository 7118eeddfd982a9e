/* SPDX-License-Identifier: MIT
 *
 * The ground of heap rows (see ground.h).
 */
#include "ground.h"

#include "array.h"
#include "heap.h"
#include "participant.h"
#include "slab.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BYSTANDER = 2000,
    BLOCKS = 160,
    LOOK = 64
}; /* every LOOK-th word is looked at */

void ground_fill(void *block, size_t size)
{
    uint64_t *x = block;

    for (size_t i = 0; i < size / 8; i += LOOK)
        x[i] = i + 1;
}

static int is_pattern(const void *block, size_t size, uint64_t one)
{
    const uint64_t *x = block;

    for (size_t i = 0; i < size / 8; i += LOOK)
        if (x[i] != (i + 1) * one)
            return 0;
    return 1;
}

int ground_holds(const void *block, size_t size)
{
    return is_pattern(block, size, 1);
}

int ground_is_zero(const void *block, size_t size)
{
    return is_pattern(block, size, 0);
}

long ground_blocks(void)
{
    furrow_heap_info info;

    return furrow_heap_describe(&info) == 0 ? (long)info.blocks : -1;
}

int ground_count(scene *s)
{
    s->number[GROUND_BLOCKS] = ground_blocks();
    row_want(s, s->number[GROUND_BLOCKS] >= 0 && furrow_fsck() == 0);
    return 0;
}

/* ---- layouts ----------------------------------------------------------------------*/

typedef struct plan {
    const char *next;
    size_t unit; /* bytes of a block of one unit */
    void *hole[BLOCKS];
    int holes;
} plan;

static size_t unit_of(const row *r)
{
    return r->size >= FW_HEAP_LARGE    ? FW_LARGE_UNIT
           : r->size > FW_SLAB_LARGEST ? FW_SMALL_UNIT
                                       : r->size;
}

/* Take all units that are left behind what was taken, but so many. */
static int lay_rest(scene *s, size_t unit, size_t but)
{
    const fw_segment *heap = fw_segment_get();
    const fw_zone *zone = &heap->zone[unit == FW_LARGE_UNIT];
    size_t most = unit == FW_LARGE_UNIT ? zone->units : FW_HEAP_LARGE / unit - 1;
    char *p = fw_heap_alloc(unit);
    size_t left = 0;

    row_want(s, p != NULL);
    left = zone->units - (size_t)(p - zone->base) / unit - 1 - but;
    while (left > 0) {
        size_t n = left < most ? left : most;

        row_want(s, fw_heap_alloc(n * unit) != NULL);
        left -= n;
    }
    return 0;
}

static int lay_block(scene *s, plan *p, char what)
{
    size_t large = p->unit == FW_LARGE_UNIT ? 2 : 16;
    size_t units = what >= '1' && what <= '9' ? (size_t)(what - '0')
                   : what == 'O'              ? large
                                              : 1;
    size_t size = what == 'S' ? s->row->size : units * p->unit;
    void *block = fw_heap_alloc(size);

    row_want(s, block != NULL);
    if (what == 'S') {
        s->subject = block;
        ground_fill(block, size < FW_HEAP_LARGE ? size : FW_PAGE);
        fw_heap_publish_pair(block, NULL);
    } else if (what == 'O') {
        s->other = block;
    } else if (what != '#' && p->holes < BLOCKS) {
        ground_fill(block, size < FW_HEAP_LARGE ? size : FW_PAGE);
        p->hole[p->holes++] = block;
    }
    return 0;
}

static int lay_all(scene *s, plan *p)
{
    for (; *p->next; p->next++) {
        int rc = *p->next == '=' ? lay_rest(s, p->unit, (size_t)(*++p->next - '0'))
                                 : lay_block(s, p, *p->next);

        if (rc != 0)
            return 1;
    }
    return 0;
}

int ground_lay(scene *s)
{
    furrow_array *bystander = furrow_array_new('Q', BYSTANDER, NULL);
    plan p = {.next = s->row->layout ? s->row->layout : "", .unit = unit_of(s->row)};

    row_want(s, bystander && fw_heap_alloc(64)); /* a page for small things */
    ground_fill(bystander->data, BYSTANDER * 8);
    s->bystander = bystander;
    if (lay_all(s, &p) != 0)
        return 1;
    for (int i = 0; i < p.holes; i++)
        row_want(s, fw_heap_free(p.hole[i]) == 0);
    return ground_count(s);
}

/* ---- use --------------------------------------------------------------------------*/

static int use_size(scene *s, size_t size)
{
    size_t look = size < FW_HEAP_LARGE ? size : FW_PAGE;
    void *p = fw_heap_alloc(size);

    row_want(s, p != NULL && ground_is_zero(p, look));
    ground_fill(p, look);
    row_want(s, fw_heap_free(p) == 0);
    return 0;
}

int ground_use(scene *s)
{
    static const size_t sizes[] = {FW_PAGE, 3 * FW_PAGE, 64,
                                   300,     1024,        2 * FW_LARGE_UNIT};
    const furrow_array *bystander = s->bystander;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (use_size(s, sizes[i]) != 0)
            return 1;
    row_want(s, ground_holds(bystander->data, BYSTANDER * 8));
    return 0;
}

int ground_bury(scene *s, int exact)
{
    long before = s->number[GROUND_BLOCKS], now;

    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    row_want(s, fw_load_relaxed(&fw_segment_get()->heap->pair_object) == 0);
    row_want(s, fw_load_relaxed(&fw_segment_get()->heap->pass_word) == 0);
    now = ground_blocks();
    row_want(s, now == before + s->row->expect || (!exact && now == before));
    if (s->other)
        row_want(s, fw_heap_free(s->other) == 0);
    return ground_use(s);
}

int ground_sweep(scene *s)
{
    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

int ground_has_name(const char *name)
{
    char path[100];
    struct stat status;

    snprintf(path, sizeof path, "/dev/shm/%.63s", name);
    return lstat(path, &status) == 0;
}

int ground_is_alive(void)
{
    const fw_heap *heap = fw_segment_get()->heap;

    for (uint32_t i = 0; i < heap->lines; i++)
        if (fw_load_relaxed(&heap->participant[i].live) &&
            heap->participant[i].pid == fw_participant_pid())
            return 1;
    return 0;
}

int ground_hold_lock(scene *s)
{
    fw_heap *heap = fw_heap_lock();

    row_want(s, heap != NULL);
    s->ready = 1;
    (void)row_wait(&s->relief);
    fw_heap_unlock(heap);
    return 0;
}
