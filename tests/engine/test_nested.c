/* SPDX-License-Identifier: MIT
 *
 * Calls inside calls: a worker has no workers, so what a kernel calls runs inline.
 */
#include "engine/pools.h"

TestSuite(nested, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

typedef struct inner {
    furrow_pool *pool;
    furrow_array *array[8]; /* one per chunk */
    unsigned flags;
    int depth;
} inner;

/* Maps over an array of its own. */
static int call_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_call call = pools_count_call(in.array[c.index]);

    call.chunk = 100;
    call.flags = in.flags;
    return furrow_map(in.pool, &call);
}

static inner inner_of(furrow_pool *pool, unsigned flags)
{
    inner in = {.pool = pool, .flags = flags};

    for (int i = 0; i < 8; i++)
        in.array[i] = pools_array('i', 1000);
    return in;
}

static void free_inner(const inner *in, int value)
{
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(pools_others(in->array[i], value, 0, 1000), 0);
        furrow_array_free(in->array[i]);
    }
}

static furrow_call outer_call(const inner *in, furrow_kernel kernel)
{
    return (furrow_call){
        .kernel = kernel, .len = 8, .chunk = 1, .ctx = in, .ctx_size = sizeof *in};
}

Test(nested, map_on_the_same_pool)
{
    furrow_pool *pool = pools_open(2);
    inner in = inner_of(pool, 0);
    furrow_call call = outer_call(&in, call_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    call.flags = FURROW_CALLER_RUNS;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    in.flags = FURROW_CALLER_RUNS;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    free_inner(&in, 3);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

Test(nested, map_on_another_pool)
{
    furrow_pool *pool = pools_open(2), *other = pools_open(2);
    inner in = inner_of(other, 0), back = inner_of(pool, 0);
    furrow_call call = outer_call(&in, call_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    call = outer_call(&back, call_inside);
    cr_assert_eq(furrow_map(other, &call), 0, "%s", error_text());
    free_inner(&in, 1);
    free_inner(&back, 1);
    pools_close(pool);
    pools_close(other);
    pools_leave_nothing();
}

/* Three levels: ctx of the inner calls is the same inner. */
static int call_deeper(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_call call = outer_call(&in, in.depth == 0 ? call_inside : call_deeper);

    in.depth--;
    return furrow_map(in.pool, &call);
}

Test(nested, three_levels)
{
    furrow_pool *pool = pools_open(2);
    inner in = inner_of(pool, 0);
    furrow_call call = outer_call(&in, call_deeper);

    in.depth = 1;
    call.len = 1;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    free_inner(&in, 8);
    pools_close(pool);
    pools_leave_nothing();
}

static int fail_at_5(furrow_chunk c)
{
    return c.index == 5 ? 77 : 0;
}

static int fail_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_call call = {.kernel = fail_at_5, .len = 100, .chunk = 10};

    if (furrow_map(in.pool, &call) != FURROW_EKERNEL)
        return 1;
    if (strcmp(error_text(), "the kernel returned 77 for elements [50, 60)") != 0)
        return 2;
    call.kernel = NULL;
    return furrow_map(in.pool, &call) == FURROW_EINVAL ? 0 : 3;
}

Test(nested, errors_are_told_inside)
{
    furrow_pool *pool = pools_open(2);
    inner in = {.pool = pool};
    furrow_call call = outer_call(&in, fail_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}

/* Chunks that the deadline finds not started are left out inside too. */
static int late_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_array *a = in.array[c.index];
    const double second = 0.05;
    furrow_call call = {.kernel = pools_count_slowly,
                        .out = {a},
                        .chunk = a->len / 8,
                        .ctx = &second,
                        .ctx_size = sizeof second,
                        .deadline = furrow_in(0.02)};

    if (furrow_pool_workers(in.pool) != 1)
        return 1;
    if (furrow_map(in.pool, &call) != FURROW_ETIME ||
        !strstr(error_text(), "what was started is complete"))
        return 2;
    if (pools_others(a, 0, call.chunk, a->len))
        return 3;
    memset(a->data, 0, a->len * sizeof(int));
    call.deadline = furrow_in(-1);
    return furrow_map(in.pool, &call) == FURROW_ETIME ? 0 : 4;
}

Test(nested, deadline)
{
    furrow_pool *pool = pools_open(2);
    inner in = inner_of(pool, 0);
    furrow_call call = outer_call(&in, late_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    call.flags = FURROW_CALLER_RUNS;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(furrow_pool_workers(pool), 2);
    free_inner(&in, 0);
    pools_close(pool);
    pools_leave_nothing();
}

/* A future made inside is done when it is there. */
static int future_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_call call = pools_count_call(in.array[c.index]);
    furrow_future *f = furrow_map_async(in.pool, &call);
    int rc = !f || furrow_future_ready(f) != 1 || furrow_future_wait(f, 0) != 0 ||
             furrow_future_cancel(f) != 0;

    furrow_future_free(f);
    call.kernel = fail_at_5;
    call.chunk = 10;
    f = furrow_map_async(in.pool, &call);
    rc |= !f || furrow_future_wait(f, FURROW_FOREVER) != FURROW_EKERNEL;
    furrow_future_free(f);
    call.flags = FURROW_CALLER_RUNS; /* refused as outside */
    rc |=
        furrow_map_async(in.pool, &call) || furrow_last_error()->code != FURROW_EINVAL;
    return rc;
}

Test(nested, future)
{
    furrow_pool *pool = pools_open(2);
    inner in = inner_of(pool, 0);
    furrow_call call = outer_call(&in, future_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    free_inner(&in, 1);
    pools_close(pool);
    pools_leave_nothing();
}

static int describe_inside(furrow_pool *pool)
{
    char text[200] = "";
    FILE *f = fmemopen(text, sizeof text, "w");
    int rc = !f || furrow_pool_describe(pool, f);

    if (f)
        fclose(f);
    return rc || !strstr(text, "inside a worker: calls run inline");
}

/* A pool opened inside has no workers of its own, and works. */
static int open_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 4});
    furrow_call call = pools_count_call(in.array[c.index]);
    furrow_pool_stats stats;

    if (!pool || furrow_pool_workers(pool) != 1 ||
        furrow_pool_worker_pid(pool, 0) != -1)
        return 1;
    if (furrow_map(pool, &call) != 0 || furrow_pool_stat(pool, &stats) != 0)
        return 2;
    if (describe_inside(pool))
        return 3;
    if (furrow_pool_populate(pool, in.array[c.index]) != 0)
        return 4;
    return furrow_pool_close(pool) == 0 ? 0 : 5;
}

Test(nested, pool_of_a_worker)
{
    furrow_pool *pool = pools_open(2);
    inner in = inner_of(pool, 0);
    furrow_call call = outer_call(&in, open_inside);
    left_mark before;

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    before = left_now();
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(left_since(&before, 0), 0, "no process comes of it");
    free_inner(&in, 2);
    pools_close(pool);
    pools_leave_nothing();
}

/* A large ctx is read in place. */
static int sum_ctx(furrow_chunk c)
{
    const unsigned char *ctx = c.ctx;
    long *out = c.out[0];

    for (size_t i = 0; i < c.len; i++) {
        out[i] = 0;
        for (size_t k = 0; k < c.ctx_size; k++)
            out[i] += ctx[k];
    }
    return 0;
}

static int large_ctx_inside(furrow_chunk c)
{
    static const size_t sizes[] = {0, 1, 512, 513, 100000};
    static unsigned char ctx[100000];
    inner in = *(const inner *)c.ctx;
    furrow_array *sums = furrow_array_new('l', 3, NULL);
    int rc = 0;

    memset(ctx, 1, sizeof ctx);
    for (int i = 0; i < 5 && !rc; i++) {
        furrow_call call = {
            .kernel = sum_ctx, .out = {sums}, .ctx = ctx, .ctx_size = sizes[i]};

        rc = furrow_map(in.pool, &call) != 0 ||
             ((long *)sums->data)[2] != (long)sizes[i];
    }
    furrow_array_free(sums);
    return rc;
}

Test(nested, ctx_of_every_size)
{
    furrow_pool *pool = pools_open(2);
    inner in = {.pool = pool};
    furrow_call call = outer_call(&in, large_ctx_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}

static int sum_inside(furrow_chunk c)
{
    inner in = *(const inner *)c.ctx;
    furrow_array *big = furrow_array_new('i', 40000, NULL);
    const int one = 1;
    int64_t sum = 0;
    int rc = furrow_fill(in.pool, big, &one) || furrow_sum(in.pool, big, &sum);

    furrow_array_free(big);
    return rc || sum != 40000;
}

Test(nested, reductions)
{
    furrow_pool *pool = pools_open(2);
    inner in = {.pool = pool};
    furrow_call call = outer_call(&in, sum_inside);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}
