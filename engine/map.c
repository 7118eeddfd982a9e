/* SPDX-License-Identifier: MIT
 *
 * Maps: a call on all chunks, in the caller's time.
 *
 * A call that repeats the last one (the usual case in a hot loop) is recognised and not
 * checked again; the job that the workers hold stays as it is.
 */
#include "outcome.h"
#include "pool.h"
#include "prepare.h"
#include "job.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

/* ---- inside a worker ----------------------------------------------------------------*/

/* What was started is complete, here as elsewhere. */
static int too_late(const fw_call *call)
{
    return call->request.deadline && fw_os_now() >= call->request.deadline;
}

static int map_here(const furrow_call *request, size_t size)
{
    fw_call call;
    int rc = fw_call_resolve(request, size, 1, &call);
    fw_outcome o = {.job = &call.job, .error = FW_NO_ERROR};

    if (rc < 0)
        return rc;
    if (call.request.ctx_size > FW_CALL_CTX_MAX)
        call.job.far_ctx = call.request.ctx;
    for (uint32_t chunk = 0; chunk < call.chunks && o.error == FW_NO_ERROR; chunk++) {
        int value;

        if (too_late(&call)) {
            o.timed_out = FW_DEADLINE_PASSED;
            o.cut = 1;
            break;
        }
        value = fw_call_run(&call.job, chunk, 0);
        if (value)
            o.error = (uint64_t)chunk << 32 | (uint32_t)value;
    }
    return fw_outcome_tell(&o);
}

/* ---- with workers -------------------------------------------------------------------*/

static int all_well(const fw_dispatch *d)
{
    return d->error == FW_NO_ERROR && !d->torn_count && !d->timed_out && !d->cut &&
           !d->no_workers && !d->supervisor_gone && !d->corrupt;
}

static int tell(const fw_dispatch *d, const fw_call *call)
{
    fw_outcome o = {.job = &call->job,
                    .timed_out = d->timed_out,
                    .cut = d->cut,
                    .no_workers = d->no_workers,
                    .supervisor_gone = d->supervisor_gone,
                    .corrupt = d->corrupt,
                    .error = d->error,
                    .torn = d->torn,
                    .torn_count = d->torn_count};

    return fw_outcome_tell(&o);
}

/* Does ctx travel in the dispatch's own line? Else it is part of the job. */
static int ctx_in_line(const fw_call *call)
{
    return call->job.ctx_size <= FW_GO_TAIL;
}

/* Under the driver lock. */
static void describe(furrow_pool *pool, const fw_call *call)
{
    size_t size = offsetof(fw_call_job, ctx);

    if (!call->job.far_ctx && !ctx_in_line(call))
        size += call->job.ctx_size;
    fw_job_describe(pool->team, FW_JOB_CALL, &call->job, size);
    pool->last_version = pool->team->control->job.version;
}

/* Not while workers may turn out not to have the kernel: then nobody is to run it. */
static int caller_runs(const fw_call *call)
{
    return call->request.flags & FURROW_CALLER_RUNS &&
           (!call->known || call->known->proven);
}

/* Under the driver lock. */
static int run(furrow_pool *pool, const fw_call *call, const void *ctx)
{
    fw_dispatch d;
    int rc;

    fw_dispatch_init(&d, pool->team, call->chunks, call->grace_ns);
    d.caller_runs = caller_runs(call);
    d.tail = ctx;
    if (ctx_in_line(call))
        d.tail_size = call->job.ctx_size;
    if (call->request.deadline)
        d.deadline = call->request.deadline;
    rc = fw_dispatch_run(&d);
    if (rc == 0 && call->known && d.error == FW_NO_ERROR)
        call->known->proven = 1;
    if (rc == 0 && !all_well(&d))
        rc = tell(&d, call);
    else if (rc < 0)
        rc = fw_outcome_not_run(rc);
    if (d.torn)
        free(d.torn);
    return rc;
}

/* A large ctx goes into a block that the workers read in place: nobody is inside. */
static int place_far_ctx(furrow_pool *pool, fw_call *call)
{
    size_t size = call->request.ctx_size;

    if (size <= FW_CALL_CTX_MAX)
        return 0;
    if (size > pool->far_size) {
        if (pool->far_ctx && fw_heap_free(pool->far_ctx) == FURROW_ETIME)
            return FURROW_ETIME;
        pool->far_size = 0;
        pool->far_ctx = fw_heap_alloc(size);
        if (!pool->far_ctx)
            return furrow_last_error()->code;
        (void)fw_heap_publish_pair(pool->far_ctx, NULL);
        pool->far_size = size;
    }
    memcpy(pool->far_ctx, call->request.ctx, size);
    call->job.far_ctx = pool->far_ctx;
    return 0;
}

static int make_ready(furrow_pool *pool, const furrow_call *request, size_t size)
{
    int rc = fw_pool_resolve(pool, request, size, &pool->last);

    if (rc == 0 && pool->last.chunks == 0)
        return 0;
    if (rc == 0)
        rc = place_far_ctx(pool, &pool->last);
    return rc < 0 ? rc : fw_prepare(pool, &pool->last);
}

static int resolve_and_run(furrow_pool *pool, const furrow_call *request, size_t size)
{
    int before = fw_pool_not_cancelled();
    int rc = make_ready(pool, request, size);

    fw_pool_may_be_cancelled(before);
    if (rc < 0)
        return fw_outcome_not_run(rc);
    if (pool->last.chunks == 0)
        return 0;
    describe(pool, &pool->last);
    return run(pool, &pool->last, request->ctx);
}

/* What a new call needs of the heap it waits for as long as for all else. */
static int run_anew(furrow_pool *pool, const furrow_call *request, size_t size,
                    furrow_deadline deadline)
{
    furrow_deadline before = fw_heap_patience(deadline);
    int rc = resolve_and_run(pool, request, size);

    (void)fw_heap_patience(before);
    return rc;
}

/* The same call again: the workers have its job, but for the bytes of ctx. Whatever else
 * ran meanwhile has changed the job's version. */
static int run_again(furrow_pool *pool, const furrow_call *request)
{
    fw_call *call = &pool->last;
    size_t size = call->request.ctx_size;

    if (!ctx_in_line(call) && memcmp(call->job.ctx, request->ctx, size) != 0) {
        fw_call_set_ctx(call, request->ctx);
        pool->last_version = 0;
    }
    if (pool->last_version != pool->team->control->job.version)
        describe(pool, call);
    return run(pool, call, request->ctx);
}

static furrow_deadline deadline_of(const furrow_call *request, size_t size)
{
    if (size < sizeof *request || !request->deadline)
        return FURROW_FOREVER;
    return request->deadline;
}

static int map(furrow_pool *pool, const furrow_call *request, size_t size)
{
    furrow_deadline deadline = deadline_of(request, size);
    int rc = fw_pool_use(pool);

    if (rc < 0)
        return rc;
    if (rc > 0)
        return map_here(request, size);
    rc = fw_dispatch_lock(pool->team, deadline); /* threads take turns */
    if (rc < 0)
        return fw_outcome_not_run(rc);
    if (pool->last_valid && fw_call_same(&pool->last, request, size))
        rc = run_again(pool, request);
    else
        rc = run_anew(pool, request, size, deadline);
    pool->last_valid = rc == 0 && pool->last.chunks > 0;
    fw_dispatch_unlock(pool->team);
    return rc;
}

int furrow_map_sized(furrow_pool *pool, const furrow_call *call, size_t size)
{
    if (!pool || !call)
        return fw_status_null("furrow_map", pool ? "call" : "pool");
    return fw_status_in("furrow_map", map(pool, call, size));
}

extern inline int furrow_map(furrow_pool *pool, const furrow_call *call);
