/* SPDX-License-Identifier: MIT
 *
 * Arrays of the heap: every type, shape and length, slices, and what is no array.
 */
#include "child.h"
#include "furrow_shm.h"
#include "heap.h"
#include "os.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static size_t blocks_now(void)
{
    furrow_heap_info info;

    cr_assert_eq(furrow_heap_describe(&info), 0);
    return info.blocks;
}

static void want_error(int code, const char *says)
{
    const furrow_error *e = furrow_last_error();

    cr_assert_eq(e->code, code, "%s: %s", furrow_status_name(e->code), e->text);
    cr_assert(strstr(e->text, says), "\"%s\" does not say \"%s\"", e->text, says);
    cr_assert_null(strchr(e->text, '\n'));
}

static int is_zero(const void *data, size_t size)
{
    const unsigned char *p = data;

    return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

/* ---- types and lengths ------------------------------------------------------------*/

static const size_t lengths[] = {0, 1, 7, 1000, ((size_t)1 << 20) + 3};

static void try_array(int type, size_t len, const furrow_array_options *options)
{
    furrow_array *a = furrow_array_new(type, len, options);
    size_t bytes;

    cr_assert_not_null(a, "%c %zu: %s", type, len, furrow_last_error()->text);
    bytes = len * a->itemsize;
    cr_assert_eq(a->type, type);
    cr_assert_eq(a->len, len);
    cr_assert_eq(a->ndim, 1);
    cr_assert_eq(a->shape[0], len);
    cr_assert_not_null(a->data);
    cr_assert_eq((uintptr_t)a->data % (bytes >= MIB ? 2 * MIB : 64), 0, "%p", a->data);
    cr_assert(is_zero(a->data, bytes));
    memset(a->data, 0x5a, bytes);
    cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_array_free(a), 0);
}

Test(array, every_type_and_length)
{
    size_t before = blocks_now();

    for (const char *type = "cbBhHiIlLqQfdg?FD"; *type; type++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            const furrow_type *t = furrow_type_of(*type);

            cr_assert_not_null(t);
            try_array(*type, lengths[i], NULL);
            try_array(*type, lengths[i], NULL); /* in the memory of the first: zeros */
        }
    cr_assert_eq(blocks_now(), before);
}

Test(array, types_know_their_size_and_format)
{
    for (const char *type = "cbBhHiIlLqQfdg?FD"; *type; type++) {
        furrow_array *a = furrow_value_new(*type);

        cr_assert_eq(a->itemsize, furrow_type_of(*type)->size);
        cr_assert_str_eq(furrow_array_format(a), furrow_type_of(*type)->format);
        cr_assert_eq(furrow_array_free(a), 0);
    }
}

Test(array, no_such_type)
{
    for (int type = -300; type < 300; type++) {
        if (type > 0 && type < 128 && strchr("cbBhHiIlLqQfdg?FDT", type))
            continue;
        cr_assert_null(furrow_array_new(type, 3, NULL), "type %d", type);
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    }
}

Test(array, structs)
{
    typedef struct point {
        char tag;
        double at[3];
        short id;
    } point;
    furrow_array_options options = {.format = "T{c:tag:3d:at:h:id:}"};
    furrow_array *a;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        try_array(FURROW_STRUCT, lengths[i], &options);
    a = furrow_array_new(FURROW_STRUCT, 5, &options);
    cr_assert_eq(a->itemsize, sizeof(point));
    cr_assert_str_eq(furrow_array_format(a), options.format);
    cr_assert_eq(furrow_array_free(a), 0);
}

Test(array, structs_that_are_none)
{
    char longer[400];
    furrow_array_options options = {0};
    size_t before = blocks_now();

    cr_assert_null(furrow_array_new(FURROW_STRUCT, 5, NULL));
    want_error(FURROW_EINVAL, "needs a format");
    cr_assert_null(furrow_array_new(FURROW_STRUCT, 5, &options));
    options.format = "T{dd";
    cr_assert_null(furrow_array_new(FURROW_STRUCT, 5, &options));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    options.format = "";
    cr_assert_null(furrow_array_new(FURROW_STRUCT, 5, &options));
    memset(longer, ' ', sizeof longer);
    memcpy(longer, "T{d", 3);
    memcpy(longer + sizeof longer - 3, "d}", 3);
    options.format = longer;
    cr_assert_null(furrow_array_new(FURROW_STRUCT, 5, &options));
    want_error(FURROW_EINVAL, "longer than");
    cr_assert_eq(blocks_now(), before);
}

/* ---- shapes -----------------------------------------------------------------------*/

Test(array, eight_dimensions)
{
    furrow_array_options options = {.ndim = 8, .shape = {2, 3, 1, 4, 1, 2, 5, 2}};
    furrow_array *a = furrow_array_new('i', 480, &options);
    furrow_array *b = furrow_array_new('i', 0, &options);

    cr_assert_not_null(a);
    cr_assert_eq(a->ndim, 8);
    cr_assert_eq(a->len, 480);
    cr_assert_eq(b->len, 480, "computed");
    cr_assert_eq(memcmp(a->shape, options.shape, sizeof a->shape), 0);
    furrow_array_free(a);
    furrow_array_free(b);
}

Test(array, shapes_that_are_none)
{
    size_t before = blocks_now();

    furrow_array_options nine = {.ndim = 9}, minus = {.ndim = -1};
    furrow_array_options six = {.ndim = 2, .shape = {2, 3}};
    furrow_array_options none = {.ndim = 2, .shape = {0, 3}};

    cr_assert_null(furrow_array_new('d', 0, &nine));
    want_error(FURROW_EINVAL, "9 dimensions");
    cr_assert_null(furrow_array_new('d', 0, &minus));
    want_error(FURROW_EINVAL, "-1 dimensions");
    cr_assert_null(furrow_array_new('d', 7, &six));
    want_error(FURROW_EINVAL, "len is 7, but the shape has 6");
    cr_assert_null(furrow_array_new('d', 7, &none));
    want_error(FURROW_EINVAL, "the shape has 0");
    cr_assert_eq(blocks_now(), before);
}

Test(array, shapes_beyond_memory)
{
    size_t before = blocks_now();
    furrow_array_options square = {.ndim = 2,
                                   .shape = {(size_t)1 << 32, (size_t)1 << 32}};
    furrow_array_options wrap = {.ndim = 3, .shape = {SIZE_MAX, SIZE_MAX, 2}};
    const size_t many[] = {SIZE_MAX,       SIZE_MAX / 2,     SIZE_MAX / 4,
                           SIZE_MAX / 8,   SIZE_MAX / 8 + 2, (size_t)1 << 61,
                           (size_t)1 << 45};

    cr_assert_null(furrow_array_new('c', 0, &square));
    want_error(FURROW_ENOMEM, "more elements than memory");
    cr_assert_null(furrow_array_new('c', 0, &wrap));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        for (const char *type = "cdD"; *type; type++) {
            furrow_error_clear();
            cr_assert_null(furrow_array_new(*type, many[i], NULL), "%zu", many[i]);
            cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
            cr_assert(strlen(furrow_last_error()->text) > 10);
            cr_assert_str_eq(furrow_last_error()->function, "furrow_array_new");
        }
    cr_assert_eq(blocks_now(), before, "nothing is lost");
    cr_assert_eq(furrow_fsck(), 0);
}

Test(array, an_empty_shape)
{
    furrow_array_options options = {.ndim = 3, .shape = {4, 0, 7}};
    furrow_array *a = furrow_array_new('d', 0, &options), *b;

    cr_assert_not_null(a);
    cr_assert_eq(a->len, 0);
    b = furrow_array_slice(a, 1, 3);
    cr_assert_not_null(b);
    cr_assert_eq(b->len, 0);
    cr_assert_eq(b->shape[0], 2);
    cr_assert_eq(furrow_array_populate(a), 0);
    furrow_array_free(a);
    cr_assert_eq(furrow_array_free(b), 0);
}

/* More than the machine has, within the heap's address space. */
Test(array, larger_than_memory)
{
    furrow_heap_info before, after;
    size_t memory = fw_os_memory_total();
    furrow_array *a;

    cr_assert_eq(furrow_heap_describe(&before), 0);
    cr_assert_null(furrow_array_new('c', memory + memory / 8, NULL));
    want_error(FURROW_ENOMEM, "can be had");
    a = furrow_array_new('c', 16 * MIB, NULL);
    cr_assert_not_null(a, "the next one that fits is there");
    cr_assert_eq(furrow_array_free(a), 0);
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert_eq(after.blocks, before.blocks);
    cr_assert_eq(after.large_used, before.large_used);
}

/* What is promised to one is not promised to the next. */
Test(array, the_ledger_counts_promises)
{
    size_t part = fw_os_memory_total() / 16;
    furrow_array *a[17];
    furrow_heap_info info;
    int n = 0;

    while (n < 17 && (a[n] = furrow_array_new('c', part, NULL)))
        n++;
    cr_assert(n > 0 && n < 17, "%d", n);
    want_error(FURROW_ENOMEM, "promised");
    cr_assert_eq(furrow_heap_describe(&info), 0);
    cr_assert(info.promised >= (size_t)n * part);
    while (n > 0)
        cr_assert_eq(furrow_array_free(a[--n]), 0);
    cr_assert_eq(furrow_heap_describe(&info), 0);
    cr_assert_eq(info.promised, 0);
}

Test(array, populate_takes_the_memory)
{
    furrow_array_options options = {.populate = 1};
    furrow_array *a = furrow_array_new('d', 4 * MIB, &options);
    furrow_array *b = furrow_array_new('d', 4 * MIB, NULL);

    cr_assert_not_null(a);
    cr_assert_eq(fw_os_resident(a->data, 32 * MIB), 32 * MIB);
    cr_assert(fw_heap_taken(a->data));
    cr_assert_eq(fw_os_resident(b->data, 32 * MIB), 0);
    cr_assert(!fw_heap_taken(b->data));
    ((double *)b->data)[0] = 7;
    cr_assert_eq(furrow_array_populate(b), 0);
    cr_assert_eq(fw_os_resident(b->data, 32 * MIB), 32 * MIB);
    cr_assert_eq(((double *)b->data)[0], 7.0);
    furrow_array_free(a);
    furrow_array_free(b);
}

/* ---- slices -----------------------------------------------------------------------*/

Test(array, a_slice_shares_memory)
{
    furrow_array *a = furrow_array_new('i', 1000, NULL);
    furrow_array *b = furrow_array_slice(a, 100, 200), *c;

    cr_assert_not_null(b);
    cr_assert_eq(b->len, 100);
    cr_assert_eq(b->data, (int *)a->data + 100);
    ((int *)a->data)[150] = 42;
    c = furrow_array_slice(b, 50, 51);
    cr_assert_eq(c->len, 1);
    cr_assert_eq(*(int *)c->data, 42);
    furrow_array_free(a);
    furrow_array_free(b);
    furrow_array_free(c);
}

Test(array, a_slice_outlives_the_array)
{
    for (size_t len = 7; len < 4 * MIB; len *= 11) {
        furrow_heap_info before, during, after;
        furrow_array *a, *b, *c;

        cr_assert_eq(furrow_heap_describe(&before), 0);
        a = furrow_array_new('d', len, NULL);
        b = furrow_array_slice(a, 1, len);
        c = furrow_array_slice(b, 1, len - 1);
        ((double *)a->data)[len - 1] = 9.5;
        cr_assert_eq(furrow_array_free(a), 0);
        cr_assert_eq(furrow_array_free(b), 0);
        cr_assert_eq(furrow_array_free(a), FURROW_EINVAL, "free already");
        cr_assert_null(furrow_array_slice(a, 0, 1), "free already");
        furrow_error_clear();
        cr_assert_eq(((double *)c->data)[len - 3], 9.5);
        cr_assert_eq(furrow_heap_describe(&during), 0);
        cr_assert_eq(during.blocks, before.blocks + 3, "root, block and slice");
        cr_assert_eq(furrow_array_free(c), 0);
        cr_assert_eq(furrow_heap_describe(&after), 0);
        cr_assert_eq(after.blocks, before.blocks);
        cr_assert_eq(after.large_used, before.large_used);
    }
    cr_assert_eq(furrow_fsck(), 0);
}

Test(array, rows_of_eight_dimensions)
{
    furrow_array_options options = {.ndim = 8, .shape = {9, 2, 1, 3, 1, 2, 5, 2}};
    furrow_array *a = furrow_array_new('h', 0, &options);
    furrow_array *b = furrow_array_slice(a, 4, 6);

    cr_assert_eq(b->ndim, 8);
    cr_assert_eq(b->shape[0], 2);
    cr_assert_eq(memcmp(b->shape + 1, a->shape + 1, 7 * sizeof *a->shape), 0);
    cr_assert_eq(b->len, 240);
    cr_assert_eq(b->data, (short *)a->data + 4 * 120);
    furrow_array_free(a);
    furrow_array_free(b);
}

Test(array, empty_slices_and_bad_ones)
{
    furrow_array *a = furrow_array_new('d', 10, NULL), *b;
    size_t before = blocks_now();
    const size_t at[] = {0, 5, 10};

    for (int i = 0; i < 3; i++) {
        b = furrow_array_slice(a, at[i], at[i]);
        cr_assert_not_null(b);
        cr_assert_eq(b->len, 0);
        cr_assert_eq(furrow_array_populate(b), 0);
        cr_assert_eq(furrow_array_free(b), 0);
    }
    cr_assert_null(furrow_array_slice(a, 6, 5));
    want_error(FURROW_EINVAL, "rows [6, 5)");
    cr_assert_null(furrow_array_slice(a, 0, 11));
    cr_assert_null(furrow_array_slice(a, SIZE_MAX, SIZE_MAX));
    cr_assert_null(furrow_array_slice(a, 1, SIZE_MAX));
    cr_assert_eq(blocks_now(), before);
    furrow_array_free(a);
}

Test(array, a_slice_of_structs_keeps_the_format)
{
    furrow_array_options options = {.format = "T{di}"};
    furrow_array *a = furrow_array_new(FURROW_STRUCT, 10, &options);
    furrow_array *b = furrow_array_slice(a, 3, 5);

    furrow_array_free(a);
    cr_assert_str_eq(furrow_array_format(b), "T{di}");
    cr_assert_eq(b->itemsize, 16);
    furrow_array_free(b);
}

/* ---- what is no array -------------------------------------------------------------*/

static void want_refused(const void *p)
{
    furrow_array *a = (furrow_array *)(uintptr_t)p;

    furrow_error_clear();
    cr_assert_eq(furrow_array_free(a), FURROW_EINVAL, "%p", p);
    cr_assert_eq(furrow_array_populate(a), FURROW_EINVAL);
    cr_assert_null(furrow_array_slice(a, 0, 0));
    cr_assert_null(furrow_array_format(a));
}

Test(array, free_twice)
{
    furrow_array *a = furrow_array_new('d', 10, NULL), *b;

    cr_assert_eq(furrow_array_free(a), 0);
    want_refused(a);
    b = furrow_array_new('d', 4 * MIB, NULL);
    cr_assert_eq(furrow_array_free(b), 0);
    want_refused(b);
    cr_assert_eq(furrow_fsck(), 0);
}

/* The root of a slice is still there, but its handle is not. */
Test(array, free_twice_beside_a_slice)
{
    furrow_array *a = furrow_array_new('d', 4 * MIB, NULL), *b;

    ((double *)a->data)[0] = 5;
    b = furrow_array_slice(a, 0, 10);
    cr_assert_eq(furrow_array_free(a), 0);
    want_refused(a);
    want_refused(a);
    cr_assert_eq(((double *)b->data)[0], 5);
    cr_assert_eq(furrow_array_free(b), 0);
    cr_assert_eq(furrow_fsck(), 0);
}

static int hold_the_lock(void *arg)
{
    _Atomic int *word = arg; /* 1: it is held; 2: let it go */

    child_want(fw_heap_lock());
    *word = 1;
    while (*word != 2)
        usleep(1000);
    fw_heap_unlock(fw_segment_peek()->heap);
    return 0;
}

/* Freed beside its slice it is alive until the heap's lock is had: that of two who free it,
 * one killed halfway, the other's word is not taken for his. */
Test(array, free_waits_for_the_lock)
{
    furrow_array *a = furrow_array_new('d', 10, NULL);
    furrow_array *b = furrow_array_slice(a, 0, 5);
    _Atomic int *word = fw_heap_alloc(64);
    pid_t holder = child_start(hold_the_lock, (void *)word);
    furrow_deadline before;

    while (*word != 1)
        usleep(1000);
    before = fw_heap_patience(fw_os_now());
    cr_assert_eq(furrow_array_free(a), FURROW_ETIME);
    (void)fw_heap_patience(before);
    *word = 2;
    cr_assert_eq(child_wait(holder), 0);
    cr_assert_eq(furrow_array_populate(a), 0, "it is alive");
    cr_assert_eq(furrow_array_free(a) | furrow_array_free(b), 0);
    cr_assert_eq(fw_heap_free((void *)word), 0);
    cr_assert_eq(blocks_now(), 0);
}

Test(array, free_of_what_is_no_array)
{
    furrow_array on_stack = {.len = 1, .type = 'd', .ndim = 1};
    furrow_array *a = furrow_array_new('d', 4 * MIB, NULL);
    furrow_array *small = furrow_array_new('d', 8, NULL);
    furrow_array *b = furrow_array_slice(a, 8, 16);
    furrow_heap_info before, after;

    cr_assert_eq(furrow_heap_describe(&before), 0);
    want_refused(&on_stack);
    want_refused((char *)a + 8);
    want_refused((char *)a + 64);
    want_refused((char *)a - 64);
    want_refused((char *)a + 1);
    want_refused(a->data);
    want_refused(b->data);
    want_refused(small->data);
    want_refused(before.base);
    want_refused((char *)before.base + 4096);
    want_refused((char *)before.base + before.size / 2);
    want_refused((char *)before.base + before.size - 64);
    want_refused((void *)64);
    want_refused((void *)(UINTPTR_MAX - 63));
    want_refused((void *)(uintptr_t)furrow_fsck);
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert_eq(after.blocks, before.blocks);
    cr_assert_eq(furrow_fsck(), 0);
    cr_assert_eq(furrow_array_free(a) | furrow_array_free(b) | furrow_array_free(small),
                 0);
}

/* Address space into which files are mapped: nothing is there to look at. */
Test(array, free_of_the_empty_window)
{
    const fw_segment *s = fw_segment_get();

    want_refused(s->zone[FW_ZONE_WINDOW].base);
    want_refused(s->zone[FW_ZONE_WINDOW].base + 64 * MIB);
}

/* An array object that a program keeps in its own array is a copy. */
Test(array, free_of_a_copy)
{
    furrow_array *a = furrow_array_new('d', 8, NULL);
    furrow_array *home = furrow_array_new('B', 4096, NULL);
    furrow_array *large = furrow_array_new('B', 2 * MIB, NULL);

    memcpy((char *)home->data + 1024, a, 256);
    memcpy(large->data, a, 256);
    want_refused((char *)home->data + 1024);
    want_refused(large->data);
    cr_assert_eq(furrow_array_free(a), 0);
}

/* Looking at a wild pointer takes no memory. */
Test(array, a_hole_stays_a_hole)
{
    const fw_segment *s = fw_segment_get();
    char *hole = s->zone[FW_ZONE_LARGE].base + 512 * MIB;

    want_refused(hole);
    cr_assert_eq(fw_os_resident(hole, 2 * MIB), 0);
}

Test(array, null_handles_keep_the_first_message)
{
    char first[sizeof furrow_last_error()->text];
    furrow_array *a;

    cr_assert_eq(furrow_array_populate(NULL), FURROW_EINVAL);
    want_error(FURROW_EINVAL, "array is NULL");
    furrow_error_clear();
    a = furrow_array_new('!', 3, NULL);
    memcpy(first, furrow_last_error()->text, sizeof first);
    cr_assert_null(furrow_array_slice(a, 0, 1));
    cr_assert_eq(furrow_array_populate(a), FURROW_EINVAL);
    cr_assert_null(furrow_array_format(a));
    cr_assert_null(furrow_array_attach(NULL));
    cr_assert_eq(furrow_heap_describe(NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_array_free(a), 0, "free(NULL) is fine");
    cr_assert_str_eq(furrow_last_error()->text, first);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_new");
}

/* An older program's smaller options struct: what it has not is zero. */
Test(array, options_of_another_size)
{
    furrow_array_options o = {.ndim = 1, .shape = {5}, .name = (const char *)1};
    furrow_array *a =
        furrow_array_new_sized('d', 5, &o, offsetof(furrow_array_options, format));

    cr_assert_not_null(a);
    cr_assert_eq(a->len, 5);
    furrow_array_free(a);
    a = furrow_array_new_sized('d', 5, NULL, 1000);
    cr_assert_eq(a->len, 5);
    furrow_array_free(a);
}
