/* SPDX-License-Identifier: MIT
 *
 * Values and arrays, with a lock and without, that others change.
 */
#include "left.h"
#include "peer.h"
#include "shared_synchronized.h"

#include <criterion/criterion.h>
#include <unistd.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static void set_up(void)
{
    (void)fw_segment_get();
}

TestSuite(synchronized, .init = set_up);

/* Several handles for a peer. */
typedef struct board {
    furrow_synchronized *s[8];
    furrow_array *a[8];
    furrow_lock *lock;
    _Atomic int ready, go;
} board;

static board *board_new(void)
{
    return fw_heap_alloc(sizeof(board));
}

static void beside(int (*run)(void *shared), void *shared)
{
    peer p;

    cr_assert_eq(peer_start(&p, run, shared), 0);
    cr_assert_eq(peer_join(&p), 0);
}

/* The five of CPython's test: code, before, after. */
static const int i_before = 4343, i_after = 24234;
static const double d_before = 3.625, d_after = -4.25;
static const short h_before = -232, h_after = 234;
static const long long q_before = (long long)2 << 33, q_after = (long long)2 << 34;
static const char c_before = 'x', c_after = 'y';
enum { CODES = 5 };
static const char codes[] = "idhqc";
static const void *const before[] = {&i_before, &d_before, &h_before, &q_before,
                                     &c_before};
static const void *const after[] = {&i_after, &d_after, &h_after, &q_after, &c_after};

/* ---- values -----------------------------------------------------------------------*/

static int set_all(void *shared)
{
    board *b = shared;

    for (int i = 0; i < CODES; i++)
        child_want(furrow_synchronized_set(b->s[i], after[i], FURROW_FOREVER) == 0);
    return 0;
}

/* CPython: _TestValue.test_value */
Test(synchronized, values_are_set_by_another)
{
    board *b = board_new();

    for (int i = 0; i < CODES; i++) {
        char now[8];

        b->s[i] = furrow_synchronized_new(
            codes[i], 1, &(furrow_synchronized_options){.from = before[i]});
        cr_assert_not_null(b->s[i], "%s", error_text());
        cr_assert_eq(furrow_synchronized_get(b->s[i], now, FURROW_FOREVER), 0);
        cr_assert_eq(memcmp(now, before[i], furrow_type_of(codes[i])->size), 0);
    }
    beside(set_all, b);
    for (int i = 0; i < CODES; i++) {
        char now[8];

        cr_assert_eq(furrow_synchronized_get(b->s[i], now, FURROW_FOREVER), 0);
        cr_assert_eq(memcmp(now, after[i], furrow_type_of(codes[i])->size), 0);
        cr_assert_eq(furrow_synchronized_free(b->s[i]), 0);
    }
}

static int set_raw(void *shared)
{
    board *b = shared;

    for (int i = 0; i < CODES; i++)
        memcpy(b->a[i]->data, after[i], b->a[i]->itemsize);
    return 0;
}

/* CPython: _TestValue.test_rawvalue */
Test(synchronized, raw_values_are_set_by_another)
{
    board *b = board_new();

    for (int i = 0; i < CODES; i++) {
        b->a[i] = furrow_value_new(codes[i]);
        memcpy(b->a[i]->data, before[i], b->a[i]->itemsize);
    }
    beside(set_raw, b);
    for (int i = 0; i < CODES; i++) {
        cr_assert_eq(memcmp(b->a[i]->data, after[i], b->a[i]->itemsize), 0);
        cr_assert_eq(furrow_array_free(b->a[i]), 0);
    }
}

/* CPython: _TestValue.test_getobj_getlock */
Test(synchronized, a_value_has_a_lock_and_an_object)
{
    const int five = 5;
    furrow_synchronized *s =
        furrow_synchronized_new('i', 1, &(furrow_synchronized_options){.from = &five});
    furrow_lock *l = furrow_synchronized_get_lock(s);
    furrow_array *a = furrow_synchronized_array(s);
    furrow_lock_info info;

    cr_assert(l && a);
    cr_assert_eq(a->type, 'i');
    cr_assert_eq(a->len, 1);
    cr_assert_eq(*(int *)a->data, 5);
    cr_assert_eq((uintptr_t)a->data % 64, 0);
    cr_assert_eq(furrow_lock_describe(l, &info), 0);
    cr_assert_eq(info.recursive, 1);
    cr_assert_eq(info.count, 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

/* CPython: _TestValue.test_getobj_getlock */
Test(synchronized, a_value_takes_the_lock_it_is_given)
{
    furrow_lock *l = furrow_lock_new(NULL);
    furrow_synchronized_options o = {.lock = l};
    furrow_synchronized *s = furrow_synchronized_new('i', 1, &o);

    cr_assert_eq(furrow_synchronized_get_lock(s), l);
    cr_assert_eq(furrow_lock_lock(l, 0), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), FURROW_ETIME, "it is not recursive");
    cr_assert_eq(furrow_lock_unlock(l), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), 0);
    cr_assert_eq(furrow_lock_locked(l), 1);
    cr_assert_eq(furrow_synchronized_unlock(s), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
    cr_assert_eq(furrow_lock_locked(l), 0, "it stays");
    cr_assert_eq(furrow_lock_free(l), 0);
}

/* CPython: _TestValue.test_getobj_getlock, _TestArray.test_getobj_getlock_obj */
Test(synchronized, what_is_no_lock_is_refused)
{
    furrow_lock *l = furrow_lock_new(NULL);
    furrow_synchronized_options o = {.lock = l};

    cr_assert_eq(furrow_lock_free(l), 0);
    cr_assert_null(furrow_synchronized_new('i', 1, &o));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_synchronized_new");
}

Test(synchronized, whose_lock_was_freed_says_so)
{
    furrow_lock *l = furrow_lock_new(NULL);
    furrow_synchronized_options o = {.lock = l};
    furrow_synchronized *s = furrow_synchronized_new('i', 1, &o);
    int x = 0;

    cr_assert_eq(furrow_lock_free(l), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_unlock(s), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

static int raise_often(void *shared)
{
    furrow_synchronized *s = shared;

    for (int i = 0; i < 5000; i++) {
        child_want(furrow_synchronized_lock(s, FURROW_FOREVER) == 0);
        *(long *)furrow_synchronized_array(s)->data += 1;
        child_want(furrow_synchronized_unlock(s) == 0);
    }
    return 0;
}

/* CPython: _TestValue.test_value */
Test(synchronized, a_value_is_counted_up_by_four)
{
    furrow_synchronized *s = furrow_synchronized_new('l', 1, NULL);
    peer p[4];
    long n = 0;

    for (int i = 0; i < 4; i++)
        cr_assert_eq(peer_start(&p[i], raise_often, s), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(furrow_synchronized_get(s, &n, 0), 0);
    cr_assert_eq(n, 20000);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

/* ---- arrays -----------------------------------------------------------------------*/

static const int sequence[10] = {680, 626, 934, 821, 150, 233, 548, 982, 714, 831};

static void sum_up(int *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        p[i] += p[i - 1];
}

static int sum_up_locked(void *shared)
{
    furrow_array *a = furrow_synchronized_array(shared);

    child_want(furrow_synchronized_lock(shared, FURROW_FOREVER) == 0);
    sum_up(a->data, a->len);
    return furrow_synchronized_unlock(shared) != 0;
}

/* CPython: _TestArray.test_array */
Test(synchronized, an_array_is_summed_by_another)
{
    furrow_synchronized *s = furrow_synchronized_new(
        'i', 10, &(furrow_synchronized_options){.from = sequence});
    int here[10], there[10];

    memcpy(here, sequence, sizeof here);
    sum_up(here, 10);
    beside(sum_up_locked, s);
    cr_assert_eq(furrow_synchronized_read(s, 0, 10, there, FURROW_FOREVER), 0);
    cr_assert_eq(memcmp(here, there, sizeof here), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

/* CPython: _TestArray.test_array */
Test(synchronized, elements_and_slices)
{
    furrow_synchronized *s = furrow_synchronized_new(
        'i', 10, &(furrow_synchronized_options){.from = sequence});
    const int four[] = {1, 2, 3, 4}, nine = 9;
    int some[5], one = 0;

    cr_assert_eq(furrow_synchronized_array(s)->len, 10);
    cr_assert_eq(furrow_synchronized_read(s, 3, 1, &one, 0), 0);
    cr_assert_eq(one, 821);
    cr_assert_eq(furrow_synchronized_read(s, 2, 5, some, 0), 0);
    cr_assert_eq(memcmp(some, &sequence[2], sizeof some), 0);
    cr_assert_eq(furrow_synchronized_write(s, 4, 4, four, 0), 0);
    cr_assert_eq(furrow_synchronized_write(s, 9, 1, &nine, 0), 0);
    cr_assert_eq(((int *)furrow_synchronized_array(s)->data)[3], 821);
    cr_assert_eq(((int *)furrow_synchronized_array(s)->data)[7], 4);
    cr_assert_eq(((int *)furrow_synchronized_array(s)->data)[8], 714);
    cr_assert_eq(((int *)furrow_synchronized_array(s)->data)[9], 9);
    cr_assert_eq(furrow_synchronized_write(s, 10, 0, four, 0), 0, "none of them");
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

static int hold_the_heap(void *shared)
{
    board *b = shared;

    if (!fw_heap_lock())
        return 1;
    b->ready = 1;
    for (int i = 0; i < 10000 && !b->go; i++)
        usleep(1000);
    fw_heap_unlock(fw_segment_peek()->heap);
    return 0;
}

/* Beside a slice it is alive until the heap's lock is had. */
Test(synchronized, freed_beside_a_slice_waits_for_the_lock)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 10, NULL);
    furrow_array *slice = furrow_array_slice(furrow_synchronized_array(s), 0, 5);
    board *b = board_new();
    furrow_deadline patience;
    int one = 1;
    peer p;

    cr_assert_eq(peer_start(&p, hold_the_heap, b), 0);
    while (!b->ready)
        fw_pause();
    patience = fw_heap_patience(fw_os_now());
    cr_assert_eq(furrow_synchronized_free(s), FURROW_ETIME);
    (void)fw_heap_patience(patience);
    b->go = 1;
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_synchronized_set(s, &one, 0), 0, "it is alive");
    cr_assert_eq(furrow_synchronized_free(s), 0);
    cr_assert_eq(((int *)slice->data)[0], 1);
    cr_assert_eq(furrow_array_free(slice), 0);
}

/* CPython: _TestArray.test_array */
Test(synchronized, elements_that_there_are_not)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 10, NULL);
    int x[2] = {7, 7};

    cr_assert_eq(furrow_synchronized_read(s, 10, 1, x, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_read(s, 9, 2, x, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_read(s, SIZE_MAX, 2, x, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_write(s, 5, SIZE_MAX, x, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_read(s, 0, 1, NULL, 0), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_synchronized_read");
    cr_assert_eq(x[0], 7);
    cr_assert_eq(furrow_lock_locked(furrow_synchronized_get_lock(s)), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

/* Made three times of memory that was used before. */
/* CPython: _TestArray.test_array_from_size */
Test(synchronized, an_array_from_a_size_is_zeros)
{
    for (int round = 0; round < 3; round++) {
        furrow_synchronized *s = furrow_synchronized_new('i', 10, NULL);
        int *p = furrow_synchronized_array(s)->data;

        for (int i = 0; i < 10; i++)
            cr_assert_eq(p[i], 0);
        for (int i = 0; i < 10; i++)
            p[i] = i + 1;
        cr_assert_eq(furrow_synchronized_free(s), 0);
    }
}

/* CPython: _TestArray.test_array_from_size */
Test(synchronized, a_raw_array_from_a_size_is_zeros)
{
    for (int round = 0; round < 3; round++) {
        furrow_array *a = furrow_array_new('i', 10, NULL);
        int *p = a->data;

        for (int i = 0; i < 10; i++)
            cr_assert_eq(p[i], 0);
        for (int i = 0; i < 10; i++)
            p[i] = i + 1;
        cr_assert_eq(furrow_array_free(a), 0);
    }
}

static int sum_up_raw(void *shared)
{
    const furrow_array *a = shared;

    sum_up(a->data, a->len);
    return 0;
}

/* CPython: _TestArray.test_rawarray */
Test(synchronized, a_raw_array_is_summed_by_another)
{
    furrow_array *a = furrow_array_new('i', 10, NULL);
    int here[10];

    memcpy(a->data, sequence, sizeof sequence);
    memcpy(here, sequence, sizeof here);
    sum_up(here, 10);
    beside(sum_up_raw, a);
    cr_assert_eq(memcmp(a->data, here, sizeof here), 0);
    cr_assert_eq(furrow_array_free(a), 0);
}

/* CPython: _TestArray.test_getobj_getlock_obj */
Test(synchronized, an_array_has_a_lock_and_an_object)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 10, NULL);
    furrow_synchronized_options o = {.lock = furrow_synchronized_get_lock(s)};
    furrow_synchronized *t = furrow_synchronized_new('d', 10, &o);

    cr_assert(furrow_synchronized_array(s) && furrow_synchronized_array(t));
    cr_assert_neq(furrow_synchronized_array(s), furrow_synchronized_array(t));
    cr_assert_eq(furrow_synchronized_get_lock(t), o.lock, "two under one lock");
    cr_assert_eq(furrow_synchronized_free(t), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), 0);
    cr_assert_eq(furrow_synchronized_unlock(s), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

Test(synchronized, of_many_elements)
{
    enum { N = 1 << 19 };
    furrow_synchronized *s = furrow_synchronized_new('d', N, NULL);
    double *p = furrow_synchronized_array(s)->data, *back = malloc(N * sizeof *back);

    for (int i = 0; i < N; i++)
        p[i] = i;
    cr_assert_eq((uintptr_t)p % 64, 0);
    cr_assert_eq(furrow_synchronized_read(s, 0, N, back, 0), 0);
    cr_assert_eq(memcmp(back, p, N * sizeof *back), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
    free(back);
}

/* ---- structs, texts and copies -----------------------------------------------------*/

struct foo {
    int x;
    double y;
    long long z;
};
#define FOO "T{i:x:d:y:q:z:}"

static int double_all(void *shared)
{
    board *b = shared;
    char twice[41];
    struct foo foo;
    double d[10], y;
    long long z;
    int x;

    child_want(furrow_synchronized_get(b->s[0], &x, 1) == 0);
    child_want(furrow_synchronized_get(b->s[1], &y, 1) == 0);
    child_want(furrow_synchronized_get(b->s[2], &z, 1) == 0);
    child_want(furrow_synchronized_get(b->s[3], &foo, 1) == 0);
    child_want(furrow_synchronized_read(b->s[4], 0, 10, d, 1) == 0);
    child_want(furrow_synchronized_get_text(b->s[5], twice, sizeof twice, 1) == 0);
    x *= 2, y *= 2, z *= 2, foo.x *= 2, foo.y *= 2;
    for (int i = 0; i < 10; i++)
        d[i] *= 2;
    memcpy(twice + strlen(twice), "hello", 6);
    child_want(furrow_synchronized_set(b->s[0], &x, 1) == 0);
    child_want(furrow_synchronized_set(b->s[1], &y, 1) == 0);
    child_want(furrow_synchronized_set(b->s[2], &z, 1) == 0);
    child_want(furrow_synchronized_set(b->s[3], &foo, 1) == 0);
    child_want(furrow_synchronized_write(b->s[4], 0, 10, d, 1) == 0);
    child_want(furrow_synchronized_set_text(b->s[5], twice, 1) == 0);
    return 0;
}

static furrow_synchronized *from(int type, size_t len, const void *data)
{
    furrow_synchronized_options o = {.from = data, .format = FOO};

    return furrow_synchronized_new(type, len, &o);
}

static void want_doubled(const board *b)
{
    const struct foo *foo = furrow_synchronized_array(b->s[3])->data;
    const double *d = furrow_synchronized_array(b->s[4])->data;
    char text[21];

    cr_assert_eq(*(int *)furrow_synchronized_array(b->s[0])->data, 14);
    cr_assert_eq(*(double *)furrow_synchronized_array(b->s[1])->data, 2.0 / 3.0);
    cr_assert_eq(*(long long *)furrow_synchronized_array(b->s[2])->data, 1LL << 34);
    cr_assert(foo->x == 6 && foo->y == 4.0 && foo->z == 77);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(d[i], 2.0 * i);
    cr_assert_eq(furrow_synchronized_get_text(b->s[5], text, sizeof text, 0), 0);
    cr_assert_str_eq(text, "hellohello");
}

/* CPython: _TestSharedCTypes.test_synchronize */
Test(synchronized, all_types_are_doubled_by_another)
{
    const double third = 1.0 / 3.0, ten[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct foo foo = {3, 2.0, 77};
    const long long z = 1LL << 33;
    board *b = board_new();
    const int seven = 7;

    b->s[0] = from('i', 1, &seven);
    b->s[1] = from('d', 1, &third);
    b->s[2] = from('q', 1, &z);
    b->s[3] = from(FURROW_STRUCT, 1, &foo);
    b->s[4] = from('d', 10, ten);
    b->s[5] = from('c', 20, NULL);
    cr_assert_eq(furrow_synchronized_array(b->s[3])->itemsize, sizeof foo);
    cr_assert_eq(furrow_synchronized_set_text(b->s[5], "hello", 0), 0);
    beside(double_all, b);
    want_doubled(b);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(furrow_synchronized_free(b->s[i]), 0);
}

static int double_raw(void *shared)
{
    board *b = shared;
    struct foo *foo = b->a[3]->data;
    char *text = b->a[5]->data;

    *(int *)b->a[0]->data *= 2;
    *(double *)b->a[1]->data *= 2;
    *(long long *)b->a[2]->data *= 2;
    foo->x *= 2;
    foo->y *= 2;
    for (int i = 0; i < 10; i++)
        ((double *)b->a[4]->data)[i] *= 2;
    memcpy(text + strlen(text), "hello", 5);
    return 0;
}

/* CPython: _TestSharedCTypes.test_sharedctypes */
Test(synchronized, all_raw_types_are_doubled_by_another)
{
    const furrow_array_options o = {.format = FOO};
    board *b = board_new();
    struct foo *foo;

    for (int i = 0; i < 6; i++)
        b->a[i] = furrow_array_new("idqTdc"[i], i < 4 ? 1 : i == 4 ? 10 : 20, &o);
    *(int *)b->a[0]->data = 7;
    *(double *)b->a[1]->data = 1.0 / 3.0;
    *(long long *)b->a[2]->data = 1LL << 33;
    foo = b->a[3]->data;
    *foo = (struct foo){3, 2.0, 77};
    for (int i = 0; i < 10; i++)
        ((double *)b->a[4]->data)[i] = i;
    memcpy(b->a[5]->data, "hello", 5);
    beside(double_raw, b);
    cr_assert_eq(*(int *)b->a[0]->data, 14);
    cr_assert_eq(*(double *)b->a[1]->data, 2.0 / 3.0);
    cr_assert_eq(*(long long *)b->a[2]->data, 1LL << 34);
    cr_assert(foo->x == 6 && foo->y == 4.0 && foo->z == 77);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(((double *)b->a[4]->data)[i], 2.0 * i);
    cr_assert_str_eq(b->a[5]->data, "hellohello");
    for (int i = 0; i < 6; i++)
        cr_assert_eq(furrow_array_free(b->a[i]), 0);
}

/* CPython: _TestSharedCTypes.test_copy */
Test(synchronized, a_copy_is_independent)
{
    furrow_array *a =
        furrow_array_new(FURROW_STRUCT, 1, &(furrow_array_options){.format = FOO});
    struct foo *foo = a->data, *bar;
    furrow_array *b;

    *foo = (struct foo){2, 5.0, 1LL << 33};
    b = furrow_array_copy(a);
    cr_assert_not_null(b, "%s", error_text());
    bar = b->data;
    *foo = (struct foo){0};
    cr_assert(bar->x == 2 && bar->y == 5.0 && bar->z == 1LL << 33);
    cr_assert_str_eq(furrow_array_format(b), FOO);
    cr_assert_eq(furrow_array_free(a) | furrow_array_free(b), 0);
}

Test(synchronized, copies_of_shapes_slices_and_nothing)
{
    furrow_array *a =
        furrow_array_new('i', 0, &(furrow_array_options){.ndim = 2, .shape = {4, 3}});
    furrow_array *rows, *b, *empty = furrow_array_new('d', 0, NULL);

    for (int i = 0; i < 12; i++)
        ((int *)a->data)[i] = i;
    rows = furrow_array_slice(a, 1, 3);
    b = furrow_array_copy(rows);
    cr_assert_eq(furrow_array_free(rows) | furrow_array_free(a), 0);
    cr_assert(b->ndim == 2 && b->shape[0] == 2 && b->shape[1] == 3 && b->len == 6);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(((int *)b->data)[i], i + 3);
    cr_assert_eq(furrow_array_free(b), 0);
    b = furrow_array_copy(empty);
    cr_assert_eq(b->len, 0);
    cr_assert_eq(furrow_array_free(b) | furrow_array_free(empty), 0);
    furrow_error_clear();
    cr_assert_null(furrow_array_copy(NULL));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_copy");
}

/* CPython: _TestSharedCTypes.test_synchronize */
Test(synchronized, texts_and_their_ends)
{
    furrow_synchronized *s = furrow_synchronized_new('c', 5, NULL);
    furrow_synchronized *number = furrow_synchronized_new('i', 5, NULL);
    char text[6] = "?";

    cr_assert_eq(furrow_synchronized_get_text(s, text, 1, 0), 0);
    cr_assert_str_eq(text, "");
    cr_assert_eq(furrow_synchronized_set_text(s, "hello", 0), 0, "without its NUL");
    cr_assert_eq(furrow_synchronized_get_text(s, text, sizeof text, 0), 0);
    cr_assert_str_eq(text, "hello");
    cr_assert_eq(furrow_synchronized_get_text(s, text, 5, 0), FURROW_ESHORT);
    cr_assert_eq(furrow_synchronized_set_text(s, "hello!", 0), FURROW_EFULL);
    cr_assert_eq(furrow_synchronized_set_text(s, "hi", 0), 0);
    cr_assert_eq(memcmp(furrow_synchronized_array(s)->data, "hi\0lo", 5), 0, "raw");
    cr_assert_eq(furrow_synchronized_set_text(s, NULL, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_set_text(number, "hi", 0), FURROW_ETYPE);
    cr_assert_eq(furrow_synchronized_get_text(number, text, 6, 0), FURROW_ETYPE);
    cr_assert_eq(furrow_synchronized_free(s) | furrow_synchronized_free(number), 0);
}

/* ---- the lock ---------------------------------------------------------------------*/

static int hold(void *shared)
{
    board *b = shared;

    child_want(furrow_synchronized_lock(b->s[0], FURROW_FOREVER) == 0);
    b->ready = 1;
    while (!b->go)
        left_sleep(0.001);
    return furrow_synchronized_unlock(b->s[0]) != 0;
}

Test(synchronized, waits_for_its_holder_until_the_deadline)
{
    board *b = board_new();
    double begin;
    peer p;
    int x = 0;

    b->s[0] = furrow_synchronized_new('i', 1, NULL);
    cr_assert_eq(peer_start(&p, hold, b), 0);
    while (!b->ready)
        left_sleep(0.001);
    cr_assert_eq(furrow_synchronized_get(b->s[0], &x, 0), FURROW_ETIME);
    begin = left_clock();
    cr_assert_eq(furrow_synchronized_set(b->s[0], &x, furrow_in(0.05)), FURROW_ETIME);
    cr_assert(left_clock() - begin >= 0.05);
    cr_assert_eq(furrow_synchronized_unlock(b->s[0]), FURROW_EOWNER);
    cr_assert_eq(furrow_synchronized_free(b->s[0]), FURROW_EBUSY, "it stays");
    b->go = 1;
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_synchronized_get(b->s[0], &x, 0), 0);
    cr_assert_eq(furrow_synchronized_free(b->s[0]), 0);
}

Test(synchronized, its_holder_may_read_and_write)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 1, NULL);
    const int five = 5;
    int x = 0;

    cr_assert_eq(furrow_synchronized_lock(s, 0), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), 0);
    cr_assert_eq(furrow_synchronized_set(s, &five, 0), 0);
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), 0);
    cr_assert_eq(x, 5);
    cr_assert_eq(furrow_synchronized_unlock(s) | furrow_synchronized_unlock(s), 0);
    cr_assert_eq(furrow_synchronized_unlock(s), FURROW_EOWNER);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

static int die_with_it(void *shared)
{
    furrow_synchronized *s = shared;

    child_want(furrow_synchronized_lock(s, FURROW_FOREVER) == 0);
    *(int *)furrow_synchronized_array(s)->data = 1;
    raise(SIGKILL);
    return 0;
}

static void told_once(furrow_lock *given)
{
    furrow_synchronized *s =
        furrow_synchronized_new('i', 1, &(furrow_synchronized_options){.lock = given});
    int x = 0;

    cr_assert_eq(child_run(die_with_it, s), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), FURROW_OWNERDIED);
    cr_assert_eq(x, 1);
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), 0);
    cr_assert_eq(child_run(die_with_it, s), CHILD_SIGNAL + SIGKILL);
    x = 2;
    cr_assert_eq(furrow_synchronized_set(s, &x, 0), FURROW_OWNERDIED);
    x = 0;
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), 0);
    cr_assert_eq(x, 2);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

Test(synchronized, a_dead_holder_is_told_once)
{
    told_once(NULL);
}

/* Also when the first to come had something else to be told. */
Test(synchronized, a_dead_holder_is_told_behind_a_short_buffer)
{
    furrow_synchronized *s = furrow_synchronized_new(
        'c', 8, &(furrow_synchronized_options){.from = "written"});
    char text[8];

    cr_assert_eq(child_run(die_with_it, s), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_synchronized_set_text(s, "written", 0), FURROW_OWNERDIED);
    cr_assert_eq(child_run(die_with_it, s), CHILD_SIGNAL + SIGKILL);
    memcpy(furrow_synchronized_array(s)->data, "written", 8);
    cr_assert_eq(furrow_synchronized_get_text(s, text, 4, 0), FURROW_ESHORT);
    cr_assert_eq(furrow_synchronized_get_text(s, NULL, 0, 0), FURROW_ESHORT);
    cr_assert_eq(furrow_synchronized_get_text(s, text, 8, 0), FURROW_OWNERDIED);
    cr_assert_str_eq(text, "written");
    cr_assert_eq(furrow_synchronized_get_text(s, text, 8, 0), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

Test(synchronized, a_dead_holder_of_a_given_lock_is_told_once)
{
    furrow_lock *l = furrow_lock_new(NULL);

    told_once(l);
    cr_assert_eq(furrow_lock_free(l), 0);
}

Test(synchronized, after_a_death_lock_and_unlock_are_enough)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 1, NULL);

    cr_assert_eq(child_run(die_with_it, s), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_synchronized_lock(s, 0), FURROW_OWNERDIED);
    cr_assert_eq(furrow_synchronized_unlock(s), 0);
    cr_assert_eq(furrow_synchronized_lock(s, 0), 0);
    cr_assert_eq(furrow_synchronized_unlock(s), 0);
    cr_assert_eq(furrow_synchronized_free(s), 0);
}

static int make_and_die(void *shared)
{
    board *b = shared;

    b->s[0] = furrow_synchronized_new('i', 10,
                                      &(furrow_synchronized_options){.from = sequence});
    raise(SIGKILL);
    return 0;
}

Test(synchronized, outlives_its_maker)
{
    board *b = board_new();
    int x = 0;

    cr_assert_eq(child_run(make_and_die, b), CHILD_SIGNAL + SIGKILL);
    fw_heap_sweep();
    cr_assert_eq(furrow_synchronized_read(b->s[0], 9, 1, &x, 0), 0);
    cr_assert_eq(x, 831);
    cr_assert_eq(furrow_synchronized_free(b->s[0]), 0);
}

/* ---- handles ----------------------------------------------------------------------*/

Test(synchronized, handles_that_are_none)
{
    furrow_synchronized *s = furrow_synchronized_new('i', 1, NULL);
    int x = 0;

    furrow_error_clear();
    cr_assert_eq(furrow_synchronized_lock(NULL, 0), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_synchronized_lock");
    cr_assert_eq(furrow_synchronized_free(NULL), 0);
    cr_assert_eq(furrow_synchronized_free((furrow_synchronized *)(void *)&x),
                 FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_free(s), 0);
    cr_assert_eq(furrow_synchronized_free(s), FURROW_EINVAL);
    cr_assert_eq(furrow_synchronized_get(s, &x, 0), FURROW_EINVAL);
    cr_assert_null(furrow_synchronized_array(s));
    cr_assert_null(furrow_synchronized_get_lock(s));
}

Test(synchronized, types_that_are_none)
{
    left_mark mark = left_now();

    cr_assert_null(furrow_synchronized_new('z', 1, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_synchronized_new");
    cr_assert_null(furrow_synchronized_new(FURROW_STRUCT, 1, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_synchronized_new('d', SIZE_MAX / 16, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    cr_assert_eq(left_since(&mark, 0), 0);
}

Test(synchronized, leaves_nothing)
{
    left_mark mark = left_now();

    for (int i = 0; i < 20; i++)
        cr_assert_eq(
            furrow_synchronized_free(furrow_synchronized_new('d', 1u << i, NULL)), 0);
    cr_assert_eq(left_since(&mark, 0), 0);
}
