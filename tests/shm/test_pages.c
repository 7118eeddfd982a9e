/* SPDX-License-Identifier: MIT
 *
 * A system whose pages are 64 KiB, as some of aarch64 are, while the heap's are 4 KiB:
 * one block's advice must not meet its neighbour.
 *
 * This program's getpagesize(), madvise() and mincore() answer for the heap as such a
 * system does.
 */
#include "heap.h"
#include "segment.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KIB   ((size_t)1024)
#define LARGE (64 * KIB)

int getpagesize(void)
{
    return (int)LARGE;
}

static int in_heap(const void *at)
{
    const fw_segment *s = fw_segment_peek();

    return s && (const char *)at >= s->base && (const char *)at < s->base + s->size;
}

/* The start must be that of a page, the end is widened. */
int madvise(void *at, size_t size, int advice)
{
    if (in_heap(at)) {
        size = (size + LARGE - 1) / LARGE * LARGE;
        errno = EINVAL;
        if ((uintptr_t)at % LARGE)
            return -1;
    }
    return (int)syscall(SYS_madvise, at, size, advice);
}

/* One byte for each page. */
int mincore(void *at, size_t size, unsigned char *there)
{
    unsigned char part[LARGE / 4096];

    if (!in_heap(at))
        return (int)syscall(SYS_mincore, at, size, there);
    errno = EINVAL;
    if ((uintptr_t)at % LARGE)
        return -1;
    for (size_t i = 0; i * LARGE < size; i++) {
        if (syscall(SYS_mincore, (char *)at + i * LARGE, LARGE, part) != 0)
            return -1;
        there[i] = 0;
        for (size_t k = 0; k < sizeof part; k++)
            there[i] |= part[k] & 1;
    }
    return 0;
}

static int is_all(const char *p, size_t size, char value)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != value)
            return 0;
    return 1;
}

/* Blocks of the small zone share pages of the system. */
Test(pages, neighbours_keep_what_they_have)
{
    enum { BLOCKS = 40 };
    char *p[BLOCKS];
    size_t size[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        size[i] = 4 * KIB * (1 + i * 7 % 40);
        p[i] = fw_heap_alloc(size[i]);
        cr_assert_not_null(p[i]);
        memset(p[i], (int)i + 1, size[i]);
    }
    for (size_t i = 0; i < BLOCKS; i += 2)
        cr_assert_eq(fw_heap_free(p[i]), 0);
    for (size_t i = 1; i < BLOCKS; i += 2)
        cr_assert(is_all(p[i], size[i], (char)(i + 1)), "block %zu", i);
    for (size_t i = 0; i < BLOCKS; i += 2) {
        p[i] = fw_heap_alloc(size[i]);
        cr_assert(is_all(p[i], size[i], 0), "block %zu", i);
    }
}

/* Whole pages inside a block go back to the system. */
Test(pages, the_inside_goes_back)
{
    char *p = fw_heap_alloc(900 * KIB), *first;

    cr_assert_not_null(p);
    memset(p, 1, 900 * KIB);
    first = (char *)(((uintptr_t)p + LARGE - 1) & ~(LARGE - 1));
    cr_assert_eq(fw_os_resident(first, 768 * KIB), 768 * KIB);
    cr_assert_eq(fw_heap_free(p), 0);
    cr_assert_eq(fw_os_resident(first, 768 * KIB), 0);
}

Test(pages, what_is_there)
{
    furrow_array *a = furrow_array_new('b', 4096 * KIB, NULL);
    char *p;

    cr_assert_not_null(a);
    p = a->data;
    cr_assert_eq(fw_os_resident(p, 4096 * KIB), 0);
    p[100 * KIB] = 1;
    cr_assert_eq(fw_os_resident(p, 4096 * KIB), LARGE);
    cr_assert_eq(fw_os_resident(p + 68 * KIB, 4 * KIB), 4 * KIB);
    cr_assert_eq(fw_os_populate(p + 260 * KIB, 1), 0);
    cr_assert_eq(fw_os_resident(p, 4096 * KIB), 2 * LARGE);
    cr_assert_eq(furrow_array_free(a), 0);
}
