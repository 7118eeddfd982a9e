/* SPDX-License-Identifier: MIT
 *
 * Calls: each mistake has its sentence, ctx of every size arrives, kernels of every
 * origin are found.
 */
#include "engine/pools.h"
#include "fixtures/late_object.h"

#include <pthread.h>

TestSuite(call, .init = pools_set_up);

static void refused(furrow_pool *pool, furrow_call call, int code, const char *why)
{
    furrow_error_clear();
    cr_assert_eq(furrow_map(pool, &call), code, "%s", why);
    cr_assert_eq(furrow_last_error()->code, code);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_map");
    cr_assert(strstr(furrow_last_error()->text, why), "\"%s\" is not in \"%s\"", why,
              furrow_last_error()->text);
    furrow_error_clear();
    cr_assert_null(furrow_map_async(pool, &call));
    cr_assert_eq(furrow_last_error()->code, code);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_map_async");
    cr_assert(strstr(furrow_last_error()->text, why), "%s", furrow_last_error()->text);
}

static int never(furrow_chunk c)
{
    (void)c;
    return 99;
}

/* ---- types and lengths ------------------------------------------------------------*/

Test(call, types_are_checked)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *d = pools_array('d', 100), *f = pools_array('f', 100);
    furrow_call call = {.kernel = never, .in = {d}, .out = {f}};

    call.types = "d>d";
    refused(pool, call, FURROW_ETYPE, "out[0] is 'f', the kernel takes 'd'");
    call.types = "f>f";
    refused(pool, call, FURROW_ETYPE, "in[0] is 'd', the kernel takes 'f'");
    call.types = "dd>f";
    refused(pool, call, FURROW_ETYPE, "types has 'd' for in[1], which is NULL");
    call.types = "d>ff";
    refused(pool, call, FURROW_ETYPE, "types has 'f' for out[1], which is NULL");
    call.types = ">f";
    refused(pool, call, FURROW_ETYPE, "types has nothing for in[0]");
    call.types = "d>";
    refused(pool, call, FURROW_ETYPE, "types has nothing for out[0]");
    call.types = "d";
    refused(pool, call, FURROW_ETYPE, "it reads inputs > outputs");
    call.types = "";
    refused(pool, call, FURROW_ETYPE, "types");
    call.types = "ddddd>f";
    call.in[1] = call.in[2] = call.in[3] = d;
    refused(pool, call, FURROW_ETYPE, "more than 4 items on one side");
    pools_works(pool);
    furrow_array_free(d);
    furrow_array_free(f);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, structs_are_checked)
{
    furrow_pool *pool = pools_open(1);
    furrow_array *a = furrow_array_new(
        FURROW_STRUCT, 10, &(furrow_array_options){.format = "T{d:x:d:y:}"});
    furrow_call call = {.kernel = never, .types = ">T{d:x:d:y:i:id:}", .out = {a}};

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    refused(pool, call, FURROW_ETYPE,
            "out[0] has structs of 16 bytes, the kernel takes 24");
    call.types = ">d";
    refused(pool, call, FURROW_ETYPE, "out[0] is 'T', the kernel takes 'd'");
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, lengths_are_checked)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100), *b = pools_array('i', 101);
    furrow_array *empty = pools_array('i', 0);
    furrow_call call = {.kernel = never, .in = {a}, .out = {b}};

    refused(pool, call, FURROW_EINVAL, "out[0] has 101 elements, the");
    call.len = 100;
    refused(pool, call, FURROW_EINVAL, "out[0] has 101 elements, the call 100");
    call.out[0] = empty;
    refused(pool, call, FURROW_EINVAL, "out[0] has 0 elements");
    call.in[0] = empty;
    call.out[0] = a;
    call.len = 0;
    refused(pool, call, FURROW_EINVAL, "out[0] has 100 elements");
    furrow_array_free(a);
    furrow_array_free(b);
    furrow_array_free(empty);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, requests_are_checked)
{
    furrow_pool *pool = pools_open(2);
    furrow_array fake = {.len = 10, .itemsize = 4, .type = 'i', .ndim = 1};
    furrow_array *gone = pools_array('i', 10);

    refused(pool, (furrow_call){.len = 10}, FURROW_EINVAL, "the call has no kernel");
    refused(pool, (furrow_call){.kernel = never, .len = 1, .ctx_size = 8},
            FURROW_EINVAL, "ctx is NULL, ctx_size is 8");
    refused(pool, (furrow_call){.kernel = never, .len = 1, .policy = (furrow_policy)3},
            FURROW_EINVAL, "there is no policy 3");
    refused(pool, (furrow_call){.kernel = never, .len = 1, .flags = 8}, FURROW_EINVAL,
            "there is no flag 0x8");
    refused(pool, (furrow_call){.kernel = never, .out = {&fake}}, FURROW_EINVAL,
            "out[0] is not a live array");
    furrow_array_free(gone);
    refused(pool, (furrow_call){.kernel = never, .in = {gone}}, FURROW_EINVAL,
            "in[0] is not a live array");
    furrow_error_clear();
    cr_assert_eq(furrow_map(pool, NULL), FURROW_EINVAL);
    cr_assert(strstr(furrow_last_error()->text, "call is NULL"));
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, of_an_older_program_is_taken)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 1000);
    furrow_call call = pools_count_call(a);

    call.policy = (furrow_policy)77; /* behind what the older program knew */
    cr_assert_eq(furrow_map_sized(pool, &call, offsetof(furrow_call, policy)), 0);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, caller_cannot_run_where_it_does_not_wait)
{
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = never, .len = 1, .flags = FURROW_CALLER_RUNS};

    furrow_error_clear();
    cr_assert_null(furrow_map_async(pool, &call));
    cr_assert(strstr(furrow_last_error()->text, "does not wait in"));
    pools_close(pool);
    pools_leave_nothing();
}

/* A repeated call is recognised: what made it valid must still be looked at. */
Test(call, repeated_with_an_array_freed_meanwhile)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 1000), *b;
    furrow_call call = pools_count_call(a);

    cr_assert_eq(furrow_map(pool, &call), 0);
    cr_assert_eq(furrow_map(pool, &call), 0);
    cr_assert_eq(pools_others(a, 2, 0, a->len), 0);
    furrow_array_free(a);
    refused(pool, call, FURROW_EINVAL, "is not a live array");
    b = pools_array('i', 500); /* very likely where the other one was */
    call = pools_count_call(b);
    cr_assert_eq(furrow_map(pool, &call), 0);
    cr_assert_eq(pools_others(b, 1, 0, b->len), 0);
    furrow_array_free(b);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- ctx --------------------------------------------------------------------------*/

/* ctx: its own size times a pattern; an element is 1 when all of it has arrived. */
static unsigned char pattern(size_t i, unsigned seed)
{
    return (unsigned char)(i * 31 + i / 257 + seed);
}

static int check_ctx(furrow_chunk c)
{
    const unsigned char *ctx = c.ctx;
    unsigned seed = c.ctx_size ? ctx[0] : 0;
    int *out = c.out[0];

    for (size_t i = 0; i < c.ctx_size; i++)
        if (ctx[i] != pattern(i, seed))
            return 1;
    for (size_t i = 0; i < c.len; i++)
        out[i] = (int)c.ctx_size + (int)seed;
    return 0;
}

static void ctx_of(furrow_pool *pool, size_t size, unsigned seed)
{
    furrow_array *a = pools_array('i', 1000);
    unsigned char *ctx = malloc(size + 1);
    furrow_call call = {.kernel = check_ctx,
                        .types = ">i",
                        .out = {a},
                        .chunk = 50,
                        .ctx = ctx,
                        .ctx_size = size};
    int wanted = (int)size + (int)(size ? pattern(0, seed) : 0);
    furrow_future *f;

    for (size_t i = 0; i < size; i++)
        ctx[i] = pattern(i, seed);
    cr_assert_eq(furrow_map(pool, &call), 0, "%zu: %s", size,
                 furrow_last_error()->text);
    cr_assert_eq(pools_others(a, wanted, 0, a->len), 0, "%zu", size);
    memset(a->data, 0, a->len * sizeof(int));
    f = furrow_map_async(pool, &call);
    memset(ctx, 0xff, size); /* it was copied at the call */
    free(ctx);
    cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), 0, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(pools_others(a, wanted, 0, a->len), 0, "%zu", size);
    furrow_future_free(f);
    furrow_array_free(a);
}

Test(call, ctx_of_every_size_arrives)
{
    static const size_t sizes[] = {0, 1, 511, 512, 513, 4096, 1 << 20, 513, 0, 2 << 20};
    furrow_pool *pool = pools_open(2);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        ctx_of(pool, sizes[i], (unsigned)i * 7);
    pools_close(pool);
    pools_leave_nothing();
}

/* The same call again with other bytes behind the same pointer. */
Test(call, ctx_is_read_at_each_call)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 100);
    unsigned char ctx[1];
    furrow_call call = {.kernel = check_ctx, .out = {a}, .ctx = ctx, .ctx_size = 1};

    for (int i = 0; i < 200; i++) {
        ctx[0] = (unsigned char)i;
        cr_assert_eq(furrow_map(pool, &call), 0);
        cr_assert_eq(pools_others(a, 1 + i, 0, a->len), 0);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- kernels ----------------------------------------------------------------------*/

static void adds(furrow_pool *pool, furrow_kernel kernel, int wanted)
{
    furrow_array *a = pools_array('i', 1000);
    furrow_call call = {.kernel = kernel, .types = ">i", .out = {a}, .chunk = 100};
    furrow_future *f;

    cr_assert_not_null(kernel);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(pools_others(a, wanted, 0, a->len), 0);
    f = furrow_map_async(pool, &call);
    cr_assert_eq(furrow_future_wait(f, FURROW_FOREVER), 0, "%s",
                 furrow_last_error()->text);
    furrow_future_free(f);
    cr_assert_eq(pools_others(a, 2 * wanted, 0, a->len), 0);
    furrow_array_free(a);
}

Test(call, kernel_of_an_object_loaded_before)
{
    void *object = late_open(1);
    furrow_pool *pool = pools_open(2);

    adds(pool, late_symbol(object, "late_kernel"), 1);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, kernel_of_an_object_loaded_after)
{
    furrow_pool *pool = pools_open(2);
    void *one = late_open(1), *two = late_open(2);
    furrow_kernel (*hidden)(void) = (furrow_kernel(*)(void))dlsym(two, "late_static");

    for (int i = 0; i < 3; i++) {
        adds(pool, late_symbol(one, "late_kernel"), 1);
        adds(pool, late_symbol(two, "late_kernel"), 2);
        adds(pool, hidden(), -2);
        adds(pool, pools_count, 1);
    }
    pools_close(pool);
    pools_leave_nothing();
}

/* Where one object was lies another one now. */
Test(call, kernel_of_an_object_loaded_over_another)
{
    void *object = late_open(1);
    furrow_pool *pool = pools_open(2);

    adds(pool, late_symbol(object, "late_kernel"), 1);
    dlclose(object);
    object = late_open(2);
    adds(pool, late_symbol(object, "late_kernel"), 2);
    adds(pool, pools_count, 1);
    pools_close(pool);
    pools_leave_nothing();
}

/* The same bytes of a call, arrays and all: the address alone does not tell the kernel. */
static void repeated_over_another(furrow_pool *pool, void *object)
{
    furrow_array *a = pools_array('i', 1000);
    furrow_call call;

    memset(&call, 0, sizeof call);
    call.kernel = late_symbol(object, "late_kernel");
    call.out[0] = a;
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_map(pool, &call), 0);
    dlclose(object);
    object = late_open(2);
    call.kernel = late_symbol(object, "late_kernel"); /* mostly where the other was */
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_map(pool, &call), 0);
    cr_assert_eq(pools_others(a, 2 * 1 + 2 * 2, 0, a->len), 0);
    dlclose(object);
    furrow_array_free(a);
}

Test(call, repeated_with_another_object_in_its_place)
{
    furrow_pool *pool = pools_open(2);

    repeated_over_another(pool, late_open(1));
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, repeated_with_another_object_in_the_place_of_an_old_one)
{
    void *object = late_open(1);
    furrow_pool *pool = pools_open(2);

    repeated_over_another(pool, object);
    pools_close(pool);
    pools_leave_nothing();
}

Test(call, kernel_made_before_the_pool)
{
    furrow_kernel made = late_code(0);
    furrow_pool *pool = pools_open(2);
    furrow_call call = {.kernel = made, .len = 100};

    if (made && pools_anew())
        refused(pool, call, FURROW_ENOTSUP, "in memory that no file backs");
    if (made && !pools_anew()) {
        cr_assert_eq(furrow_map(pool, &call), 0, "%s", furrow_last_error()->text);
        call.kernel = late_code(7); /* threads have it too */
        if (pools_threads())
            cr_assert_eq(furrow_map(pool, &call), FURROW_EKERNEL);
        else
            refused(pool, call, FURROW_ENOTSUP, "in memory that no file backs");
        pools_works(pool);
    }
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- two threads ------------------------------------------------------------------*/

typedef struct caller {
    pthread_t thread;
    furrow_pool *pool;
    int rounds, wrong;
} caller;

static void *call_often(void *arg)
{
    caller *me = arg;
    furrow_array *a = furrow_array_new('i', 3000 + (size_t)me->rounds, NULL);
    furrow_call call = pools_count_call(a);

    for (int i = 1; i <= me->rounds; i++) {
        me->wrong += furrow_map(me->pool, &call) != 0;
        me->wrong += pools_others(a, i, 0, a->len) != 0;
    }
    furrow_array_free(a);
    return NULL;
}

Test(call, of_several_threads_on_one_pool)
{
    furrow_pool *pool = pools_open(2);
    caller callers[4];

    for (int i = 0; i < 4; i++) {
        callers[i] = (caller){.pool = pool, .rounds = 200 + i};
        pthread_create(&callers[i].thread, NULL, call_often, &callers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i].thread, NULL);
        cr_assert_eq(callers[i].wrong, 0);
    }
    pools_close(pool);
    pools_leave_nothing();
}

/* Each thread has its own error. */
static void *fail_often(void *arg)
{
    caller *me = arg;
    furrow_call call = {.kernel = never, .len = 100};

    for (int i = 0; i < me->rounds; i++)
        me->wrong += furrow_map(me->pool, &call) != FURROW_EKERNEL ||
                     !strstr(furrow_last_error()->text, "returned 99");
    return NULL;
}

Test(call, that_fails_beside_one_that_does_not)
{
    furrow_pool *pool = pools_open(2);
    caller good = {.pool = pool, .rounds = 300}, bad = good;

    pthread_create(&good.thread, NULL, call_often, &good);
    pthread_create(&bad.thread, NULL, fail_often, &bad);
    pthread_join(good.thread, NULL);
    pthread_join(bad.thread, NULL);
    cr_assert_eq(good.wrong, 0);
    cr_assert_eq(bad.wrong, 0);
    pools_close(pool);
    pools_leave_nothing();
}
