/* SPDX-License-Identifier: MIT
 *
 * Reductions that give the same bits for any number of workers.
 *
 * The kernel's ctx is the address of the slots, which is good in every process of the
 * family. Small arrays go through the same chunks and the same tree in the caller.
 */
#include "reduce.h"
#include "chunk.h"
#include "pool.h"
#include "status.h"

#include <string.h>

/* The most chunks that an array worked on in the caller can have. */
#define INLINE_SLOTS (FW_CHUNK_INLINE_BYTES / FW_CHUNK_REDUCE_MIN)

void fw_reduce_put(const furrow_chunk *c, const void *value, size_t size)
{
    fw_slot *slots;

    memcpy(&slots, c->ctx, sizeof slots);
    memcpy(slots[c->index].bytes, value, size);
}

static size_t operand_bytes(const fw_reduction *r)
{
    return r->in[0]->len * r->in[0]->itemsize * (r->in[1] ? 2 : 1);
}

static void fold_pairwise(fw_reduce_fold fold, fw_slot *slots, size_t count)
{
    for (size_t step = 1; step < count; step *= 2)
        for (size_t i = 0; i + step < count; i += 2 * step)
            fold(&slots[i], &slots[i + step]);
}

/* The piece of `size` elements, fewer at the end, that begins at `begin`. */
static furrow_chunk piece_of(const fw_reduction *r, size_t begin, size_t size)
{
    const size_t left = r->in[0]->len - begin;
    furrow_chunk c = {.begin = begin, .len = left < size ? left : size};

    c.index = begin / size;
    for (int k = 0; k < 2 && r->in[k]; k++)
        c.in[k] = (const char *)r->in[k]->data + begin * r->in[k]->itemsize;
    return c;
}

static int reduce_here(const fw_reduction *r, size_t chunk, fw_slot *out)
{
    fw_slot slots[INLINE_SLOTS], *at = slots;
    int rc = 0;

    for (int k = 0; k < 2 && r->in[k] && rc == 0; k++)
        rc = fw_call_operand_here(r->in[k], k);
    if (rc < 0)
        return rc;
    memset(slots, 0, sizeof slots);
    for (size_t begin = 0; begin < r->in[0]->len; begin += chunk) {
        furrow_chunk c = piece_of(r, begin, chunk);

        c.ctx = &at;
        c.ctx_size = sizeof at;
        r->kernel(c);
    }
    fold_pairwise(r->fold, slots, fw_chunk_count(r->in[0]->len, chunk));
    *out = slots[0];
    return 0;
}

static int reduce_pool(furrow_pool *pool, const fw_reduction *r, size_t chunk,
                       fw_slot *out)
{
    const size_t count = fw_chunk_count(r->in[0]->len, chunk);
    const size_t bytes = r->in[0]->len * r->in[0]->itemsize;
    furrow_array *shared = furrow_array_new('B', count * sizeof(fw_slot), NULL);
    fw_slot *slots;
    int rc;

    if (!shared)
        return furrow_last_error()->code;
    slots = shared->data;
    rc = furrow_map(
        pool,
        &(furrow_call){.kernel = r->kernel,
                       .in = {r->in[0], r->in[1]},
                       .ctx = &slots,
                       .ctx_size = sizeof slots,
                       .chunk = chunk,
                       .flags = fw_chunk_caller_runs(bytes) ? FURROW_CALLER_RUNS : 0});
    if (!rc) {
        fold_pairwise(r->fold, slots, count);
        *out = slots[0];
    }
    furrow_array_free(shared);
    return rc;
}

int fw_reduce(furrow_pool *pool, const fw_reduction *r, fw_slot *out)
{
    const size_t chunk = fw_chunk_for_reduce(r->in[0]->len, r->in[0]->itemsize);
    int rc = fw_pool_use(pool);

    if (rc < 0)
        return rc;
    if (operand_bytes(r) < FW_CHUNK_INLINE_BYTES)
        return reduce_here(r, chunk, out);
    return reduce_pool(pool, r, chunk, out);
}
