/* SPDX-License-Identifier: MIT
 *
 * Slab pages: slots are apart, aligned and zero, and pages that are empty go back.
 */
#include "child.h"
#include "heap.h"
#include "slab.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { MANY = 3000 };

static char *block[MANY];

static size_t small_used(void)
{
    furrow_heap_info info;

    cr_assert_eq(furrow_heap_describe(&info), 0);
    return info.small_used;
}

static size_t alignment_of(size_t size)
{
    size_t align = 64;

    while (align < size)
        align *= 2;
    return align;
}

/* i bytes of its own pattern, over zeros. */
static void fill(char *p, size_t size, int i)
{
    cr_assert_not_null(p, "%s", furrow_last_error()->text);
    for (size_t k = 0; k < size; k++)
        cr_assert_eq(p[k], 0);
    memset(p, i % 251 + 1, size);
}

static int is_filled(const char *p, size_t size, int i)
{
    for (size_t k = 0; k < size; k++)
        if ((unsigned char)p[k] != i % 251 + 1)
            return 0;
    return 1;
}

Test(slab, slots_of_every_size)
{
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FW_SLAB_LARGEST; i++) {
            size_t size = (size_t)i + 1;

            block[i] = fw_heap_alloc(size);
            fill(block[i], size, i);
            cr_assert_eq((uintptr_t)block[i] % alignment_of(size), 0);
        }
        for (int i = 0; i < FW_SLAB_LARGEST; i++)
            cr_assert(is_filled(block[i], (size_t)i + 1, i), "slot %d", i);
        cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
        for (int i = 0; i < FW_SLAB_LARGEST; i++)
            cr_assert_eq(fw_heap_free(block[i]), 0);
    }
}

static void allocate_many(size_t size)
{
    for (int i = 0; i < MANY; i++)
        fill(block[i] = fw_heap_alloc(size), size, i);
}

/* One page of a class may stay for the next allocation; the others go back. */
static void want_pages_back(size_t before)
{
    cr_assert(small_used() <= before + 4096, "%zu KiB stay",
              (small_used() - before) >> 10);
    cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
}

Test(slab, pages_go_back_freed_upwards)
{
    size_t before = small_used();

    allocate_many(128);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(fw_heap_free(block[i]), 0);
    want_pages_back(before);
}

Test(slab, pages_go_back_freed_downwards)
{
    size_t before = small_used();

    allocate_many(128);
    for (int i = MANY; i-- > 0;)
        cr_assert_eq(fw_heap_free(block[i]), 0);
    want_pages_back(before);
}

Test(slab, pages_go_back_freed_in_any_order)
{
    size_t before = small_used();

    allocate_many(512);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(fw_heap_free(block[(i * 1009) % MANY]), 0);
    want_pages_back(before);
}

/* Holes in many pages are filled before a page is added. */
Test(slab, freed_slots_are_used_again)
{
    size_t full;

    allocate_many(64);
    full = small_used();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i += 3)
            cr_assert_eq(fw_heap_free(block[i]), 0);
        for (int i = 0; i < MANY; i += 3)
            block[i] = fw_heap_alloc(64);
        cr_assert_eq(small_used(), full);
    }
}

static int die_with_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < MANY; i++)
        child_want(fw_heap_alloc(256));
    return 0;
}

Test(slab, pages_of_the_dead_go_back)
{
    size_t before = small_used();

    for (int round = 0; round < 3; round++) {
        cr_assert_eq(child_run(die_with_many, NULL), 0);
        fw_heap_sweep();
        want_pages_back(before);
    }
}

Test(slab, what_is_no_slot)
{
    char *p = fw_heap_alloc(64), *q = fw_heap_alloc(64);

    cr_assert_eq(fw_heap_free(p + 1), FURROW_EINVAL);
    cr_assert_eq(fw_heap_free(p + 32), FURROW_EINVAL);
    cr_assert_eq(fw_heap_free((void *)((uintptr_t)p & ~(uintptr_t)4095)), FURROW_EINVAL,
                 "the page's owners");
    cr_assert_eq(fw_heap_free(p), 0);
    cr_assert_eq(fw_heap_free(p), FURROW_EINVAL, "twice");
    cr_assert_eq(fw_heap_free(q), 0);
    cr_assert_eq(fw_heap_free(q), FURROW_EINVAL, "twice");
    cr_assert_eq(furrow_fsck(), 0);
}

Test(slab, owners)
{
    const fw_segment *s = fw_segment_get();
    char *p = fw_heap_alloc(100);

    cr_assert(fw_slab_owner(s, p) > 0, "not published yet: ours");
    fw_heap_publish_pair(p, NULL);
    cr_assert_eq(fw_slab_owner(s, p), 0);
    cr_assert_eq(fw_slab_owner(s, p + 1), -1);
    cr_assert_eq(fw_heap_free(p), 0);
    cr_assert_eq(fw_slab_owner(s, p), -1);
}
