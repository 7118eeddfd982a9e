/* SPDX-License-Identifier: MIT
 *
 * A team: the workers of a pool, started, watched, replaced and stopped together.
 */
#ifndef FW_TEAM_H
#define FW_TEAM_H

#include "control.h"
#include "furrow_sched.h"
#include "start.h"
#include "tracering.h"

#include <pthread.h>

typedef struct fw_team_request {
    int workers;
    const char *cpus;
    furrow_start start; /* none but those that there are: no default */
    int pin;
    int64_t grace; /* ns between a deadline and the end of what still runs */
    size_t trace;  /* records per worker */
} fw_team_request;

/* The last call that found workers asleep: wake.c. */
typedef struct fw_cold {
    uint64_t version; /* of its job */
    int64_t took;     /* ns, without the wakes */
    int64_t ended;
    int penalty; /* so many calls wake at once: not to was wrong */
} fw_cold;

/* Private to each process: the opener's, the nursery's, and copies in those forked from
 * them. */
typedef struct fw_team {
    fw_control *control;
    fw_place *place;
    fw_topology *topology;
    const fw_start *start;
    int64_t grace;
    int32_t opener;           /* pid */
    pthread_t by;             /* the thread that opened it */
    _Atomic uint32_t driving; /* it is in a call (driver.c) */
    _Atomic uint32_t waiting; /* so many others are (fw_team_come_in()) */
    /* Under the driver lock: */
    struct fw_worker *caller; /* the caller when it has a worker's part */
    int seat_cpu;             /* where the last caller ran, and */
    int seat;                 /* the worker on that CPU, or -1 */
    fw_cold cold;
    int no_hold;         /* so many calls wake it at once: to hold it was vain */
    fw_tracering *trace; /* one per worker; or NULL */
    size_t trace_records;
    /* start methods of processes */
    int nursery_pidfd;
    int32_t nursery_pid; /* known to the opener and to the nursery's children */
    uint32_t stop;       /* what the control block's word was set to, by the opener */
    uint64_t nursery_start; /* when there is no pidfd: its identity */
    /* start_thread */
    pthread_t *thread;
    pthread_t supervisor;
    _Atomic uint32_t supervised; /* the supervisor runs: futex of the opener */
} fw_team;

int fw_team_open(const fw_team_request *request, fw_team **out);

/* Let what is queued finish (kill 0) or not (kill 1), end all members; wait until the
 * opener's other threads, which see that, have left their calls. */
void fw_team_close(fw_team *team, int kill);

/* This thread of the opener begins to look at the team, and has ended: in between neither
 * the team is freed nor what belongs to its pool. */
void fw_team_come_in(fw_team *team);
void fw_team_leave(fw_team *team);

/* Bind the calling thread to worker i's CPUs. */
void fw_team_pin(const fw_team *team, int i);

/* seq = STOP in every group, and wake all: members end when they see it. */
void fw_team_stop_members(fw_team *team);

/* Total of one counter over all members. */
uint64_t fw_team_count(const fw_team *team, int counter);

/* For who starts members: may one be started in this slot? Then it must be prepared. */
int fw_team_replaceable(fw_control *c, int i);
void fw_team_prepare_slot(fw_control *c, int i);

/* Fail with a sentence that begins so and tells fw_control_why_none(). */
int fw_team_tell_none(int why, const char *what);

/* Is this a worker (of any team)? Then its index, else -1. */
int fw_team_self(void);

#endif
