/* SPDX-License-Identifier: MIT
 *
 * The verbs over the built-in kernels: check the operands, choose between ordinary and
 * streaming stores, run.
 *
 * The caller takes part in calls on arrays that are not large: our kernels do not crash, and
 * to wait for others costs more than such a call.
 *
 * A call whose operands are below FW_CHUNK_INLINE_BYTES together is worked on in the
 * caller, by the same kernels and with the same result bit for bit. Arrays that overlap
 * without being the same are refused: what a chunk reads, another would write.
 */
#include "builtin.h"
#include "chunk.h"
#include "cpu.h"
#include "pool.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

/* ---- checks -----------------------------------------------------------------------*/

static int fail_pointer(const char *what)
{
    return fw_fail(FURROW_EINVAL, "%s is NULL", what);
}

/* Arithmetic of the array's type; *row is NULL when this fails. */
static int find_row(const furrow_array *a, const fw_builtin **row)
{
    *row = fw_builtin_of(a->type);
    if (*row)
        return 0;
    return fw_fail(FURROW_ETYPE, "there is no arithmetic on '%c': fill and copy only",
                   a->type);
}

static int fail_operation(const furrow_array *a, const char *operation)
{
    return fw_fail(FURROW_ETYPE, "'%c' has no %s", a->type, operation);
}

static int same_type(const furrow_array *a, const furrow_array *b)
{
    if (a->type != b->type || a->itemsize != b->itemsize)
        return 0;
    return a->type != FURROW_STRUCT ||
           strcmp(furrow_array_format(a), furrow_array_format(b)) == 0;
}

/* Two operands of one type and length; by their names in the header: "x y". */
static int check_alike(const char *names, const furrow_array *a, const furrow_array *b)
{
    const int first = (int)strcspn(names, " ");
    const int typed = same_type(a, b);

    if (typed && a->len == b->len)
        return 0;
    return fw_fail(typed ? FURROW_EINVAL : FURROW_ETYPE,
                   "%.*s is '%c' with %zu elements, %s is '%c' with %zu", first, names,
                   a->type, a->len, names + first + 1, b->type, b->len);
}

/* The same, of which one is written. */
static int check_pair(const char *names, const furrow_array *a, const furrow_array *b)
{
    const int first = (int)strcspn(names, " ");
    const uintptr_t p = (uintptr_t)a->data, q = (uintptr_t)b->data;
    const int rc = check_alike(names, a, b);

    if (rc || p == q || p + a->len * a->itemsize <= q || q + b->len * b->itemsize <= p)
        return rc;
    return fw_fail(FURROW_EINVAL, "%.*s and %s overlap without being the same", first,
                   names, names + first + 1);
}

/* ---- maps -------------------------------------------------------------------------*/

/* Is streaming worth it? Only for output that is not input too and fits no cache. */
static int streams(const furrow_array *out)
{
    const size_t bytes = out->len * out->itemsize;

    return bytes >= (size_t)1 << 20 && bytes > fw_cpu_cache_size();
}

static size_t operands_of(const furrow_call *call)
{
    size_t count = 0;

    for (int k = 0; k < FURROW_MAX_OPERANDS; k++)
        count += (size_t)(call->in[k] != NULL) + (size_t)(call->out[k] != NULL);
    return count;
}

/* The whole call as one chunk, in the caller. */
static int run_here(const furrow_call *call)
{
    furrow_chunk c = {
        .len = call->out[0]->len, .ctx = call->ctx, .ctx_size = call->ctx_size};
    int rc = 0;

    for (int k = 0; k < FURROW_MAX_OPERANDS && rc == 0; k++) {
        if (call->in[k]) {
            rc = fw_call_operand_here(call->in[k], k);
            c.in[k] = call->in[k]->data;
        }
        if (call->out[k] && rc == 0) {
            rc = fw_call_operand_here(call->out[k], k + FURROW_MAX_OPERANDS);
            c.out[k] = call->out[k]->data;
        }
    }
    return rc < 0 ? rc : call->kernel(c);
}

static int run(furrow_pool *pool, furrow_call *call)
{
    const furrow_array *out = call->out[0];
    int rc = fw_pool_use(pool);

    if (rc < 0 || out->len == 0)
        return rc < 0 ? rc : 0;
    if (out->len * out->itemsize * operands_of(call) < FW_CHUNK_INLINE_BYTES)
        return run_here(call);
    call->flags =
        fw_chunk_caller_runs(out->len * out->itemsize) ? FURROW_CALLER_RUNS : 0;
    return furrow_map(pool, call);
}

static fw_builtin_ctx make_ctx(const furrow_array *out, const void *scalar, int stream)
{
    fw_builtin_ctx ctx = {.itemsize = out->itemsize, .stream = stream};

    if (scalar)
        memcpy(ctx.scalar, scalar, out->itemsize);
    return ctx;
}

static int fill(furrow_pool *pool, furrow_array *a, const void *value)
{
    const size_t size = sizeof(fw_builtin_fill) + a->itemsize;
    fw_builtin_fill *ctx;
    int rc;

    if (!value)
        return fail_pointer("value");
    ctx = malloc(size);
    if (!ctx)
        return fw_fail(FURROW_ENOMEM, "no memory for an element of %zu bytes",
                       a->itemsize);
    ctx->itemsize = a->itemsize;
    ctx->stream = streams(a);
    memcpy(ctx->element, value, a->itemsize);
    rc = run(pool, &(furrow_call){.kernel = fw_builtin_fill_kernel,
                                  .out = {a},
                                  .ctx = ctx,
                                  .ctx_size = size});
    free(ctx);
    return rc;
}

static int copy(furrow_pool *pool, furrow_array *to, furrow_array *from)
{
    const fw_builtin_ctx ctx = make_ctx(to, NULL, streams(to));
    const int rc = check_pair("to from", to, from);

    if (rc || to->data == from->data)
        return rc;
    return run(pool, &(furrow_call){.kernel = fw_builtin_copy_kernel,
                                    .in = {from},
                                    .out = {to},
                                    .ctx = &ctx,
                                    .ctx_size = sizeof ctx});
}

static int scale(furrow_pool *pool, furrow_array *a, const void *factor)
{
    const fw_builtin *row;
    fw_builtin_ctx ctx;
    int rc = find_row(a, &row);

    if (rc)
        return rc;
    if (!row->scale)
        return fail_operation(a, "product");
    if (!factor)
        return fail_pointer("factor");
    ctx = make_ctx(a, factor, 0);
    return run(pool, &(furrow_call){.kernel = row->scale,
                                    .out = {a},
                                    .ctx = &ctx,
                                    .ctx_size = sizeof ctx});
}

static int axpy(furrow_pool *pool, const void *a, furrow_array *x, furrow_array *y)
{
    const fw_builtin *row;
    fw_builtin_ctx ctx;
    int rc = check_pair("x y", x, y);

    if (rc || (rc = find_row(x, &row)))
        return rc;
    if (!row->axpy)
        return fail_operation(x, "product");
    if (!a)
        return fail_pointer("a");
    ctx = make_ctx(y, a, 0);
    return run(pool, &(furrow_call){.kernel = row->axpy,
                                    .in = {x},
                                    .out = {y},
                                    .ctx = &ctx,
                                    .ctx_size = sizeof ctx});
}

/* z, x and y are those of `call`, which lacks the kernel and ctx. */
static int triad(furrow_pool *pool, furrow_call *call, const void *a)
{
    furrow_array *z = call->out[0], *x = call->in[0], *y = call->in[1];
    const int in_place = z->data == x->data || z->data == y->data;
    const fw_builtin *row;
    fw_builtin_ctx ctx;
    int rc = check_pair("z x", z, x);

    if (rc || (rc = check_pair("z y", z, y)) || (rc = find_row(z, &row)))
        return rc;
    if (!row->triad)
        return fail_operation(z, "product");
    if (!a)
        return fail_pointer("a");
    ctx = make_ctx(z, a, !in_place && streams(z));
    call->kernel = row->triad;
    call->ctx = &ctx;
    call->ctx_size = sizeof ctx;
    return run(pool, call);
}

int furrow_fill(furrow_pool *pool, furrow_array *a, const void *value)
{
    if (!pool || !a)
        return fw_fail_null(pool ? "a" : "pool");
    return fw_status_in(__func__, fill(pool, a, value));
}

int furrow_copy(furrow_pool *pool, furrow_array *to, furrow_array *from)
{
    if (!pool || !to || !from)
        return fw_fail_null(!pool ? "pool" : !to ? "to" : "from");
    return fw_status_in(__func__, copy(pool, to, from));
}

int furrow_scale(furrow_pool *pool, furrow_array *a, const void *factor)
{
    if (!pool || !a)
        return fw_fail_null(pool ? "a" : "pool");
    return fw_status_in(__func__, scale(pool, a, factor));
}

int furrow_axpy(furrow_pool *pool, const void *a, furrow_array *x, furrow_array *y)
{
    if (!pool || !x || !y)
        return fw_fail_null(!pool ? "pool" : !x ? "x" : "y");
    return fw_status_in(__func__, axpy(pool, a, x, y));
}

int furrow_triad(furrow_pool *pool, furrow_array *z, furrow_array *x, const void *a,
                 furrow_array *y)
{
    if (!pool || !z || !x || !y)
        return fw_fail_null(!pool ? "pool" : !z ? "z" : !x ? "x" : "y");
    return fw_status_in(__func__,
                        triad(pool, &(furrow_call){.in = {x, y}, .out = {z}}, a));
}

/* ---- reductions -------------------------------------------------------------------*/

static int sum(furrow_pool *pool, furrow_array *a, void *out)
{
    const fw_builtin *row;
    fw_slot total;
    int rc = find_row(a, &row);

    if (rc)
        return rc;
    if (!out)
        return fail_pointer("out");
    memset(&total, 0, sizeof total);
    if (a->len)
        rc = fw_reduce(pool, &(fw_reduction){row->sum, row->add, {a}}, &total);
    if (!rc)
        memcpy(out, &total, row->total_size);
    return rc;
}

static int dot(furrow_pool *pool, furrow_array *a, furrow_array *b, void *out)
{
    const fw_builtin *row;
    fw_slot total;
    int rc = check_alike("a b", a, b);

    if (rc || (rc = find_row(a, &row)))
        return rc;
    if (!row->dot)
        return fail_operation(a, "product");
    if (!out)
        return fail_pointer("out");
    memset(&total, 0, sizeof total);
    if (a->len)
        rc = fw_reduce(pool, &(fw_reduction){row->dot, row->add, {a, b}}, &total);
    if (!rc)
        memcpy(out, &total, row->total_size);
    return rc;
}

static int extreme(furrow_pool *pool, furrow_array *a, int greatest, void *out)
{
    const fw_builtin *row;
    fw_slot element;
    int rc = find_row(a, &row);

    if (rc)
        return rc;
    if (!row->min)
        return fail_operation(a, "order");
    if (!out)
        return fail_pointer("out");
    if (!a->len)
        return fw_fail(FURROW_EINVAL, "an empty array has neither least nor greatest");
    rc = fw_reduce(pool,
                   &(fw_reduction){greatest ? row->max : row->min,
                                   greatest ? row->greater : row->lesser,
                                   {a}},
                   &element);
    if (!rc)
        memcpy(out, element.bytes, a->itemsize);
    return rc;
}

int furrow_sum(furrow_pool *pool, furrow_array *a, void *out)
{
    if (!pool || !a)
        return fw_fail_null(pool ? "a" : "pool");
    return fw_status_in(__func__, sum(pool, a, out));
}

int furrow_min(furrow_pool *pool, furrow_array *a, void *out)
{
    if (!pool || !a)
        return fw_fail_null(pool ? "a" : "pool");
    return fw_status_in(__func__, extreme(pool, a, 0, out));
}

int furrow_max(furrow_pool *pool, furrow_array *a, void *out)
{
    if (!pool || !a)
        return fw_fail_null(pool ? "a" : "pool");
    return fw_status_in(__func__, extreme(pool, a, 1, out));
}

int furrow_dot(furrow_pool *pool, furrow_array *a, furrow_array *b, void *out)
{
    if (!pool || !a || !b)
        return fw_fail_null(!pool ? "pool" : !a ? "a" : "b");
    return fw_status_in(__func__, dot(pool, a, b, out));
}
