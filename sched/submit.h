/* SPDX-License-Identifier: MIT
 *
 * Calls that nobody waits in: queued by the opener, driven by the team's supervisor.
 */
#ifndef FW_SUBMIT_H
#define FW_SUBMIT_H

#include "dispatch.h"

enum { FW_SUBMISSION_AFTER = 8 };
enum { FW_SUBMISSION_QUEUED, FW_SUBMISSION_RUNNING, FW_SUBMISSION_DONE };

#define FW_SUBMISSION_FEW 64 /* torn chunks that need no block of their own */

/* In shared memory. The opener writes the request before it queues it; the supervisor
 * writes the result before `state` = DONE. */
typedef struct fw_submission {
    _Atomic uint32_t state; /* futex of those who wait for the result */
    _Atomic uint32_t canceled;
    _Atomic uint32_t refs;  /* the handle's and the supervisor's */
    _Atomic uint64_t epoch; /* 0 until it runs */
    uint32_t chunks;
    uint32_t grace_ns;
    int64_t deadline;
    uint64_t chunks_before; /* the team's counter when it began */
    void *extra;            /* a heap block that goes with it, or NULL */
    /* One that takes the memory of a heap block, and those that a call needs to have gone
     * well: it has a reference to each. They were queued before it. */
    void *takes;
    size_t takes_size;
    size_t give_back; /* bytes of it without memory: they go back if there is none */
    struct fw_submission *after[FW_SUBMISSION_AFTER];
    /* the result */
    uint32_t chunks_done;
    int32_t timed_out, cut, no_workers, out_of_memory, corrupt;
    int32_t unprepared; /* not run: one of `after` failed */
    uint64_t error;
    uint64_t torn_count;
    fw_torn_chunk *torn; /* `few`, a heap block, or NULL */
    fw_torn_chunk few[FW_SUBMISSION_FEW];
    struct fw_submission *next; /* in control->over */
    fw_job job;
} fw_submission;

/* A new submission with one reference, to be filled in. */
fw_submission *fw_submission_new(void);

/* Queue it: the supervisor takes a reference. FURROW_EBUSY when FW_QUEUE_MAX wait. */
int fw_submission_queue(fw_team *team, fw_submission *s);

/* 0 when the result is there, else FURROW_ETIME. FURROW_ECLOSED when the team ended
 * first. For a thread that has come in (team.h). */
int fw_submission_wait(fw_team *team, fw_submission *s, furrow_deadline deadline);
void fw_submission_cancel(fw_team *team, fw_submission *s);

/* Chunks done so far; of one that is done, without the team (NULL). */
uint64_t fw_submission_done(const fw_team *team, fw_submission *s);

/* Is it done, and did all of it happen? */
int fw_submission_succeeded(fw_submission *s);

/* One reference more. */
fw_submission *fw_submission_share(fw_submission *s);

/* Give up a reference; the last one frees it, or leaves that to the supervisor when the
 * thread's patience is over. `team` may be NULL for a thread that has patience for ever. */
void fw_submission_release(fw_team *team, fw_submission *s);

/* The team has ended: give up what the supervisor held. */
void fw_submissions_abandon(fw_team *team);

/* For the supervisor: run what is queued, as far as the driver lock is free. */
void fw_submissions_drive(fw_team *team, void (*wait)(void *, int64_t), void *arg);

#endif
