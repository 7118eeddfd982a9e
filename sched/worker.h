/* SPDX-License-Identifier: MIT
 *
 * A worker: the loop that every member of a team runs.
 */
#ifndef FW_WORKER_H
#define FW_WORKER_H

#include "idle.h"
#include "team.h"

/* Private to the worker; the caller has one for the part that it takes. */
typedef struct fw_worker {
    fw_team *team;
    fw_control *control;
    fw_member *member;
    const fw_go *go;       /* its group's */
    _Atomic uint64_t *out; /* where it says that it left */
    const uint16_t *victims;
    fw_tracering *trace;
    int index;
    int polite;       /* the caller runs: it sees to what is left, we need not look */
    uint64_t last;    /* generation that it knows */
    uint64_t epoch;   /* of the running call */
    int64_t deadline; /* of the running call, for the caller; 0: none */
    int64_t alone_until; /* the caller, who woke nobody: then it does; 0 */
    uint32_t chunks;     /* of the dispatch that `band` is for */
    fw_range band;       /* its share */
    fw_idle idle;
    fw_job_run run; /* of its job's kind */
    fw_job job;     /* its copy */
} fw_worker;

void fw_worker_init(fw_worker *w, fw_team *team, int index);

/* The loop: returns when the team stops. */
void fw_worker_loop(fw_worker *w);

/* Take worker `index`'s part from now on. */
void fw_worker_sit(fw_worker *w, int index);

/* Its share of so many chunks. */
fw_range fw_worker_band(fw_worker *w, uint32_t chunks);

/* Work on generation g until no chunk is left anywhere: for the caller. */
void fw_worker_work(fw_worker *w, uint64_t generation);

/* Mark this thread as a worker (-1: as none) for fw_team_self(). */
void fw_worker_be(int index);

#endif
