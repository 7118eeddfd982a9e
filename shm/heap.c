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
 *             Killed between: the sweep finishes it.
 *   merge     {FREE, n + m} over two neighbours, by whoever walks past them.
 *
 *   pair      an object and its block change owner as one: {object, block} is noted in the
 *             superblock, the object's owner is changed (that commits), then the block's.
 *             After a death, the next holder lets the block follow the object.
 *
 * Hints (where free runs begin, which page has free slots) may be behind the truth, never
 * inside a run: a merge swallows a unit only when it walked over its left neighbour, and
 * `first` is moved back before that. They are reset after a death.
 *
 * A holder that is stopped (SIGSTOP, a debugger) is not dead: it is waited for and never
 * robbed. Who has something better to do says until when it waits (fw_heap_patience).
 *
 * The ledger: what large blocks promise and have not taken yet must fit into what the
 * machine and the cgroups can still give. Only then may pages be taken: posix_fallocate and
 * populate beyond free memory are answered by the OOM killer, not by an error.
 */
#include "heap.h"

#include "headroom.h"
#include "names.h"
#include "participant.h"
#include "slab.h"
#include "status.h"
#include "unit.h"

#include <string.h>

/* The owner of the block at p (0: published), or -1 when there is none. */
static int owner_of(const fw_segment *s, const void *p)
{
    int z = fw_unit_zone(s, p);
    size_t u = z < 0 ? FW_UNIT_NONE : fw_unit_at(&s->zone[z], p);

    if (u != FW_UNIT_NONE)
        return fw_unit_owner(fw_unit_load(&s->zone[z], u));
    return z == FW_ZONE_SMALL ? fw_slab_owner(s, p) : -1;
}

/* Set the owner of the block at p: 0 publishes it. */
static int own(const fw_segment *s, void *p, int owner)
{
    int z = fw_unit_zone(s, p);
    size_t u;

    if (z < 0)
        return fw_fail(FURROW_EINVAL, "%p is not in the heap", p);
    u = fw_unit_at(&s->zone[z], p);
    if (u != FW_UNIT_NONE) {
        fw_unit_store(&s->zone[z], u,
                      fw_unit_with_owner(fw_unit_load(&s->zone[z], u), owner));
        return 0;
    }
    if (z == FW_ZONE_SMALL && fw_slab_own(s, p, owner) == 0)
        return 0;
    return fw_fail(FURROW_EINVAL, "no block of the heap begins at %p", p);
}

/* ---- the lock, and what its dead holder left ------------------------------------------*/

static int own_pair(const fw_segment *s, void *object, void *block, int owner)
{
    int rc;

    s->heap->pair_block = (uint64_t)(uintptr_t)block;
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, (uint64_t)(uintptr_t)object);
    rc = own(s, object, owner);
    if (rc == 0 && block)
        rc = own(s, block, owner);
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, 0);
    return rc;
}

static void repair(const fw_segment *s)
{
    void *object = (void *)(uintptr_t)fw_load_acquire(&s->heap->pair_object);
    void *block = (void *)(uintptr_t)s->heap->pair_block;

    memset(s->heap->hint, 0, sizeof s->heap->hint);
    memset(s->heap->slab_hint, 0, sizeof s->heap->slab_hint);
    if (object && block && owner_of(s, object) >= 0)
        (void)own(s, block, owner_of(s, object));
    fw_store_release(&s->heap->pair_object, 0);
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

/* ---- the ledger ---------------------------------------------------------------------*/

/* Bytes of large blocks that are promised and not known to be taken. With `look`, ask the
 * kernel which pages are there and note the blocks that are complete. */
static size_t promised(const fw_zone *zone, int look)
{
    size_t bytes = 0, length;

    for (size_t u = 0; u < zone->units; u += length) {
        uint64_t word = fw_unit_load(zone, u);
        size_t size, there;

        length = fw_unit_step(zone, u);
        if (fw_unit_state(word) != FW_UNIT_RUN || fw_unit_flags(word) & FW_UNIT_TAKEN)
            continue;
        size = length * zone->unit;
        there = look ? fw_os_resident(zone->base + u * zone->unit, size) : 0;
        if (there == size)
            fw_unit_store(zone, u, fw_unit_with_flags(word, FW_UNIT_TAKEN));
        bytes += size - there;
    }
    return bytes;
}

static int check_room(const fw_segment *s, size_t bytes)
{
    const fw_zone *zone = &s->zone[FW_ZONE_LARGE];
    uint64_t room = fw_headroom_bytes("");
    size_t before = promised(zone, 0);

    if (bytes <= room && before <= room - bytes)
        return 0;
    before = promised(zone, 1);
    if (bytes <= room && before <= room - bytes)
        return 0;
    return fw_fail(
        FURROW_ENOMEM,
        "%zu MiB are wanted, %llu MiB can be had, of which %zu MiB are promised "
        "to other arrays",
        bytes >> 20, (unsigned long long)(room >> 20), before >> 20);
}

int fw_heap_check_room(size_t bytes)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = check_room(fw_segment_get(), bytes);
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

/* Runs that were given back read as zeros; slots do not. */
static void *alloc_as(const fw_segment *s, size_t size, int owner)
{
    if (owner < 0)
        return NULL;
    if (size <= FW_SLAB_LARGEST)
        return fw_slab_alloc(s, size, owner);
    if (size < FW_HEAP_LARGE)
        return alloc_run(s, FW_ZONE_SMALL, size, owner);
    if (check_room(s, size) < 0)
        return NULL;
    return alloc_run(s, FW_ZONE_LARGE, size, owner);
}

static void *alloc_locked(const fw_segment *s, size_t size)
{
    furrow_error before = *furrow_last_error();
    void *p = alloc_as(s, size, self(s));

    if (!p && sweep(s) > 0) {
        p = alloc_as(s, size, self(s));
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
        p = alloc_locked(fw_segment_get(), size);
    }
    fw_heap_unlock(heap);
    if (p && size <= FW_SLAB_LARGEST)
        memset(p, 0, size);
    return p;
}

void *fw_heap_window(size_t size)
{
    fw_heap *heap = fw_heap_lock();
    void *p = NULL;
    int owner;

    if (!heap)
        return NULL;
    owner = self(fw_segment_get());
    if (owner >= 0)
        p = alloc_run(fw_segment_get(), FW_ZONE_WINDOW, size, owner);
    fw_heap_unlock(heap);
    return p;
}

int fw_heap_publish_pair(void *object, void *block)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = own_pair(fw_segment_get(), object, block, 0);
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

/* The block is ours and unpublished: take it apart. */
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

int fw_heap_free_pair(void *object, void *block)
{
    fw_heap *heap = fw_heap_lock();
    const fw_segment *s = fw_segment_peek();
    int rc;

    if (!heap)
        return furrow_last_error()->code;
    rc = self(s);
    if (rc >= 0)
        rc = own_pair(s, object, block, rc + 1);
    fw_heap_unlock(heap);
    if (rc == 0 && block)
        rc = free_own(s, block);
    return rc < 0 ? rc : free_own(s, object);
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
    info->promised = promised(&s->zone[FW_ZONE_LARGE], 1);
    fw_heap_unlock(heap);
    return 0;
}
