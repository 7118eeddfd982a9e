/* SPDX-License-Identifier: MIT
 *
 * Submissions.
 *
 *   opener      writes the submission, takes queue_lock, puts it into the ring, notifies
 *   supervisor  tries the driver lock, takes the head of the ring, drives it, writes the
 *               result, state = DONE (release), wakes those who wait
 *
 * The ring holds a reference to each submission until the opener, who alone gives it up,
 * finds it done: when he queues another one, frees a future, or closes the team. So it
 * does not matter where a supervisor was killed.
 *
 * When a caller holds the driver lock the supervisor leaves the ring as it is; the caller
 * notifies when it lets go. A death in either lock needs no repair: the opener's ends the
 * family, and the supervisor's the team.
 */
#include "submit.h"

#include "heap.h"
#include "job.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

fw_submission *fw_submission_new(void)
{
    fw_submission *s = fw_heap_alloc(sizeof *s);

    if (!s)
        return NULL;
    fw_store_relaxed(&s->refs, 1);
    fw_heap_publish_pair(s, NULL);
    return s;
}

void fw_submission_release(fw_submission *s)
{
    if (fw_add_seqcst(&s->refs, (uint32_t)-1) != 1)
        return;
    if (s->extra)
        (void)fw_heap_free(s->extra);
    if (s->torn)
        (void)fw_heap_free(s->torn);
    (void)fw_heap_free(s);
}

/* Under the queue's lock: give up what is done, or all. */
static void give_up(fw_control *c, int all)
{
    while (c->queue_kept != (all ? c->queue_tail : c->queue_head)) {
        fw_submission *s = c->queue[c->queue_kept % FW_QUEUE_SLOTS];

        if (!all && fw_load_seqcst(&s->state) != FW_SUBMISSION_DONE)
            return;
        c->queue_kept++;
        fw_submission_release(s);
    }
}

void fw_submissions_tidy(fw_team *team)
{
    fw_control *c = team->control;

    if (fw_lock_lock(&c->queue_lock, FURROW_FOREVER) < 0)
        return;
    give_up(c, 0);
    fw_lock_unlock(&c->queue_lock);
}

int fw_submission_queue(fw_team *team, fw_submission *s)
{
    fw_control *c = team->control;
    int rc = fw_lock_lock(&c->queue_lock, FURROW_FOREVER);

    if (rc < 0)
        return rc;
    give_up(c, 0);
    if (c->queue_tail - c->queue_head == FW_QUEUE_MAX) {
        fw_lock_unlock(&c->queue_lock);
        return fw_fail(FURROW_EBUSY, "%d calls wait already", FW_QUEUE_MAX);
    }
    fw_add_relaxed(&s->refs, 1);
    c->queue[c->queue_tail++ % FW_QUEUE_SLOTS] = s;
    fw_add_seqcst(&c->queued, 1);
    fw_lock_unlock(&c->queue_lock);
    team->start->notify(team);
    return 0;
}

static fw_submission *take(fw_control *c)
{
    fw_submission *s = NULL;

    if (fw_lock_lock(&c->queue_lock, FURROW_FOREVER) < 0)
        return NULL;
    if (c->queue_head != c->queue_tail) {
        s = c->queue[c->queue_head++ % FW_QUEUE_SLOTS];
        fw_add_seqcst(&c->queued, (uint32_t)-1);
    }
    fw_lock_unlock(&c->queue_lock);
    return s;
}

/* ---- the supervisor's side ----------------------------------------------------------*/

/* The torn chunks, where the opener can read them. Without memory for that, the count
 * alone must do: it is never taken for success. */
static void publish_result(fw_submission *s, const fw_dispatch *d, int rc)
{
    size_t bytes = d->torn_count * sizeof *d->torn;

    s->out_of_memory = rc < 0;
    s->timed_out = d->timed_out;
    s->cut = d->cut;
    s->no_workers = d->no_workers;
    s->error = d->error;
    s->torn_count = d->torn_count;
    if (bytes > 0 && (s->torn = fw_heap_alloc(bytes)) != NULL) {
        memcpy(s->torn, d->torn, bytes);
        fw_heap_publish_pair(s->torn, NULL);
    }
    fw_store_seqcst(&s->state, FW_SUBMISSION_DONE);
    fw_os_futex_wake(&s->state, INT32_MAX);
}

static void drive(fw_team *team, fw_submission *s, void (*wait)(void *, int64_t),
                  void *arg)
{
    fw_dispatch d;
    int rc;

    fw_dispatch_init(&d, team, s->chunks, s->grace_ns);
    d.deadline = s->deadline;
    d.epoch_out = &s->epoch;
    d.canceled = &s->canceled;
    d.wait = wait;
    d.wait_arg = arg;
    s->chunks_before = fw_team_count(team, FW_COUNT_chunks);
    fw_store_seqcst(&s->state, FW_SUBMISSION_RUNNING);
    fw_job_describe(team, s->job.run, s->job.payload, s->job.size);
    rc = fw_dispatch_run(&d);
    publish_result(s, &d, rc);
    free(d.torn);
}

void fw_submissions_abandon(fw_team *team)
{
    fw_control *c = team->control;

    if (fw_lock_lock(&c->queue_lock, FURROW_FOREVER) < 0)
        return;
    give_up(c, 1);
    fw_lock_unlock(&c->queue_lock);
}

void fw_submissions_drive(fw_team *team, void (*wait)(void *, int64_t), void *arg)
{
    fw_control *c = team->control;

    while (fw_load_seqcst(&c->queued)) {
        fw_submission *s;

        if (!fw_turn_try(&c->driver))
            return; /* whoever has it will notify */
        s = take(c);
        if (s)
            drive(team, s, wait, arg);
        fw_turn_end(&c->driver);
    }
}

/* ---- the opener's side --------------------------------------------------------------*/

int fw_submission_wait(fw_team *team, fw_submission *s, furrow_deadline deadline)
{
    for (;;) {
        uint32_t state = fw_load_seqcst(&s->state);
        int64_t tick = fw_os_now() + 100 * 1000 * 1000;

        if (state == FW_SUBMISSION_DONE)
            return 0;
        if (team->start->supervisor_gone(team))
            return fw_fail(FURROW_ECLOSED, "the pool ended before the call was done");
        if (fw_os_now() >= deadline)
            return fw_fail(FURROW_ETIME, "the call is not done yet");
        (void)fw_os_futex_wait(&s->state, state, deadline < tick ? deadline : tick);
    }
}

/* Dekker with begin() in dispatch.c: either it sees `canceled`, or we see the epoch. */
void fw_submission_cancel(fw_team *team, fw_submission *s)
{
    uint64_t epoch;

    fw_swap_seqcst(&s->canceled, 1);
    epoch = fw_load_seqcst(&s->epoch);
    if (epoch)
        fw_cancel(team->control, epoch);
}

uint64_t fw_submission_done(const fw_team *team, fw_submission *s)
{
    uint64_t done;

    switch (fw_load_seqcst(&s->state)) {
    case FW_SUBMISSION_QUEUED:
        return 0;
    case FW_SUBMISSION_DONE:
        return s->chunks;
    default:
        done = fw_team_count(team, FW_COUNT_chunks) - s->chunks_before;
        return done < s->chunks ? done : s->chunks;
    }
}
