/* SPDX-License-Identifier: MIT
 *
 * The heap.
 *
 * All changes are made under the heap's robust lock, and every change of state is one
 * 64-bit store to the first unit's word of a run (or one 16-bit store to a slot's owner in
 * a slab page). So the tiling of each zone by runs is whole between any two instructions,
 * and whoever gets the lock after a dead holder has nothing to repair but hints:
 *
 *   allocate  the word of the rest {FREE, len - n} is written first, inside a run that is
 *             still free as a whole; then {RUN, me, n} cuts it. Killed between: nothing
 *             happened. After: the block is the dead one's and is swept.
 *   publish   {RUN, 0, n}: from now on the block is reclaimed by nobody but free().
 *   free      {RUN, me, n}, then the memory is given back without the lock, then {FREE, n}.
 *             Killed between: the sweep finishes it. Without patience for the second time of
 *             the lock: later.
 *   merge     {FREE, n + m} over two neighbours, by whoever walks past them.
 *
 *   pair      an object and its block change owner as one, and
 *   pass      so do a block and a word somewhere else (owner.c).
 *
 * Hints (where free runs begin, which page has free slots) may be behind the truth, never
 * inside a run: a merge swallows a unit only when it walked over its left neighbour, and
 * `first` is moved back before that. They are reset after a death.
 *
 * A holder that is stopped (SIGSTOP, a debugger) is not dead: it is waited for and never
 * robbed. Who has something better to do says until when it waits (fw_heap_patience).
 *
 * Whether there is memory for a block is for the ledger to say (ledger.c).
 */
#include "heap.h"

#include "ledger.h"
#include "names.h"
#include "owner.h"
#include "participant.h"
#include "slab.h"
#include "status.h"
#include "unit.h"

#include <string.h>

/* ---- the lock, and what its dead holder left ------------------------------------------*/

static void repair(const fw_segment *s)
{
    memset(s->heap->hint, 0, sizeof s->heap->hint);
    memset(s->heap->slab_hint, 0, sizeof s->heap->slab_hint);
    fw_owner_repair(s);
}

static _Thread_local furrow_deadline patience = FURROW_FOREVER;

furrow_deadline fw_heap_patience(furrow_deadline until)
{
    furrow_deadline before = patience;

    patience = until;
    return before;
}

fw_heap *fw_heap_lock(void)
{
    const fw_segment *s = fw_segment_get();
    int rc;

    if (!s)
        return NULL;
    rc = fw_lock_lock(&s->heap->lock, patience);
    if (rc == FURROW_ETIME)
        fw_fail(rc, "another process holds the heap's lock and does not go on: is it "
                    "stopped?");
    if (rc < 0)
        return NULL;
    if (rc == FURROW_OWNERDIED)
        repair(s);
    return s->heap;
}

void fw_heap_unlock(fw_heap *heap)
{
    fw_lock_unlock(&heap->lock);
}

int fw_heap_check_room(size_t bytes)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = fw_ledger_check(fw_segment_get(), bytes);
    fw_heap_unlock(heap);
    return rc;
}

/* ---- the dead -----------------------------------------------------------------------*/

/* Give the memory back, and the rule where it is to be taken. The window has none. Returns
 * 0, with nothing done, when the length of the run cannot be true. */
static int give_back(const fw_segment *s, int z, size_t u)
{
    const fw_zone *zone = &s->zone[z];
    uint64_t word = fw_unit_load(zone, u);
    size_t size = fw_unit_whole(zone, u) * zone->unit;

    if (size == 0)
        return 0;
    if (fw_unit_flags(word) & FW_UNIT_PLACED)
        (void)fw_os_numa_reset(zone->base + u * zone->unit, size);
    if (z != FW_ZONE_WINDOW && fw_os_punch(zone->base + u * zone->unit, size) != 0)
        memset(zone->base + u * zone->unit, 0, size);
    return 1;
}

/* Everything that the dead participant owned. Killed in here: the next sweep goes on, for
 * the line is freed last. */
static void sweep_one(const fw_segment *s, int line)
{
    for (int z = 0; z < FW_ZONES; z++) {
        const fw_zone *zone = &s->zone[z];
        size_t length;

        for (size_t u = 0; u < zone->units; u += length) {
            uint64_t word = fw_unit_load(zone, u);

            length = fw_unit_step(zone, u);
            if (fw_unit_state(word) == FW_UNIT_SLAB) {
                fw_slab_sweep(s, u, line + 1);
            } else if (fw_unit_state(word) == FW_UNIT_RUN &&
                       fw_unit_owner(word) == line + 1) {
                if (give_back(s, z, u))
                    fw_unit_release(zone, &s->heap->hint[z], u);
            }
        }
    }
    fw_store_release(&s->heap->participant[line].live, 0);
}

/* Returns how many processes were reclaimed. */
static int sweep(const fw_segment *s)
{
    int found = 0;

    for (uint32_t i = 0; i < s->heap->lines && i < FW_PARTICIPANTS; i++) {
        fw_participant *p = &s->heap->participant[i];

        if (fw_load_relaxed(&p->live) && fw_participant_gone(p)) {
            sweep_one(s, (int)i);
            found++;
        }
    }
    return found;
}

int fw_heap_sweep(void)
{
    fw_heap *heap;

    if (!fw_segment_peek())
        return 0;
    heap = fw_heap_lock();
    if (!heap)
        return furrow_last_error()->code;
    (void)sweep(fw_segment_peek());
    fw_names_sweep(heap);
    fw_heap_unlock(heap);
    return 0;
}

/* ---- runs ---------------------------------------------------------------------------*/

static void *alloc_run(const fw_segment *s, int z, size_t size, int owner)
{
    const fw_zone *zone = &s->zone[z];
    size_t units = (size + zone->unit - 1) / zone->unit;
    size_t at = fw_unit_take(zone, &s->heap->hint[z], units, owner + 1);

    if (at == FW_UNIT_NONE) {
        fw_fail(FURROW_ENOMEM, "the heap of %zu MiB has no room for a block of %zu MiB",
                s->size >> 20, size >> 20);
        return NULL;
    }
    return zone->base + at * zone->unit;
}

/* This process's line. A program without a pool, hence without anybody who sweeps, may
 * have had any number of children that are gone; likewise when memory is short. */
static int self(const fw_segment *s)
{
    furrow_error before = *furrow_last_error();
    int line = fw_participant_self(s->heap);

    if (line < 0 && sweep(s) > 0) {
        line = fw_participant_self(s->heap);
        if (line >= 0)
            (void)fw_status_adopt(&before);
    }
    return line;
}

/* In the zone of that size, or in the window. Runs that were given back read as zeros; slots
 * do not. */
static void *alloc_as(const fw_segment *s, int window, size_t size, int owner)
{
    if (owner < 0)
        return NULL;
    if (window)
        return alloc_run(s, FW_ZONE_WINDOW, size, owner);
    if (size >= FW_HEAP_LARGE)
        return fw_ledger_check(s, size) < 0 ? NULL
                                            : alloc_run(s, FW_ZONE_LARGE, size, owner);
    if (fw_ledger_check_small(s, size) < 0)
        return NULL;
    return size <= FW_SLAB_LARGEST ? fw_slab_alloc(s, size, owner)
                                   : alloc_run(s, FW_ZONE_SMALL, size, owner);
}

static void *alloc_locked(const fw_segment *s, int window, size_t size)
{
    furrow_error before = *furrow_last_error();
    void *p = alloc_as(s, window, size, self(s));

    if (!p && sweep(s) > 0) {
        p = alloc_as(s, window, size, self(s));
        if (p)
            (void)fw_status_adopt(&before);
    }
    return p;
}

void *fw_heap_alloc(size_t size)
{
    fw_heap *heap = fw_heap_lock();
    void *p;

    if (!heap)
        return NULL;
    if (size > fw_segment_get()->size) {
        fw_fail(FURROW_ENOMEM, "%zu bytes are more than the heap's %zu MiB", size,
                fw_segment_get()->size >> 20);
        p = NULL;
    } else {
        p = alloc_locked(fw_segment_get(), 0, size);
    }
    fw_heap_unlock(heap);
    if (p && size <= FW_SLAB_LARGEST)
        memset(p, 0, size);
    return p;
}

void *fw_heap_window(size_t size)
{
    fw_heap *heap = fw_heap_lock();
    void *p;

    if (!heap)
        return NULL;
    p = alloc_locked(fw_segment_get(), 1, size);
    fw_heap_unlock(heap);
    return p;
}

int fw_heap_publish_pair(void *object, void *block)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = fw_owner_set_pair(fw_segment_get(), object, block, 0);
    fw_heap_unlock(heap);
    return rc;
}

int fw_heap_pass(const fw_pass *p, int to)
{
    fw_heap *heap = fw_heap_lock();
    const fw_segment *s = fw_segment_peek();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = to == FW_HEAP_TO_ME ? self(s) + 1 : 0;
    if (rc >= 0)
        rc = fw_owner_pass(s, p, rc);
    fw_heap_unlock(heap);
    return rc;
}

int fw_heap_swap(_Atomic uint64_t *word, uint64_t expected, uint64_t desired)
{
    fw_heap *heap = fw_heap_lock();
    int rc = 0;

    if (!heap)
        return furrow_last_error()->code;
    if (!fw_cas_seqcst(word, &expected, desired))
        rc = fw_fail(FURROW_EBUSY, "the word at %p has changed", (void *)word);
    fw_heap_unlock(heap);
    return rc;
}

static int free_run(const fw_segment *s, int z, size_t u)
{
    fw_heap *heap;

    /* Without the lock: ours, and nobody else's business. */
    if (!give_back(s, z, u))
        return fw_fail(
            FURROW_ECORRUPT,
            "the heap is overwritten: zone %d, the length of the run at unit "
            "%zu",
            z, u);
    heap = fw_heap_lock();
    if (!heap)
        return furrow_last_error()->code;
    fw_unit_release(&s->zone[z], &heap->hint[z], u);
    fw_heap_unlock(heap);
    return 0;
}

/* The block is ours and unpublished: take it apart. FURROW_ETIME: still ours, and part of
 * its memory may be gone. */
static int free_own(const fw_segment *s, void *block)
{
    int z = fw_unit_zone(s, block);
    size_t u = fw_unit_at(&s->zone[z], block);
    fw_heap *heap;

    if (u != FW_UNIT_NONE)
        return free_run(s, z, u);
    heap = fw_heap_lock();
    if (!heap)
        return furrow_last_error()->code;
    fw_slab_free(s, block);
    fw_heap_unlock(heap);
    return 0;
}

/* ---- freed, but for the lock ----------------------------------------------------------*/

/* A block that was made ours to be freed when the patience was over: nobody else's business
 * any more. It is freed when we free something again, or swept when we end. The list goes
 * through the blocks themselves, and begins in a page that a fork wipes: what is ours is
 * not our child's. A piece of the window has no memory for that, and is left to the sweep. */
static void *_Atomic late_page;

void fw_heap_free_later(void *block)
{
    void *_Atomic *head;
    void *page, *first;

    if (fw_unit_zone(fw_segment_peek(), block) == FW_ZONE_WINDOW)
        return;
    if (fw_os_page_wiped_on_fork(&late_page, &page) < 0)
        return;
    head = page;
    first = fw_load_relaxed(head);
    do
        memcpy(block, &first, sizeof first);
    while (!fw_cas_seqcst(head, &first, block));
}

/* At once, or later. */
static int free_soon(const fw_segment *s, void *block)
{
    int rc = free_own(s, block);

    if (rc != FURROW_ETIME)
        return rc;
    fw_heap_free_later(block);
    return 0;
}

static void free_the_late(const fw_segment *s)
{
    void *_Atomic *head = fw_load_acquire(&late_page);
    void *block = head && fw_load_relaxed(head) ? fw_swap_seqcst(head, NULL) : NULL;

    while (block) {
        void *next;

        memcpy(&next, block, sizeof next);
        (void)free_soon(s, block);
        block = next;
    }
}

int fw_heap_free_pair(void *object, void *block)
{
    fw_heap *heap = fw_heap_lock();
    const fw_segment *s = fw_segment_peek();
    int rc, too = 0;

    if (!heap)
        return furrow_last_error()->code;
    rc = self(s);
    if (rc >= 0)
        rc = fw_owner_set_pair(s, object, block, rc + 1);
    fw_heap_unlock(heap);
    if (rc < 0)
        return rc;
    if (block)
        too = free_soon(s, block);
    rc = free_soon(s, object);
    free_the_late(s);
    return rc < 0 ? rc : too;
}

int fw_heap_free(void *block)
{
    return fw_heap_free_pair(block, NULL);
}

/* ---- what it is ---------------------------------------------------------------------*/

static void count_zone(const fw_segment *s, int z, furrow_heap_info *info)
{
    const fw_zone *zone = &s->zone[z];
    size_t length;

    for (size_t u = 0; u < zone->units; u += length) {
        uint64_t word = fw_unit_load(zone, u);

        length = fw_unit_step(zone, u);
        if (fw_unit_state(word) == FW_UNIT_FREE)
            continue;
        *(z == FW_ZONE_SMALL ? &info->small_used : &info->large_used) +=
            length * zone->unit;
        info->blocks += fw_unit_state(word) == FW_UNIT_SLAB ? fw_slab_used(s, u) : 1;
    }
}

int furrow_heap_describe(furrow_heap_info *info)
{
    fw_heap *heap;
    const fw_segment *s;

    if (!info)
        return fw_fail_null("info");
    heap = fw_heap_lock();
    if (!heap)
        return fw_status_in(__func__, furrow_last_error()->code);
    s = fw_segment_get();
    *info = (furrow_heap_info){.base = s->base,
                               .size = s->size,
                               .wanted = s->wanted,
                               .huge = (unsigned)fw_os_shm_huge()};
    count_zone(s, FW_ZONE_SMALL, info);
    count_zone(s, FW_ZONE_LARGE, info);
    info->promised = fw_ledger_promised(s);
    fw_heap_unlock(heap);
    return 0;
}
