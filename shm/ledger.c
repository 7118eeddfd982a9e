/* SPDX-License-Identifier: MIT
 *
 * The ledger.
 *
 * What blocks promise and have not taken yet must fit into what the machine and the cgroups
 * can still give. Only then may pages be taken: posix_fallocate and populate beyond free
 * memory are answered by the OOM killer, not by an error.
 *
 * Of a large block the flag TAKEN says that all of it has memory; the others are looked at
 * (mincore) when that decides. Of the small zone only a sum is kept, `small_open`: never
 * less than what it has promised and not taken, exact after each look, and grown by every
 * allocation. No look is due up to `small_fine`, so that allocating stays cheap: the system
 * is asked once in some MiB. Killed at any instruction: both words are right or too high,
 * or the next look sets them right.
 */
#include "ledger.h"

#include "headroom.h"
#include "status.h"
#include "unit.h"

#define STEP ((size_t)64 << 20) /* of the small zone, between two looks */

/* Objects, and what calls need: they may come out of what large blocks were promised, or a
 * program whose arrays have all of the memory could not even use them. */
#define MINOR ((size_t)64 << 10)

/* Bytes of large blocks that are promised and not known to be taken. With `look`, ask the
 * kernel which pages are there and note the blocks that are complete. */
static size_t large_open(const fw_zone *zone, int look)
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

/* The same of the small zone. What is free there has no memory, so that one look at the
 * part in use tells. */
static size_t small_open(const fw_zone *zone)
{
    size_t used = 0, end = 0, length, there;

    for (size_t u = 0; u < zone->units; u += length) {
        length = fw_unit_step(zone, u);
        if (fw_unit_state(fw_unit_load(zone, u)) == FW_UNIT_FREE)
            continue;
        used += length * zone->unit;
        end = (u + length) * zone->unit;
    }
    there = fw_os_resident(zone->base, end);
    return used > there ? used - there : 0;
}

static size_t open_without_look(const fw_segment *s)
{
    return large_open(&s->zone[FW_ZONE_LARGE], 0) + s->heap->small_open;
}

static size_t open_with_look(const fw_segment *s)
{
    s->heap->small_open = small_open(&s->zone[FW_ZONE_SMALL]);
    return large_open(&s->zone[FW_ZONE_LARGE], 1) + s->heap->small_open;
}

static int fits(size_t bytes, size_t open, uint64_t room)
{
    return bytes <= room && open <= room - bytes;
}

static int refuse(size_t bytes, size_t open, uint64_t room)
{
    return fw_fail(
        FURROW_ENOMEM,
        "%zu MiB are wanted, %llu MiB can be had, of which %zu MiB are promised "
        "to other arrays",
        (bytes + (1 << 20) - 1) >> 20, (unsigned long long)(room >> 20), open >> 20);
}

int fw_ledger_check_taking(void *at, size_t size)
{
    const uintptr_t from = (uintptr_t)at & ~(FW_PAGE - 1);
    const uintptr_t to = ((uintptr_t)at + size + FW_PAGE - 1) & ~(FW_PAGE - 1);
    const uint64_t room = fw_headroom_bytes("");
    size_t missing = to - from;

    if (missing > room)
        missing -= fw_os_resident((void *)from, missing);
    if (missing <= room)
        return 0;
    return fw_fail(FURROW_ENOMEM,
                   "%zu MiB are to be taken, only %llu MiB can be had now",
                   missing >> 20, (unsigned long long)(room >> 20));
}

int fw_ledger_check(const fw_segment *s, size_t bytes)
{
    uint64_t room = fw_headroom_bytes("");
    size_t open = open_without_look(s);

    if (fits(bytes, open, room))
        return 0;
    open = open_with_look(s);
    return fits(bytes, open, room) ? 0 : refuse(bytes, open, room);
}

int fw_ledger_check_small(const fw_segment *s, size_t bytes)
{
    fw_heap *heap = s->heap;
    uint64_t room;
    size_t open;

    if (heap->small_open + bytes <= heap->small_fine) {
        heap->small_open += bytes;
        return 0;
    }
    room = fw_headroom_bytes("");
    open = open_with_look(s);
    if (bytes <= MINOR)
        open = heap->small_open;
    if (!fits(bytes, open, room))
        return refuse(bytes, open, room);
    heap->small_open += bytes;
    room -= open + bytes;
    heap->small_fine = heap->small_open + (room / 4 < STEP ? room / 4 : STEP);
    return 0;
}

size_t fw_ledger_promised(const fw_segment *s)
{
    return large_open(&s->zone[FW_ZONE_LARGE], 1);
}
