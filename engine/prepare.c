/* SPDX-License-Identifier: MIT
 *
 * Taking memory.
 *
 * A large array costs nothing until it is used. Then each worker takes the pages of its own
 * share in one system call: they lie on its node, they are in its page tables, and a lack
 * of memory is an error now instead of a signal later. On a machine of several nodes the
 * kernel is told before which part belongs on which (mbind): then also what somebody else
 * touches first lies right, and stays there. Where that is refused, as in most containers,
 * the workers' own taking must do, and does. Should the OOM killer come all the
 * same, it is sent to the worker that is taking, for that one has made itself the most
 * wanted; the call then fails with FURROW_ENOMEM, and if the array was empty before and has
 * no slices it is empty again.
 *
 * What was prepared is remembered by the array's serial and the number of workers replaced
 * so far; forgetting costs a repetition, which finds everything in place. A call that is
 * queued has its preparation queued before it and fails with it. After a worker was
 * replaced there is nothing to be taken, only to be mapped, by the new one: a forked process
 * does not inherit the page tables of shared memory, so nobody can do that for it. Huge pages
 * are not asked for again: that waits for all CPUs of the machine, once for each of them.
 */
#include "prepare.h"

#include "band.h"
#include "job.h"
#include "ledger.h"
#include "status.h"
#include "submit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)FW_SUBMISSION_AFTER == FW_CALL_OPERANDS, "one for each");

typedef struct take_job {
    char *data;
    size_t size;
    int parts;
    int processes; /* workers have OOM scores of their own */
    int only_map;  /* all is there */
} take_job;

/* ns: better late than by another, but not for ever. What is there already is only mapped. */
#define FW_TAKE_GRACE 50000000
#define FW_MAP_GRACE  1000000

int fw_prepare_part(void *payload, uint32_t part, int worker)
{
    const take_job *job = payload;
    size_t from = fw_band_edge(job->size, job->parts, (int)part);
    size_t to = fw_band_edge(job->size, job->parts, (int)part + 1);
    int rc, score;

    (void)worker;
    to = to < job->size ? to : job->size;
    if (from >= to)
        return 0;
    score = job->processes ? fw_os_oom_score(1000) : 0;
    rc = job->only_map ? fw_os_populate(job->data + from, to - from)
                       : fw_os_populate_huge(job->data + from, to - from);
    if (job->processes && score >= 0)
        (void)fw_os_oom_score(score);
    return rc < 0 ? -rc : 0;
}

static take_job job_for(const furrow_pool *pool, const fw_array *root)
{
    take_job job;

    memset(&job, 0, sizeof job); /* padding too: jobs are compared by bytes */
    job.data = root->block;
    job.size = root->block_size;
    job.parts = pool->team->place->workers;
    job.processes = pool->team->start->processes;
    return job;
}

/* Say which node each part is to be taken on, once and before it is. What was touched before
 * stays where it is; when that is most of it, better no rule: the kernel moves pages to
 * those who use them, but none for which there is a rule. */
static void place(const furrow_pool *pool, fw_array *root)
{
    fw_band band[FW_WORKERS_MAX];
    int bands = fw_band_plan(pool->team->place, root->block_size, band), error = 0;

    if (bands == 0 || fw_load_relaxed(&root->rule) ||
        fw_os_resident(root->block, root->block_size) > root->block_size / 2)
        return;
    if (fw_heap_set_placed(root->block) < 0)
        return; /* whoever frees it would not know that it has rules */
    for (int i = 0; i < bands; i++) {
        int rc = fw_os_numa_prefer((char *)root->block + band[i].from,
                                   band[i].to - band[i].from, band[i].node);

        error = error ? error : rc;
    }
    fw_store_relaxed(&root->rule, error ? error : FW_ARRAY_PLACED);
}

/* One round over all parts. 0, 1 when a worker died in it, or an error. */
static int take_once(furrow_pool *pool, const take_job *job, uint32_t grace_ns,
                     furrow_deadline deadline)
{
    fw_dispatch d;
    int rc;

    fw_dispatch_init(&d, pool->team, (uint32_t)job->parts, grace_ns);
    d.deadline = deadline;
    fw_job_describe(pool->team, FW_JOB_TAKE, job, sizeof *job);
    rc = fw_dispatch_run(&d);
    free(d.torn);
    if (rc < 0)
        return rc;
    if (d.supervisor_gone)
        return fw_fail(FURROW_EDIED,
                       "the pool's supervisor was killed, and its workers "
                       "with it");
    if (d.corrupt)
        return fw_fail(FURROW_ECORRUPT, "the pool's memory is overwritten");
    if (d.timed_out)
        return fw_fail(FURROW_ETIME, "the deadline passed while memory was taken");
    if (d.no_workers)
        return fw_team_tell_none(d.no_workers,
                                 "all workers are gone and none can be started");
    if (d.error != FW_NO_ERROR)
        return FURROW_ENOMEM;
    return d.torn_count > 0;
}

/* By the workers that there were then. */
static int was_prepared(furrow_pool *pool, const fw_array *root)
{
    int found = 0;

    pthread_mutex_lock(&pool->mutex);
    for (int i = 0; i < FW_POOL_PREPARED && !found; i++)
        found = pool->prepared[i].serial == root->serial;
    pthread_mutex_unlock(&pool->mutex);
    return found;
}

/* May memory that was taken in vain be given back? It may hold what another thread has
 * written meanwhile, through another slice of the array: then it stays. */
static int owned_alone(const fw_array *root)
{
    return fw_load_relaxed(&root->refs) == 1;
}

/* A death while memory is taken that is there already only leaves pages to be mapped one by
 * one. Else it may be the OOM killer's work or anybody's: a second one in a row is taken for
 * the OOM killer's, unless there is memory for all that is not there yet (it leaves a lack
 * behind, for what a killed worker had taken is still there); what is still
 * not there after some more rounds, its first user takes. */
static int take(furrow_pool *pool, fw_array *root, furrow_deadline deadline)
{
    take_job job = job_for(pool, root);
    int known = fw_heap_taken(root->block);
    size_t before = known ? job.size : fw_os_resident(job.data, job.size);
    int rc;

    if (!known && fw_ledger_check_taking(job.data, job.size) < 0)
        return furrow_last_error()->code;
    if (!known)
        place(pool, root);
    job.only_map = known && was_prepared(pool, root);
    rc = take_once(pool, &job, known ? FW_MAP_GRACE : FW_TAKE_GRACE, deadline);
    for (int again = 0; rc == 1 && !known && again < 4; again++)
        rc = again && fw_ledger_check_taking(job.data, job.size) < 0
                 ? FURROW_ENOMEM
                 : take_once(pool, &job, FW_TAKE_GRACE, deadline);
    if (rc == 0 && !known)
        (void)fw_heap_set_taken(root->block);
    if (rc >= 0)
        return 0;
    if (before == 0 && owned_alone(root))
        (void)fw_os_punch(job.data, job.size & ~(FW_PAGE_MOST - 1));
    if (rc < 0 && rc != FURROW_ENOMEM)
        return rc;
    return fw_fail(FURROW_ENOMEM, "there is no memory for the %zu MiB of the array",
                   job.size >> 20);
}

/* ---- what is done already -----------------------------------------------------------*/

static int worth_it(const fw_array *a)
{
    return a && a->root->kind == FW_ARRAY_HEAP && a->root->block_size >= FW_HEAP_LARGE;
}

static uint64_t replaced(const furrow_pool *pool)
{
    return fw_load_relaxed(&pool->team->control->replaced);
}

/* Under the mutex: the present workers' entry for the array, or NULL. */
static fw_prepared *entry_of(furrow_pool *pool, const fw_array *root)
{
    for (int i = 0; i < FW_POOL_PREPARED; i++)
        if (pool->prepared[i].serial == root->serial &&
            pool->prepared[i].replaced == replaced(pool))
            return &pool->prepared[i];
    return NULL;
}

static void forget(furrow_pool *pool, fw_prepared *entry)
{
    if (entry->take)
        fw_submission_release(pool->team, entry->take);
    *entry = (fw_prepared){0};
}

void fw_prepare_forget(furrow_pool *pool)
{
    for (int i = 0; i < FW_POOL_PREPARED; i++)
        forget(pool, &pool->prepared[i]);
}

/* Is it? When it is on its way in the queue: no, and *take gets a reference to the
 * submission that does it. What has failed there is forgotten. */
static int is_prepared(furrow_pool *pool, const fw_array *root, fw_submission **take)
{
    fw_prepared *entry;
    int found = 0;

    *take = NULL;
    pthread_mutex_lock(&pool->mutex);
    entry = entry_of(pool, root);
    if (entry && (!entry->take || fw_submission_succeeded(entry->take)))
        found = 1;
    else if (entry && fw_load_seqcst(&entry->take->state) != FW_SUBMISSION_DONE)
        *take = fw_submission_share(entry->take);
    else if (entry)
        forget(pool, entry);
    pthread_mutex_unlock(&pool->mutex);
    return found;
}

/* `take`: done by that submission, or NULL: done. */
static void note_prepared(furrow_pool *pool, const fw_array *root, fw_submission *take)
{
    fw_prepared *entry;

    pthread_mutex_lock(&pool->mutex);
    entry = entry_of(pool, root);
    if (!entry)
        entry = &pool->prepared[pool->prepared_next++ % FW_POOL_PREPARED];
    forget(pool, entry);
    *entry = (fw_prepared){root->serial, replaced(pool),
                           take ? fw_submission_share(take) : NULL};
    pthread_mutex_unlock(&pool->mutex);
}

/* For a call that is run now: what is on its way is not waited for but done here, and
 * found in place later. */
static int wants_taking(furrow_pool *pool, const fw_array *a)
{
    fw_submission *take = NULL;

    if (!worth_it(a) || is_prepared(pool, a->root, &take))
        return 0;
    if (take)
        fw_submission_release(pool->team, take);
    return 1;
}

int fw_prepare(furrow_pool *pool, const fw_call *call)
{
    furrow_deadline deadline =
        call->request.deadline ? call->request.deadline : FURROW_FOREVER;

    for (int k = 0; k < FW_CALL_OPERANDS; k++) {
        fw_array *a = call->operand[k];
        int rc;

        if (!wants_taking(pool, a))
            continue;
        rc = take(pool, a->root, deadline);
        if (rc < 0)
            return rc;
        note_prepared(pool, a->root, NULL);
    }
    return 0;
}

/* Bytes that may go back when there is no memory for all of them. */
static size_t in_vain(const fw_array *root, const take_job *job)
{
    if (!owned_alone(root) || fw_os_resident(job->data, job->size) > 0)
        return 0;
    return job->size & ~(FW_PAGE_MOST - 1);
}

/* Queue it, and hand out the reference in *out. */
static int queue_take(furrow_pool *pool, fw_array *root, fw_submission **out)
{
    take_job job = job_for(pool, root);
    fw_submission *s = fw_submission_new();
    int rc;

    if (!s)
        return furrow_last_error()->code;
    place(pool, root);
    s->chunks = (uint32_t)job.parts;
    s->grace_ns = FW_TAKE_GRACE;
    s->deadline = FURROW_FOREVER;
    s->takes = root->block;
    s->takes_size = job.size;
    s->give_back = in_vain(root, &job);
    s->job.kind = FW_JOB_TAKE;
    s->job.size = sizeof job;
    memcpy(s->job.payload, &job, sizeof job);
    rc = fw_submission_queue(pool->team, s);
    if (rc < 0) {
        fw_submission_release(pool->team, s);
        return rc;
    }
    note_prepared(pool, root, s);
    *out = s;
    return 0;
}

int fw_prepare_queued(furrow_pool *pool, const fw_call *call, fw_submission *s)
{
    for (int k = 0; k < FW_CALL_OPERANDS; k++) {
        fw_array *a = call->operand[k];
        int rc;

        /* A worker that came later maps what is there page by page: not worth a job. */
        if (!worth_it(a) || fw_heap_taken(a->root->block) ||
            is_prepared(pool, a->root, &s->after[k]) || s->after[k])
            continue;
        rc = queue_take(pool, a->root, &s->after[k]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int populate(furrow_pool *pool, const fw_call *call)
{
    int before = fw_pool_not_cancelled();
    int rc = fw_dispatch_lock(pool->team, FURROW_FOREVER);

    if (rc == 0) {
        rc = fw_prepare(pool, call);
        fw_dispatch_unlock(pool->team);
    }
    fw_pool_may_be_cancelled(before);
    return rc;
}

int furrow_pool_populate(furrow_pool *pool, furrow_array *view)
{
    fw_call call = {0};
    int rc;

    if (!pool || !view)
        return fw_fail_null(pool ? "array" : "pool");
    rc = fw_pool_use(pool);
    if (rc != 0)
        return rc < 0 ? fw_status_in(__func__, rc) : furrow_array_populate(view);
    call.operand[0] = fw_array_of(view);
    if (!call.operand[0])
        return fw_status_in(__func__, furrow_last_error()->code);
    return fw_status_in(__func__, populate(pool, &call));
}
