/* SPDX-License-Identifier: MIT
 *
 * Checking a call, in the caller, with a sentence for each mistake; and running one chunk
 * of it, in a worker.
 */
#include "call.h"

#include "chunk.h"
#include "nothrow.h"
#include "status.h"
#include "type.h"

#include <string.h>

/* ---- checking -----------------------------------------------------------------------*/

static const char *operand_name(int k)
{
    static const char *const name[FW_CALL_OPERANDS] = {
        "in[0]", "in[1]", "in[2]", "in[3]", "out[0]", "out[1]", "out[2]", "out[3]"};

    return name[k];
}

static furrow_array *requested(const furrow_call *r, int k)
{
    return k < FURROW_MAX_OPERANDS ? r->in[k] : r->out[k - FURROW_MAX_OPERANDS];
}

/* The array that is operand k: NULL with an error when it may not be. */
static fw_array *operand(const furrow_array *view, int k)
{
    fw_array *a = fw_array_of(view);

    if (!a)
        fw_fail(FURROW_EINVAL, "%s is not a live array", operand_name(k));
    if (!a || k < FURROW_MAX_OPERANDS || a->root->kind != FW_ARRAY_FILE ||
        a->root->writable)
        return a;
    fw_fail(FURROW_EINVAL, "%s is mapped read-only", operand_name(k));
    return NULL;
}

int fw_call_operand_here(const furrow_array *view, int k)
{
    const fw_array *a = operand(view, k);

    return a ? fw_array_map_here(a) : FURROW_EINVAL;
}

static int take_operand(fw_call *c, int k, furrow_array *view)
{
    fw_array *a = operand(view, k);

    if (!a)
        return FURROW_EINVAL;
    if (c->job.len && c->job.len != view->len)
        return fw_fail(FURROW_EINVAL, "%s has %zu elements, the call %zu",
                       operand_name(k), view->len, c->job.len);
    c->operand[k] = a;
    c->serial[k] = a->serial;
    c->job.data[k] = view->data;
    c->job.itemsize[k] = view->itemsize;
    if (k < FURROW_MAX_OPERANDS)
        c->job.ins = k + 1;
    else
        c->job.outs = k - FURROW_MAX_OPERANDS + 1;
    if (a->root->kind == FW_ARRAY_FILE) {
        c->job.file[k] = a;
        c->job.files++;
    }
    return 0;
}

/* The length is that of the first array; an empty one decides it too. */
static int take_operands(fw_call *c)
{
    const furrow_call *r = &c->request;
    const furrow_array *first = NULL;

    for (int k = 0; k < FW_CALL_OPERANDS; k++) {
        furrow_array *view = requested(r, k);
        int rc = view ? take_operand(c, k, view) : 0;

        if (rc < 0)
            return rc;
        if (view && first && view->len != first->len)
            return fw_fail(FURROW_EINVAL,
                           "%s has %zu elements, the array before it %zu",
                           operand_name(k), view->len, first->len);
        if (view && !first)
            first = view;
    }
    if (first)
        c->job.len = first->len;
    return 0;
}

static int check_item(const fw_call *c, int k, int code, const fw_struct *layout)
{
    const fw_array *a = c->operand[k];

    if (!a)
        return fw_fail(FURROW_ETYPE, "types has '%c' for %s, which is NULL", code,
                       operand_name(k));
    if (a->view.type != code)
        return fw_fail(FURROW_ETYPE, "%s is '%c', the kernel takes '%c'",
                       operand_name(k), a->view.type, code);
    if (code == FURROW_STRUCT && layout->size != a->view.itemsize)
        return fw_fail(FURROW_ETYPE,
                       "%s has structs of %zu bytes, the kernel takes %zu",
                       operand_name(k), a->view.itemsize, layout->size);
    return 0;
}

/* One side of "dd>d": the items for operands [from, from + FURROW_MAX_OPERANDS). */
static int check_side(const fw_call *c, const char **at, int from)
{
    fw_struct layout;
    int k, code = 0;

    for (k = from; k < from + FURROW_MAX_OPERANDS; k++) {
        int rc;

        code = fw_type_parse_item(at, &layout);
        if (code <= 0)
            break;
        rc = check_item(c, k, code, &layout);
        if (rc < 0)
            return rc;
    }
    if (code < 0)
        return code;
    if (code > 0 && **at && **at != '>')
        return fw_fail(FURROW_ETYPE, "types has more than %d items on one side",
                       FURROW_MAX_OPERANDS);
    for (; k < from + FURROW_MAX_OPERANDS; k++)
        if (c->operand[k])
            return fw_fail(FURROW_ETYPE, "types has nothing for %s", operand_name(k));
    return 0;
}

static int check_types(const fw_call *c)
{
    const char *at = c->request.types;
    int rc;

    if (!at)
        return 0;
    rc = check_side(c, &at, 0);
    if (rc < 0)
        return rc;
    if (*at != '>')
        return fw_fail(FURROW_ETYPE,
                       "types is \"%.60s\"; it reads inputs > outputs, as "
                       "in \"dd>d\"",
                       c->request.types);
    at++;
    return check_side(c, &at, FURROW_MAX_OPERANDS);
}

static int check_request(const furrow_call *r)
{
    if (!r->kernel)
        return fw_fail(FURROW_EINVAL, "the call has no kernel");
    if (r->ctx_size && !r->ctx)
        return fw_fail(FURROW_EINVAL, "ctx is NULL, ctx_size is %zu", r->ctx_size);
    if (r->policy != FURROW_REPORT)
        return fw_fail(FURROW_EINVAL, "there is no policy %d", (int)r->policy);
    if (r->flags & ~(unsigned)FURROW_CALLER_RUNS)
        return fw_fail(FURROW_EINVAL, "there is no flag 0x%x",
                       r->flags & ~(unsigned)FURROW_CALLER_RUNS);
    return 0;
}

/* ---- how big, how patient -----------------------------------------------------------*/

static size_t widest(const fw_call *c)
{
    size_t width = 1;

    for (int k = 0; k < FW_CALL_OPERANDS; k++)
        if (c->job.itemsize[k] > width)
            width = c->job.itemsize[k];
    return width;
}

/* How long a worker that is late keeps its share: half of what the share takes when memory
 * gives 10 GB/s, between 2 us (a spinning worker comes sooner) and 60 us (about a wake). */
static uint32_t grace_for(size_t bytes, int workers)
{
    size_t ns = bytes / (size_t)workers / 20;

    return ns < FW_GRACE_SMALL ? FW_GRACE_SMALL : ns > 60000 ? 60000 : (uint32_t)ns;
}

static void size_up(fw_call *c, int workers)
{
    size_t width = widest(c);

    c->job.chunk = fw_chunk_for_map(c->job.len, width, workers, c->request.chunk);
    c->chunks = (uint32_t)fw_chunk_count(c->job.len, c->job.chunk);
    c->grace_ns = grace_for(c->job.len * width, workers);
}

int fw_call_resolve(const furrow_call *request, size_t size, int workers, fw_call *out)
{
    int rc;

    memset(out, 0, sizeof *out);
    memcpy(&out->request, request, size < sizeof *request ? size : sizeof *request);
    out->job.len = out->request.len;
    rc = check_request(&out->request);
    if (rc == 0)
        rc = take_operands(out);
    if (rc == 0)
        rc = check_types(out);
    if (rc < 0)
        return rc;
    out->job.made.index = FW_CALL_NONE_MADE;
    out->job.kernel = out->request.kernel;
    out->job.ctx_size = out->request.ctx_size;
    if (out->request.ctx_size <= FW_CALL_CTX_MAX)
        fw_call_set_ctx(out, out->request.ctx);
    size_up(out, workers);
    return 0;
}

static int same_operand(const fw_call *c, int k)
{
    const fw_array *a = c->operand[k];

    return !a ||
           (fw_load_acquire(&a->magic) == FW_ARRAY_MAGIC && a->serial == c->serial[k]);
}

int fw_call_same(const fw_call *c, const furrow_call *request, size_t size)
{
    if (size != sizeof *request || memcmp(&c->request, request, sizeof *request) != 0 ||
        c->request.ctx_size > FW_CALL_CTX_MAX)
        return 0;
    for (int k = 0; k < c->job.ins; k++)
        if (!same_operand(c, k))
            return 0;
    for (int k = 0; k < c->job.outs; k++)
        if (!same_operand(c, k + FURROW_MAX_OPERANDS))
            return 0;
    return c->lasting || fw_entry_unloads() == c->unloads;
}

void fw_call_set_ctx(fw_call *c, const void *ctx)
{
    if (c->request.ctx_size)
        memcpy(c->job.ctx, ctx, c->request.ctx_size);
}

/* ---- running ----------------------------------------------------------------------*/

/* Once per job: this is the worker's own copy of it. But what is not to be had now may be
 * there when the same call comes again. */
static furrow_kernel kernel_of(fw_call_job *job)
{
    furrow_kernel here;

    if (!job->named)
        return job->kernel;
    here = fw_kernel_named(job->named, job->kernel);
    if (here) {
        job->kernel = here;
        job->named = NULL;
    }
    return here;
}

static int map_files(const fw_call_job *job)
{
    for (int k = 0; k < FW_CALL_OPERANDS; k++)
        if (job->file[k] && fw_array_map_here(job->file[k]) < 0)
            return furrow_last_error()->code;
    return 0;
}

static void *element(const fw_call_job *job, int k, size_t begin)
{
    return (void *)((uintptr_t)job->data[k] + begin * job->itemsize[k]);
}

/* What is not set here is zero for good. */
static void make_chunk(fw_call_job *job, uint32_t chunk, int worker)
{
    furrow_chunk *c = &job->made;

    c->begin = chunk * job->chunk;
    c->len = job->len - c->begin < job->chunk ? job->len - c->begin : job->chunk;
    c->ctx = job->far_ctx ? job->far_ctx : job->ctx;
    c->ctx_size = job->ctx_size;
    c->index = chunk;
    c->worker = worker;
    for (int k = 0; k < job->ins; k++)
        c->in[k] = element(job, k, c->begin);
    for (int k = 0; k < job->outs; k++)
        c->out[k] = element(job, k + FURROW_MAX_OPERANDS, c->begin);
}

/* In a hot loop the chunk is the one of the last time: it is kept, because to make it and
 * pass it by value at once stalls for a tenth of a dispatch (words just stored, loaded in
 * other sizes). */
int fw_call_run(void *payload, uint32_t chunk, int worker)
{
    fw_call_job *job = payload;
    furrow_kernel kernel = kernel_of(job);

    fw_nothrow_frame();
    if (!kernel)
        return FW_CALL_NO_KERNEL;
    if (job->files && map_files(job) < 0)
        return FW_CALL_NO_FILE;
    if (job->made.index != chunk || job->made.worker != worker) {
        if (chunk * job->chunk >= job->len)
            return FW_CALL_NO_CHUNK; /* a stray store into a range or a list */
        make_chunk(job, chunk, worker);
    }
    return kernel(job->made);
}
