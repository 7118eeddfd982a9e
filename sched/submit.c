/* SPDX-License-Identifier: MIT
 *
 * Submissions.
 *
 *   opener      writes the submission, takes queue_lock, puts it into the ring, notifies
 *   supervisor  tries the driver lock, takes the head of the ring, drives it, writes the
 *               result, state = DONE (release), wakes those who wait
 *
 * A call on arrays whose memory is not there is queued behind submissions that take it, and
 * names them (`after`): when one of them failed, it is not run.
 *
 * When a caller holds the driver lock the supervisor leaves the ring as it is; the caller
 * notifies when it lets go. A death in either lock needs no repair: the opener's ends the
 * family, and the supervisor's the team.
 *
 * The supervisor waits for no lock: who has the ring's notifies, and the heap's may be held by
 * a process that is stopped. What needs that one is tried for a moment and then again.
 */
#include "submit.h"

#include "heap.h"
#include "job.h"
#include "ledger.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

fw_submission *fw_submission_new(void)
{
    fw_submission *s = fw_heap_alloc(sizeof *s);

    if (!s)
        return NULL;
    fw_store_relaxed(&s->refs, 1);
    (void)fw_heap_publish_pair(s, NULL);
    return s;
}

fw_submission *fw_submission_share(fw_submission *s)
{
    fw_add_relaxed(&s->refs, 1);
    return s;
}

/* NULL for what cannot be a submission: a stray store. */
static fw_submission *sound(fw_submission *s)
{
    return fw_heap_holds(s, sizeof *s) ? s : NULL;
}

static int is_last(fw_submission *s)
{
    return fw_add_seqcst(&s->refs, (uint32_t)-1) == 1;
}

static int free_parts(fw_submission *s);

/* Of one that it names, it has a reference: when there is none, it has been given up
 * already, and only the rest is to be done. */
static int free_before(fw_submission *before)
{
    if (fw_load_seqcst(&before->refs) > 0 && !is_last(before))
        return 0;
    return free_parts(before);
}

/* 0, or FURROW_ETIME: the rest is to be freed later. Those that it names name none. */
static int free_parts(fw_submission *s)
{
    for (int i = 0; i < FW_SUBMISSION_AFTER; i++) {
        fw_submission *before = sound(s->after[i]);

        if (before && free_before(before) == FURROW_ETIME)
            return FURROW_ETIME;
        s->after[i] = NULL;
    }
    if (s->extra && fw_heap_free(s->extra) == FURROW_ETIME)
        return FURROW_ETIME;
    s->extra = NULL;
    if (s->torn && s->torn != s->few && fw_heap_free(s->torn) == FURROW_ETIME)
        return FURROW_ETIME;
    s->torn = NULL;
    return fw_heap_free(s);
}

/* ---- what is over ---------------------------------------------------------------------
 *
 * A stack: anybody puts one on it, by compare-and-swap; only the supervisor takes from it,
 * or the opener, when the team has ended. Killed in between: what was just being freed stays
 * until the family ends. */

static void put_over(fw_control *c, fw_submission *s)
{
    s->next = fw_load_seqcst(&c->over);
    while (!fw_cas_seqcst(&c->over, &s->next, s))
        ;
}

static fw_submission *take_over(fw_control *c)
{
    fw_submission *s = fw_load_seqcst(&c->over);

    while (sound(s) && !fw_cas_seqcst(&c->over, &s, s->next))
        ;
    return sound(s);
}

static void free_over(fw_control *c, furrow_deadline until)
{
    furrow_deadline before = fw_heap_patience(until);
    fw_submission *s;
    int rc = 0;

    while (rc != FURROW_ETIME && (s = take_over(c))) {
        rc = free_parts(s);
        if (rc == FURROW_ETIME)
            put_over(c, s);
    }
    (void)fw_heap_patience(before);
}

void fw_submission_release(fw_team *team, fw_submission *s)
{
    if (!is_last(s) || free_parts(s) != FURROW_ETIME)
        return;
    put_over(team->control, s);
    team->start->notify(team);
}

int fw_submission_queue(fw_team *team, fw_submission *s)
{
    fw_control *c = team->control;
    int rc = fw_lock_lock(&c->queue_lock, FURROW_FOREVER);

    if (rc < 0)
        return rc;
    if (c->queue_tail - c->queue_head == FW_QUEUE_MAX) {
        fw_lock_unlock(&c->queue_lock);
        return fw_fail(FURROW_EBUSY, "%d calls wait already", FW_QUEUE_MAX);
    }
    c->queue[c->queue_tail++ % FW_QUEUE_MAX] = fw_submission_share(s);
    fw_add_seqcst(&c->queued, 1);
    fw_lock_unlock(&c->queue_lock);
    team->start->notify(team);
    return 0;
}

/* The count is right again when the ring is empty, whatever it was: who looks at it alone
 * must not look for ever. */
static fw_submission *take(fw_control *c, furrow_deadline deadline)
{
    fw_submission *s = NULL;
    int rc = fw_lock_lock(&c->queue_lock, deadline);

    if (rc < 0) {
        if (rc == FURROW_ECORRUPT)
            fw_store_seqcst(&c->queued, 0);
        return NULL;
    }
    if (c->queue_head != c->queue_tail)
        s = sound(c->queue[c->queue_head++ % FW_QUEUE_MAX]);
    if (c->queue_tail - c->queue_head > FW_QUEUE_MAX)
        c->queue_head = c->queue_tail;
    fw_store_seqcst(&c->queued, (uint32_t)(c->queue_tail - c->queue_head));
    fw_lock_unlock(&c->queue_lock);
    return s;
}

/* ---- the supervisor's side ----------------------------------------------------------*/

static void done(fw_submission *s)
{
    fw_store_seqcst(&s->state, FW_SUBMISSION_DONE);
    fw_os_futex_wake(&s->state, INT32_MAX);
}

/* All of it happened. */
static int went_well(const fw_submission *s)
{
    return !s->unprepared && !s->out_of_memory && !s->corrupt && !s->cut &&
           !s->no_workers && !s->torn_count && s->error == FW_NO_ERROR;
}

/* A worker that was killed may not have counted its last one. */
static uint64_t ran_so_far(const fw_team *team, const fw_submission *s)
{
    uint64_t ran = fw_team_count(team, FW_COUNT_chunks) - s->chunks_before;

    return ran < s->chunks ? ran : s->chunks;
}

/* The torn chunks, where the opener can read them. Without memory for that, the count
 * alone must do: it is never taken for success. */
static void publish_result(fw_submission *s, const fw_dispatch *d, int rc)
{
    size_t bytes = d->torn_count * sizeof *d->torn;

    s->out_of_memory = rc < 0;
    s->timed_out = d->timed_out;
    s->cut = d->cut;
    s->no_workers = d->no_workers;
    s->corrupt = d->corrupt;
    s->error = d->error;
    s->torn_count = d->torn_count;
    s->chunks_done = went_well(s) ? s->chunks : (uint32_t)ran_so_far(d->team, s);
    s->torn = NULL;
    if (d->torn && d->torn_count <= FW_SUBMISSION_FEW)
        s->torn = s->few;
    else if (d->torn && (s->torn = fw_heap_alloc(bytes)) &&
             fw_heap_publish_pair(s->torn, NULL) < 0)
        s->torn = NULL;
    if (s->torn)
        memcpy(s->torn, d->torn, bytes);
    done(s);
}

int fw_submission_succeeded(fw_submission *s)
{
    return fw_load_seqcst(&s->state) == FW_SUBMISSION_DONE && went_well(s);
}

static int unprepared(const fw_submission *s)
{
    for (int i = 0; i < FW_SUBMISSION_AFTER; i++) {
        fw_submission *before = s->after[i];

        if (before && (!sound(before) || !fw_submission_succeeded(before)))
            return 1;
    }
    return 0;
}

static int64_t soon(void)
{
    return fw_os_now() + 10 * 1000 * 1000;
}

/* There may be no room for the marks at once: the heap's lock is held. */
static int run_once(fw_dispatch *d, fw_submission *s)
{
    int rc;

    for (;;) {
        (void)fw_heap_patience(soon());
        rc = fw_dispatch_run(d);
        if (rc != FURROW_ETIME)
            return rc;
        d->timed_out = fw_os_now() >= s->deadline ? FW_DEADLINE_PASSED : 0;
        d->cut = d->timed_out || fw_load_seqcst(&s->canceled);
        if (d->cut)
            return 0;
        d->wait(d->wait_arg, soon());
    }
}

/* ---- the supervisor's side: taking memory -------------------------------------------*/

static void forget_deaths(fw_dispatch *d)
{
    free(d->torn);
    d->torn = NULL;
    d->torn_count = 0;
}

/* What is known about the block's memory now. */
static void note_taken(const fw_submission *s, const fw_dispatch *d, int rc)
{
    if (rc == 0 && !d->torn_count && !d->no_workers && !d->corrupt &&
        d->error == FW_NO_ERROR)
        (void)fw_heap_set_taken(s->takes);
    else if (s->give_back)
        (void)fw_os_punch(s->takes, s->give_back);
}

static int somebody_died(const fw_dispatch *d, int rc)
{
    return rc == 0 && d->torn_count && !d->no_workers;
}

/* A worker's death while memory is taken may be anybody's work: once more then, and again,
 * unless memory is short: the OOM killer leaves a lack behind, for what a killed worker had
 * taken is still there. What is not there after some rounds, its first user takes. */
static int take_memory(fw_dispatch *d, fw_submission *s)
{
    int rc = fw_ledger_check_taking(s->takes, s->takes_size);

    if (rc < 0)
        return rc;
    rc = run_once(d, s);
    for (int again = 0; somebody_died(d, rc) && again < 4; again++) {
        if (again && fw_ledger_check_taking(s->takes, s->takes_size) < 0)
            break;
        forget_deaths(d);
        rc = run_once(d, s);
    }
    if (somebody_died(d, rc) && fw_ledger_check_taking(s->takes, s->takes_size) == 0)
        forget_deaths(d);
    else
        note_taken(s, d, rc);
    return rc;
}

/* ---- the supervisor's side: one call ------------------------------------------------*/

static void let_go(fw_control *c, fw_submission *s)
{
    if (is_last(s))
        put_over(c, s);
    free_over(c, soon());
}

static void drive(fw_team *team, fw_submission *s, void (*wait)(void *, int64_t),
                  void *arg)
{
    furrow_deadline before = fw_heap_patience(FURROW_FOREVER);
    fw_dispatch d;
    int rc;

    fw_dispatch_init(&d, team, s->chunks, s->grace_ns);
    d.deadline = s->deadline;
    d.epoch_out = &s->epoch;
    d.canceled = &s->canceled;
    d.wait = wait;
    d.wait_arg = arg;
    team->control->running = s;
    s->chunks_before = fw_team_count(team, FW_COUNT_chunks);
    fw_store_seqcst(&s->state, FW_SUBMISSION_RUNNING);
    fw_job_describe(team, s->job.kind, s->job.payload, s->job.size);
    rc = s->takes ? take_memory(&d, s) : run_once(&d, s);
    (void)fw_heap_patience(soon());
    publish_result(s, &d, rc);
    free(d.torn);
    team->control->running = NULL;
    let_go(team->control, s);
    (void)fw_heap_patience(before);
}

/* The memory that it was to work on could not be had. */
static void give_up(fw_team *team, fw_submission *s)
{
    s->unprepared = 1;
    done(s);
    let_go(team->control, s);
}

void fw_submissions_abandon(fw_team *team)
{
    fw_control *c = team->control;
    fw_submission *s = sound(c->running);

    if (s)
        fw_submission_release(team, s);
    free_over(c, FURROW_FOREVER);
    for (int i = 0; i < FW_QUEUE_MAX && c->queue_head != c->queue_tail; i++)
        if ((s = take(c, FURROW_FOREVER)))
            fw_submission_release(team, s);
}

void fw_submissions_drive(fw_team *team, void (*wait)(void *, int64_t), void *arg)
{
    fw_control *c = team->control;

    if (fw_load_relaxed(&c->over))
        free_over(c, soon());
    for (int more = 1; more && fw_load_seqcst(&c->queued);) {
        fw_submission *s;

        if (!fw_turn_try(&c->driver))
            break; /* whoever has it will notify */
        s = take(c, 0);
        if (s && unprepared(s))
            give_up(team, s);
        else if (s)
            drive(team, s, wait, arg);
        fw_turn_end(&c->driver);
        more = s != NULL; /* whoever has the ring will notify */
    }
}

/* ---- the opener's side --------------------------------------------------------------*/

/* What is not done when the team was closed in peace was queued too late. Whether it has
 * ended is asked before whether the call is done: what was done before is done. */
int fw_submission_wait(fw_team *team, fw_submission *s, furrow_deadline deadline)
{
    for (int over = 0;;) {
        uint32_t state = fw_load_seqcst(&s->state);
        int64_t tick = fw_os_now() + 100 * 1000 * 1000;

        if (state == FW_SUBMISSION_DONE)
            return 0;
        if (over)
            return fw_fail(FURROW_ECLOSED, "the pool ended before the call was done");
        over = fw_load_seqcst(&team->control->stop) == 1 ||
               team->start->supervisor_gone(team);
        if (over)
            continue;
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
    switch (fw_load_seqcst(&s->state)) {
    case FW_SUBMISSION_QUEUED:
        return 0;
    case FW_SUBMISSION_DONE:
        return s->chunks_done;
    default:
        return ran_so_far(team, s);
    }
}
