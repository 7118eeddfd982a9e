/* SPDX-License-Identifier: MIT
 *
 * Maps: every element once, whatever the length, type, shape and number of workers; and
 * what a kernel may do.
 */
#include "engine/pools.h"

#include <fcntl.h>

TestSuite(map, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* ---- lengths ----------------------------------------------------------------------*/

typedef struct piece {
    uint64_t begin, len, ran;
    int32_t worker;
} piece;

/* ctx: where pieces are noted, by index. */
static int note_piece(furrow_chunk c)
{
    piece *pieces;

    memcpy(&pieces, c.ctx, sizeof pieces);
    pieces[c.index].begin = c.begin;
    pieces[c.index].len = c.len;
    pieces[c.index].worker = c.worker;
    pieces[c.index].ran++;
    return pools_count(c);
}

static void check_pieces(const piece *p, size_t room, size_t len, int workers)
{
    size_t next = 0, i;

    for (i = 0; i < room && p[i].ran; i++) {
        cr_assert_eq(p[i].ran, 1);
        cr_assert_eq(p[i].begin, next);
        cr_assert(p[i].len > 0);
        cr_assert(p[i].worker >= 0 && p[i].worker < workers);
        next += p[i].len;
    }
    cr_assert_eq(next, len);
    for (; i < room; i++)
        cr_assert_eq(p[i].ran, 0);
}

static void map_length(furrow_pool *pool, size_t len, size_t chunk, unsigned flags)
{
    size_t room = chunk ? len / chunk + 2 : 4096;
    furrow_array *a = pools_array('i', len);
    furrow_array *pieces = pools_array('B', room * sizeof(piece));
    furrow_call call = {.kernel = note_piece,
                        .types = ">i",
                        .out = {a},
                        .chunk = chunk,
                        .ctx = &pieces->data,
                        .ctx_size = sizeof pieces->data,
                        .flags = flags};

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 1, 0, len), 0, "length %zu", len);
    check_pieces(pieces->data, room, len, furrow_pool_workers(pool));
    furrow_array_free(a);
    furrow_array_free(pieces);
}

/* CPython: _TestPool.test_map, _TestPool.test_empty_iterable */
Test(map, every_length_on_every_pool)
{
    static const size_t lengths[] = {0, 1, 7, 1000, (1 << 20) + 3};
    static const int workers[] = {1, 2, 3, 16};

    for (int w = 0; w < 4; w++) {
        furrow_pool *pool = pools_open(workers[w]);

        for (int i = 0; i < 5; i++) {
            map_length(pool, lengths[i], 0, 0);
            map_length(pool, lengths[i], 0, FURROW_CALLER_RUNS);
        }
        pools_close(pool);
    }
    pools_leave_nothing();
}

/* CPython: _TestPool.test_map */
Test(map, chunks_of_the_size_asked_for)
{
    furrow_pool *pool = pools_open(2);

    map_length(pool, 1000, 1, 0);
    map_length(pool, 1000, 7, 0);
    map_length(pool, 1000, 1000, 0);
    map_length(pool, 1000, 100000, FURROW_CALLER_RUNS);
    map_length(pool, (1 << 20) + 3, 4096, 0);
    pools_close(pool);
    pools_leave_nothing();
}

static int power(furrow_chunk c)
{
    const int *exponent = c.ctx;
    double *x = c.out[0], base = *x;

    for (int i = 1; i < *exponent; i++)
        *x *= base;
    return c.len == 1 ? 0 : -1;
}

/* CPython: _TestPool.test_apply */
Test(map, one_element_with_an_argument)
{
    int exponent = 3;
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('d', 1);
    furrow_call call = {.kernel = power,
                        .types = ">d",
                        .out = {a},
                        .ctx = &exponent,
                        .ctx_size = sizeof exponent};

    *(double *)a->data = 5;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(*(double *)a->data, 125);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(map, often)
{
    furrow_pool *pool = pools_open(3);
    furrow_array *a = pools_array('i', 1 << 12);
    furrow_call call = pools_count_call(a);

    for (int i = 1; i <= 3000; i++) {
        call.flags = i % 3 ? 0 : FURROW_CALLER_RUNS;
        call.chunk = i % 5 ? 0 : 100;
        cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
        if (i % 100 == 0)
            cr_assert_eq(pools_others(a, i, 0, a->len), 0, "call %d", i);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static int no_data(furrow_chunk c)
{
    return c.in[0] || c.out[0] || c.out[3] ? 1 : 0;
}

Test(map, without_arrays)
{
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = no_data, .types = ">", .len = 100};

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    call.len = 0;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}

Test(map, larger_than_memory_is_an_error)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = furrow_array_new('d', (size_t)1 << 45, NULL);

    cr_assert_null(a);
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM, "%s", error_text());
    cr_assert_null(furrow_array_new('d', SIZE_MAX / 4, NULL));
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- types and shapes -------------------------------------------------------------*/

/* Each byte tells where it lies. ctx: the size of an element. */
static int paint(furrow_chunk c)
{
    size_t itemsize = *(const size_t *)c.ctx;
    const unsigned char *in = c.in[0];
    unsigned char *out = c.out[0];

    for (size_t i = 0; i < c.len * itemsize; i++)
        out[i] = (unsigned char)(in[i] ^ ((c.begin * itemsize + i) % 251));
    return 0;
}

static void map_type(furrow_pool *pool, furrow_array *in, furrow_array *out)
{
    const unsigned char *from = in->data, *to = out->data;
    char types[160];
    furrow_call call = {.kernel = paint,
                        .types = types,
                        .in = {in},
                        .out = {out},
                        .chunk = 100,
                        .ctx = &in->itemsize,
                        .ctx_size = sizeof(size_t)};
    size_t wrong = 0;

    if (in->type == FURROW_STRUCT)
        snprintf(types, sizeof types, "%s>%s", furrow_array_format(in),
                 furrow_array_format(out));
    else
        snprintf(types, sizeof types, "%c>%c", in->type, out->type);
    memset(in->data, 0x5a, in->len * in->itemsize);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s: %s", types, error_text());
    for (size_t i = 0; i < in->len * in->itemsize; i++)
        wrong += to[i] != (unsigned char)(from[i] ^ (i % 251));
    cr_assert_eq(wrong, 0, "%s", types);
    furrow_array_free(in);
    furrow_array_free(out);
}

Test(map, every_typecode)
{
    static const char codes[] = "cbBhHiIlLqQfdg?FD";
    furrow_array_options o = {.format = "T{d:x:3i:n:?:flag:}"};
    furrow_pool *pool = pools_open(2);

    for (const char *t = codes; *t; t++)
        map_type(pool, pools_array(*t, 1003), pools_array(*t, 1003));
    map_type(pool, furrow_array_new(FURROW_STRUCT, 777, &o),
             furrow_array_new(FURROW_STRUCT, 777, &o));
    pools_close(pool);
    pools_leave_nothing();
}

Test(map, eight_dimensions)
{
    furrow_array_options o = {.ndim = 8, .shape = {2, 3, 1, 4, 5, 2, 3, 7}};
    furrow_pool *pool = pools_open(2);
    furrow_array *a = furrow_array_new('i', 0, &o);
    furrow_call call = pools_count_call(a);

    cr_assert_not_null(a, "%s", error_text());
    cr_assert_eq(a->len, 2 * 3 * 4 * 5 * 2 * 3 * 7);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    o.ndim = 9;
    cr_assert_null(furrow_array_new('i', 0, &o));
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static int add_all(furrow_chunk c)
{
    long *out[4] = {c.out[0], c.out[1], c.out[2], c.out[3]};
    const long *in[4] = {c.in[0], c.in[1], c.in[2], c.in[3]};

    for (size_t i = 0; i < c.len; i++)
        for (int k = 0; k < 4; k++)
            out[k][i] += in[k][i] * (k + 1);
    return 0;
}

Test(map, eight_operands)
{
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = add_all, .types = "llll>llll"};
    size_t wrong = 0;

    for (int k = 0; k < 4; k++) {
        call.in[k] = pools_array('l', 50021);
        call.out[k] = pools_array('l', 50021);
        for (size_t i = 0; i < 50021; i++)
            ((long *)call.in[k]->data)[i] = (long)i + k;
    }
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < 50021; i++)
            wrong += ((long *)call.out[k]->data)[i] != ((long)i + k) * (k + 1);
        furrow_array_free(call.in[k]);
        furrow_array_free(call.out[k]);
    }
    cr_assert_eq(wrong, 0);
    pools_close(pool);
    pools_leave_nothing();
}

Test(map, of_a_slice_stays_inside)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100000),
                 *part = furrow_array_slice(a, 333, 77777);
    furrow_call call = pools_count_call(part);

    cr_assert_not_null(part, "%s", error_text());
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 0, 0, 333), 0);
    cr_assert_eq(pools_others(a, 1, 333, 77777), 0);
    cr_assert_eq(pools_others(a, 0, 77777, a->len), 0);
    furrow_array_free(part);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(map, array_that_is_younger_than_the_workers)
{
    furrow_pool *pool = pools_open(2);

    for (int i = 0; i < 10; i++) {
        furrow_array *a = pools_array('i', 300000);
        furrow_call call = pools_count_call(a);

        cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
        cr_assert_eq(pools_others(a, 1, 0, a->len), 0,
                     "freed memory comes back as zeros");
        furrow_array_free(a);
    }
    pools_close(pool);
    pools_leave_nothing();
}

static int map_named(void *name)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_array_options o = {.name = name};
    furrow_array *a = furrow_array_new('i', 100000, &o), *again;
    furrow_call call = {.kernel = pools_count, .types = ">i", .out = {a}};

    child_want(pool && a);
    child_want(furrow_map(pool, &call) == 0);
    child_want(pools_others(a, 1, 0, a->len) == 0);
    again = furrow_array_attach(name);
    child_want(again);
    call.out[0] = again;
    child_want(furrow_map(pool, &call) == 0);
    child_want(pools_others(a, 2, 0, a->len) == 0);
    child_want(furrow_array_free(again) == 0);
    child_want(furrow_array_free(a) == 0);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

/* In a program of its own: one that has named arrays keeps a guard for them. */
Test(map, named_array_that_is_younger_than_the_workers)
{
    char name[64];

    snprintf(name, sizeof name, "%s", left_name("map"));
    cr_assert_eq(child_run(map_named, name), 0);
    pools_leave_no_program();
}

/* ---- kernels that fail ------------------------------------------------------------*/

/* Fails with its index + 1 in every chunk from ctx on. */
static int fail_from(furrow_chunk c)
{
    if (c.index >= *(const size_t *)c.ctx)
        return (int)c.index + 1;
    return pools_count(c);
}

static void lowest_wins(furrow_pool *pool, furrow_array *a, size_t from, unsigned flags)
{
    furrow_call call = {.kernel = fail_from,
                        .out = {a},
                        .chunk = 10,
                        .flags = flags,
                        .ctx = &from,
                        .ctx_size = sizeof from};
    char wanted[80];

    memset(a->data, 0, a->len * sizeof(int));
    snprintf(wanted, sizeof wanted, "the kernel returned %zu for elements [%zu, %zu)",
             from + 1, 10 * from, 10 * from + 10);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EKERNEL);
    cr_assert_str_eq(error_text(), wanted);
    cr_assert_eq(pools_others(a, 1, 0, 10 * from), 0, "all below it is done");
    cr_assert_eq(pools_others(a, 0, 10 * from, a->len), 0);
}

/* CPython: _TestPool.test_map_no_failfast */
Test(map, lowest_failing_chunk_wins)
{
    furrow_pool *pool = pools_open(3);
    furrow_array *a = pools_array('i', 3000);

    for (size_t from = 0; from < 300; from += 7) {
        lowest_wins(pool, a, from, 0);
        lowest_wins(pool, a, from, FURROW_CALLER_RUNS);
    }
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* Both chunks have begun when the first of them fails, and the second fails after it. */
static int fail_in_turn(furrow_chunk c)
{
    _Atomic int *turn = (_Atomic int *)((int *)c.out[0] - c.index);
    double until = left_clock() + 5;

    if (c.index == 1)
        *turn = 1;
    while (*turn != (c.index == 1 ? 2 : 1) && left_clock() < until)
        left_sleep(0.001);
    if (c.index == 1)
        left_sleep(0.02); /* the other has only to return */
    *turn = 2;
    return 7 + (int)c.index;
}

Test(map, last_to_fail_is_not_the_lowest)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *turn = pools_array('i', 2);
    furrow_call call = {.kernel = fail_in_turn, .out = {turn}, .chunk = 1};

    cr_assert_eq(furrow_map(pool, &call), FURROW_EKERNEL);
    cr_assert_str_eq(error_text(), "the kernel returned 7 for elements [0, 1)");
    furrow_array_free(turn);
    pools_close(pool);
    pools_leave_nothing();
}

static int negative(furrow_chunk c)
{
    return c.index ? -5 : 0;
}

Test(map, negative_values_are_told)
{
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = negative, .len = 4, .chunk = 1};

    cr_assert_eq(furrow_map(pool, &call), FURROW_EKERNEL);
    cr_assert_str_eq(error_text(), "the kernel returned -5 for elements [1, 2)");
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- kernels that make things -----------------------------------------------------*/

/* Makes an array per element and hands it over. */
static int make_arrays(furrow_chunk c)
{
    furrow_array **out = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        size_t len = 1 + (c.begin + i) * 37 % 5000;

        out[i] = furrow_array_new('i', len, NULL);
        if (!out[i])
            return 1;
        for (size_t k = 0; k < len; k++)
            ((int *)out[i]->data)[k] = (int)(c.begin + i);
    }
    return 0;
}

/* Counts what the arrays made by others hold, and frees every second one. */
static int use_arrays(furrow_chunk c)
{
    furrow_array *const *in = c.in[0];
    long *out = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        out[i] = (long)pools_others(in[i], (int)(c.begin + i), 0, in[i]->len);
        if ((c.begin + i) % 2 && furrow_array_free(in[i]) != 0)
            return 1;
    }
    return 0;
}

Test(map, kernels_hand_arrays_over)
{
    furrow_pool *pool = pools_open(3);
    furrow_array *made = pools_array('L', 500), *others = pools_array('l', 500);
    furrow_call make = {
        .kernel = make_arrays, .types = ">L", .out = {made}, .chunk = 3};
    furrow_call use = {.kernel = use_arrays,
                       .types = "L>l",
                       .in = {made},
                       .out = {others},
                       .chunk = 5};
    size_t wrong = 0;

    cr_assert_eq(furrow_map(pool, &make), 0, "%s", error_text());
    cr_assert_eq(furrow_map(pool, &use), 0, "%s", error_text());
    for (size_t i = 0; i < 500; i++) {
        furrow_array *a = ((furrow_array **)made->data)[i];

        wrong += ((long *)others->data)[i] != 0;
        if (i % 2 == 0) {
            wrong += pools_others(a, (int)i, 0, a->len);
            wrong += furrow_array_free(a) != 0;
        }
    }
    cr_assert_eq(wrong, 0);
    furrow_array_free(made);
    furrow_array_free(others);
    pools_close(pool);
    pools_leave_nothing();
}

static int print_it(furrow_chunk c)
{
    printf("%zu.", c.index);
    return 0;
}

/* What kernels print comes out once, when the pool closes at the latest; what the
 * program had in its buffer is its own. */
static int print_to(void *path)
{
    furrow_call call = {.kernel = print_it, .len = 4, .chunk = 1};
    furrow_pool *pool;

    child_want(freopen(path, "w", stdout));
    printf("mine.");
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(pool && furrow_map(pool, &call) == 0);
    child_want(furrow_pool_close(pool) == 0);
    fflush(stdout);
    return 0;
}

Test(map, kernels_print)
{
    char path[64], text[64] = "", seen[5] = "";
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/tmp/furrow-%d-print", (int)getpid());
    cr_assert_eq(child_run(print_to, path), 0);
    f = fopen(path, "r");
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    unlink(path);
    cr_assert_eq(n, strlen("mine.0.1.2.3."), "%s", text);
    cr_assert(strstr(text, "mine."), "%s", text);
    for (const char *t = text; *t; t++)
        if (*t >= '0' && *t <= '3')
            seen[*t - '0']++;
    for (int i = 0; i < 4; i++)
        cr_assert_eq(seen[i], 1, "%s", text);
    pools_leave_nothing();
}
