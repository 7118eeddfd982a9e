/* SPDX-License-Identifier: MIT
 *
 * Futures.
 *
 * The submission lies in shared memory and counts its references: this handle's and the
 * supervisor's. So a freed handle leaves the work alone, and a future outlives its pool.
 *
 * A process that was forked has copies of its parent's handles, which count no reference:
 * nothing can be done with them but to free the copy.
 */
#include "future.h"

#include "outcome.h"
#include "participant.h"
#include "prepare.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

static furrow_future *future_new(furrow_pool *pool, const fw_call *call)
{
    furrow_future *f = calloc(1, sizeof *f);

    if (!f) {
        fw_fail(FURROW_ENOMEM, "no memory for a future");
        return NULL;
    }
    f->pid = fw_participant_pid();
    f->pool = pool;
    f->job = call->job;
    return f;
}

/* ---- submitting ---------------------------------------------------------------------*/

static int place_far_ctx(fw_submission *s, fw_call *call)
{
    size_t size = call->request.ctx_size;

    if (size <= FW_CALL_CTX_MAX)
        return 0;
    s->extra = fw_heap_alloc(size);
    if (!s->extra)
        return furrow_last_error()->code;
    (void)fw_heap_publish_pair(s->extra, NULL);
    memcpy(s->extra, call->request.ctx, size);
    call->job.far_ctx = s->extra;
    return 0;
}

static int fill_and_queue(furrow_pool *pool, fw_submission *s, fw_call *call)
{
    int rc = place_far_ctx(s, call);

    if (rc < 0)
        return rc;
    s->chunks = call->chunks;
    s->grace_ns = call->grace_ns;
    s->deadline = call->request.deadline ? call->request.deadline : FURROW_FOREVER;
    s->error = FW_NO_ERROR;
    s->job.kind = FW_JOB_CALL;
    s->job.size =
        offsetof(fw_call_job, ctx) + (call->job.far_ctx ? 0 : call->job.ctx_size);
    memcpy(s->job.payload, &call->job, s->job.size);
    if (call->chunks == 0) {
        fw_store_seqcst(&s->state, FW_SUBMISSION_DONE);
        return 0;
    }
    rc = fw_prepare_queued(pool, call, s);
    return rc < 0 ? rc : fw_submission_queue(pool->team, s);
}

static void enlist(furrow_future *f)
{
    pthread_mutex_lock(&f->pool->mutex);
    f->next = f->pool->futures;
    f->pool->futures = f;
    pthread_mutex_unlock(&f->pool->mutex);
}

static int refuse_part(const furrow_call *request)
{
    if (request->flags & FURROW_CALLER_RUNS)
        return fw_fail(FURROW_EINVAL, "the caller cannot take part in a call that it "
                                      "does not wait in");
    return 0;
}

static furrow_future *submit(furrow_pool *pool, const furrow_call *request, size_t size)
{
    furrow_future *f;
    fw_call call;
    int rc = fw_pool_resolve(pool, request, size, &call);

    if (rc < 0)
        return NULL;
    if (refuse_part(&call.request) < 0)
        return NULL;
    f = future_new(pool, &call);
    if (!f)
        return NULL;
    f->submission = fw_submission_new();
    if (!f->submission || fill_and_queue(pool, f->submission, &call) < 0) {
        if (f->submission)
            fw_submission_release(pool->team, f->submission);
        free(f);
        return NULL;
    }
    enlist(f);
    return f;
}

/* The pool is there until the future is in its list. */
static furrow_future *come_in_and_submit(furrow_pool *pool, const furrow_call *request,
                                         size_t size)
{
    fw_team *team = pool->team;
    furrow_future *f;
    int before = fw_pool_not_cancelled();

    fw_team_come_in(team);
    f = submit(pool, request, size);
    fw_team_leave(team);
    fw_pool_may_be_cancelled(before);
    return f;
}

/* Inside a worker: done before it returns. */
static furrow_future *run_inline(furrow_pool *pool, const furrow_call *request,
                                 size_t size)
{
    static const fw_call nothing;
    furrow_call call = {0};
    furrow_future *f;

    memcpy(&call, request, size < sizeof call ? size : sizeof call);
    if (refuse_part(&call) < 0)
        return NULL;
    f = future_new(NULL, &nothing);
    if (f && furrow_map_sized(pool, request, size) < 0)
        f->result = *furrow_last_error();
    return f;
}

furrow_future *furrow_map_async_sized(furrow_pool *pool, const furrow_call *call,
                                      size_t size)
{
    furrow_future *f = NULL;
    int rc;

    if (!pool || !call) {
        fw_status_null("furrow_map_async", pool ? "call" : "pool");
        return NULL;
    }
    rc = fw_pool_use(pool);
    if (rc >= 0)
        f = rc > 0 ? run_inline(pool, call, size)
                   : come_in_and_submit(pool, call, size);
    return fw_status_new("furrow_map_async", f);
}

extern inline furrow_future *furrow_map_async(furrow_pool *pool,
                                              const furrow_call *call);

/* ---- looking at the result ----------------------------------------------------------*/

/* 0, or the error of a handle that came with a fork. */
static int check(const furrow_future *f)
{
    if (f->pid == fw_participant_pid())
        return 0;
    return fw_fail(FURROW_EINVAL, "the future belongs to process %ld", (long)f->pid);
}

/* The memory of an array was not taken: there is none, or nobody who could. */
static int tell_unprepared(const fw_submission *s)
{
    for (int k = 0; k < FW_SUBMISSION_AFTER; k++) {
        const fw_submission *take = s->after[k];

        if (take && fw_heap_spans(take, sizeof *take, 0) &&
            (take->no_workers || take->corrupt))
            return fw_outcome_tell(&(fw_outcome){.no_workers = take->no_workers,
                                                 .corrupt = take->corrupt,
                                                 .error = FW_NO_ERROR});
    }
    return fw_fail(FURROW_ENOMEM, "there is no memory for an array of the call");
}

static int tell(const furrow_future *f)
{
    fw_submission *s = f->submission;
    const fw_torn_chunk *torn = s->torn;
    const uint64_t torn_count = s->torn_count;
    fw_outcome o = {.job = &f->job,
                    .timed_out = s->timed_out,
                    .cut = s->cut,
                    .no_workers = s->no_workers,
                    .error = s->error,
                    .corrupt = s->corrupt || torn_count > FW_CHUNKS_MAX};

    if (!o.corrupt && fw_heap_spans(torn, torn_count * sizeof *torn, 0))
        o.torn = torn;
    o.torn_count = o.corrupt ? 0 : torn_count;
    if (s->unprepared)
        return tell_unprepared(s);
    if (s->out_of_memory)
        return fw_fail(FURROW_ENOMEM, "the pool had no memory to run the call");
    return fw_outcome_tell(&o);
}

/* What is told may be of the pool: the kernel's name. */
static int wait_and_tell(furrow_future *f, fw_team *team, furrow_deadline deadline)
{
    int rc;

    fw_team_come_in(team);
    rc = fw_submission_wait(team, f->submission, deadline);
    if (rc == 0)
        rc = tell(f);
    fw_team_leave(team);
    return rc;
}

static int future_wait(furrow_future *f, furrow_deadline deadline)
{
    int rc = check(f);

    if (rc < 0)
        return rc;
    if (!f->submission)
        return f->result.code ? fw_status_adopt(&f->result) : 0;
    if (!f->pool && fw_load_seqcst(&f->submission->state) != FW_SUBMISSION_DONE)
        return fw_fail(FURROW_ECLOSED,
                       "the pool was terminated before the call was done");
    return f->pool ? wait_and_tell(f, f->pool->team, deadline) : tell(f);
}

int furrow_future_wait(furrow_future *future, furrow_deadline deadline)
{
    if (!future)
        return fw_fail_null("future");
    return fw_status_in(__func__, future_wait(future, deadline));
}

int furrow_future_ready(furrow_future *future)
{
    if (!future)
        return fw_fail_null("future");
    if (check(future) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    return !future->submission || !future->pool ||
           fw_load_seqcst(&future->submission->state) == FW_SUBMISSION_DONE ||
           future->pool->team->start->supervisor_gone(future->pool->team);
}

/* Of a pool that was terminated nothing is known but what was finished. */
static size_t chunks_done(const furrow_future *f)
{
    fw_submission *s = f->submission;

    if (fw_load_seqcst(&s->state) == FW_SUBMISSION_DONE)
        return fw_submission_done(NULL, s);
    return f->pool ? fw_submission_done(f->pool->team, s) : 0;
}

int furrow_future_progress(furrow_future *future, size_t *done, size_t *total)
{
    fw_submission *s;

    if (!future)
        return fw_fail_null("future");
    if (check(future) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    s = future->submission;
    if (total)
        *total = s ? s->chunks : 0;
    if (done)
        *done = s ? chunks_done(future) : 0;
    return 0;
}

int furrow_future_cancel(furrow_future *future)
{
    if (!future)
        return fw_fail_null("future");
    if (check(future) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    if (future->submission && future->pool)
        fw_submission_cancel(future->pool->team, future->submission);
    return 0;
}

static void delist(furrow_future *f)
{
    furrow_future **at = &f->pool->futures;

    pthread_mutex_lock(&f->pool->mutex);
    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
    pthread_mutex_unlock(&f->pool->mutex);
}

void furrow_future_free(furrow_future *future)
{
    int ours = future && future->pid == fw_participant_pid();
    fw_team *team = ours && future->pool ? future->pool->team : NULL;

    if (ours && future->pool)
        delist(future);
    if (ours && future->submission)
        fw_submission_release(team, future->submission);
    free(future);
}

void fw_future_orphan_all(furrow_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    for (furrow_future *f = pool->futures; f; f = f->next) {
        f->pool = NULL;
        f->job.named = NULL; /* the pool's */
    }
    pool->futures = NULL;
    pthread_mutex_unlock(&pool->mutex);
}
