/* SPDX-License-Identifier: MIT
 *
 * The ledger: what is promised, in both zones.
 */
#include "ledger.h"
#include "heap.h"
#include "status.h"

#include <criterion/criterion.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static uint64_t small_open_after_a_look(void)
{
    fw_heap *heap = fw_heap_lock();
    uint64_t open;

    heap->small_fine = 0;
    (void)fw_ledger_check_small(fw_segment_get(), 0);
    open = heap->small_open;
    fw_heap_unlock(heap);
    return open;
}

Test(ledger, small_blocks_are_promises_until_they_are_touched)
{
    uint64_t before = small_open_after_a_look();
    char *p = fw_heap_alloc(MIB / 2);

    cr_assert_not_null(p);
    cr_assert_eq(small_open_after_a_look() - before, MIB / 2);
    memset(p, 1, MIB / 2);
    cr_assert_eq(small_open_after_a_look(), before);
    cr_assert_eq(fw_heap_free(p), 0);
    cr_assert_eq(small_open_after_a_look(), before);
}

Test(ledger, counts_small_blocks_without_a_look)
{
    fw_heap *heap = fw_heap_lock();
    uint64_t before;

    heap->small_open = 0;
    heap->small_fine = 4 * MIB;
    fw_heap_unlock(heap);
    before = heap->small_open;
    cr_assert_not_null(fw_heap_alloc(MIB / 2));
    cr_assert_not_null(fw_heap_alloc(MIB / 4));
    cr_assert_eq(heap->small_open - before, MIB / 2 + MIB / 4);
}

Test(ledger, refuses_small_blocks_when_all_is_promised)
{
    fw_heap *heap = fw_heap_lock();
    int rc;

    heap->small_fine = 0;
    rc = fw_ledger_check_small(fw_segment_get(), SIZE_MAX / 4);
    fw_heap_unlock(heap);
    cr_assert_eq(rc, FURROW_ENOMEM);
    cr_assert(strstr(furrow_last_error()->text, "can be had"));
}

Test(ledger, large_blocks_are_promises_beside_small_ones)
{
    fw_heap *heap;
    char *p = fw_heap_alloc(2 * MIB);
    int rc;

    heap = fw_heap_lock();
    cr_assert_eq(fw_ledger_promised(fw_segment_get()), 2 * MIB);
    rc = fw_ledger_check(fw_segment_get(), SIZE_MAX / 4);
    fw_heap_unlock(heap);
    cr_assert_eq(rc, FURROW_ENOMEM);
    cr_assert_eq(fw_heap_free(p), 0);
}

/* Of a range only what has no memory yet counts. */
Test(ledger, taking_is_checked_against_what_is_missing)
{
    const fw_segment *s = fw_segment_get();
    char *p = fw_heap_alloc(2 * MIB);

    memset(p, 1, 2 * MIB);
    cr_assert_eq(fw_ledger_check_taking(p, 2 * MIB), 0);
    cr_assert_eq(fw_ledger_check_taking(s->zone[FW_ZONE_LARGE].base,
                                        s->zone[FW_ZONE_LARGE].units * FW_LARGE_UNIT),
                 FURROW_ENOMEM);
    cr_assert(strstr(furrow_last_error()->text, "are to be taken"));
}
