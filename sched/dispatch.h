/* SPDX-License-Identifier: MIT
 *
 * One call, driven from its opening to its result, deaths included.
 */
#ifndef FW_DISPATCH_H
#define FW_DISPATCH_H

#include "team.h"

/* A call of no more grace than this is small: perhaps shorter than a wake. */
#define FW_GRACE_SMALL 2000

/* The deadline passed; past the grace too, so that what ran was ended. */
enum { FW_DEADLINE_PASSED = 1, FW_DEADLINE_ENDED = 2 };

typedef struct fw_dispatch {
    /* what is asked for */
    fw_team *team;
    uint32_t chunks;
    uint32_t grace_ns; /* how long the share of a late worker is left to it */
    int caller_runs;
    size_t tail_size; /* bytes that end the payload, but are not part of the job */
    const void *tail;
    int64_t deadline;            /* absolute; INT64_MAX: none */
    _Atomic uint64_t *epoch_out; /* where to tell the epoch at the start; or NULL */
    _Atomic uint32_t *canceled;  /* a submission's word; or NULL */

    /* How the driver waits: NULL for a caller (futex). A supervisor looks after its other
     * duties until `until`, or until it is notified. */
    void (*wait)(void *arg, int64_t until);
    void *wait_arg;

    /* found by run() at each opening; see wake.c for the last two */
    int seat;            /* the worker whose part the caller has, or -1 */
    int held;            /* the worker that is left asleep on the caller's CPU, or -1 */
    int64_t cold_since;  /* somebody slept: the time after the wakes; or 0 */
    int64_t alone_until; /* nobody was woken: when all are; or 0 */

    /* what came of it */
    uint64_t epoch;
    int timed_out;  /* FW_DEADLINE_...; `cut` tells whether anything was left out */
    int cut;        /* chunks were not started because of deadline or cancel */
    int no_workers; /* fw_control_why_none(): none is left and none can be started */
    int corrupt;    /* a stray store has met the control block: likewise */
    int supervisor_gone; /* nothing can be said about what was running */
    uint64_t error;      /* lowest failing chunk << 32 | value; FW_NO_ERROR */
    /* Ascending; malloc'ed: the caller of run() frees it. NULL with torn_count > 0: there
     * was no memory to tell them. */
    fw_torn_chunk *torn;
    size_t torn_count;
} fw_dispatch;

/* One by one: to clear the whole costs the hot path a twentieth. */
static inline void fw_dispatch_init(fw_dispatch *d, fw_team *team, uint32_t chunks,
                                    uint32_t grace_ns)
{
    d->team = team;
    d->chunks = chunks;
    d->grace_ns = grace_ns;
    d->caller_runs = 0;
    d->tail_size = 0;
    d->tail = NULL;
    d->seat = d->held = -1;
    d->cold_since = d->alone_until = 0;
    d->deadline = INT64_MAX;
    d->epoch_out = NULL;
    d->canceled = NULL;
    d->wait = NULL;
    d->wait_arg = NULL;
    d->epoch = 0;
    d->timed_out = d->cut = d->no_workers = d->supervisor_gone = d->corrupt = 0;
    d->error = FW_NO_ERROR;
    d->torn = NULL;
    d->torn_count = 0;
}

/* Run it. Needs the driver lock. Blocks until no member may still write to the call's
 * arrays. */
int fw_dispatch_run(fw_dispatch *d);

/* For a caller whose own part broke off: close generation g, wait until nobody is inside. */
void fw_dispatch_join(fw_dispatch *d, uint64_t g);

/* The driver lock: whose turn it is to dispatch. Blocks until it is the caller's, or the
 * deadline; not recursive. 0, or an error by which it is not held: FURROW_ECLOSED when the
 * team is closing, FURROW_EDIED when the supervisor is gone (it may have been killed with
 * the turn), FURROW_ETIME when the deadline passes first.
 * Between the two the team stays: closing it waits. After the unlock, and after a lock that
 * failed, it may be gone: look at nothing of it any more. The same thread does both. */
int fw_dispatch_lock(fw_team *team, int64_t deadline);

/* Give the turn back; tells the supervisor when submissions wait for it. Never blocks. */
void fw_dispatch_unlock(fw_team *team);

#endif
