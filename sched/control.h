/* SPDX-License-Identifier: MIT
 *
 * The control block of a team: every struct that the members of a team share.
 *
 *   fw_control
 *   +--------+-----------------+---------+------------------+-------------------------+
 *   | header | go[group]       | park[]  | join, error,     | member[worker]          |
 *   |        | one line each   | 4 B per | cancel, deaths,  | line A | line B | line C|
 *   |        | the caller's    | worker  | nursery's words  | worker | worker | nursery|
 *   +--------+-----------------+---------+------------------+-------------------------+
 *
 * One writer per line, except range words (owner and thieves) and park words (sleeper and
 * wakers). Lines are 128 bytes apart: processors fetch pairs.
 */
#ifndef FW_CONTROL_H
#define FW_CONTROL_H

#include "counters.h"
#include "lock.h"
#include "place.h"
#include "range.h"

#define FW_GROUPS_MAX   64
#define FW_JOB_PAYLOAD  896 /* bytes of a job that the engine describes a call with */
#define FW_QUEUE_MAX    256 /* submissions waiting */

/* Runs one chunk: 0, or the value that fails the call. */
typedef int (*fw_job_run)(const void *payload, uint32_t chunk, int worker);

/* What a dispatch is about. Written by the driver while nobody is inside; workers copy it
 * when `version` differs from what they have. */
typedef struct fw_job {
    fw_job_run run; /* the same address in all workers: they are forked, or threads */
    uint64_t version;
    size_t size; /* bytes of payload in use */
    _Alignas(16) unsigned char payload[FW_JOB_PAYLOAD];
} fw_job;

/* One generation, for the workers that share an L3. Written by the driver: all else before
 * seq. */
typedef struct fw_go {
    _Alignas(128) _Atomic uint64_t seq; /* see below; spun on by loads */
    uint64_t version;                   /* of the job */
    uint64_t epoch;                     /* of the call: in every mark */
    _Atomic uint64_t *mark;             /* one per chunk of the call */
    const uint32_t *list; /* chunk k of this dispatch is chunk list[k] of the call; or NULL */
    uint32_t chunks;
    uint32_t mark_shift; /* mark of chunk c: mark[c << mark_shift] */
    uint32_t grace_ns;   /* how long the share of a late worker is left to it */
} fw_go;
_Static_assert(sizeof(fw_go) == 128, "the job's line, and its neighbour empty");
_Static_assert(offsetof(fw_go, grace_ns) < 64, "all of it in one line");

/* seq: generation << 2 | CALLER_RUNS << 1 | CLOSED. What a worker must know before it may
 * read the rest of the line is in here. CALLER_RUNS: worker 0 stays out, the caller has its
 * part. */
enum { FW_SEQ_IS_CLOSED = 1, FW_SEQ_CALLER_RUNS = 2 };
#define FW_SEQ_STOP UINT64_MAX
static inline uint64_t fw_seq_generation(uint64_t seq)
{
    return seq >> 2;
}

/* A chunk's mark names the call, the worker and the phase. What a dead worker had STARTED
 * and not DONE is torn; what it had not STARTED did not happen.
 *    63                  10 9       2 1     0
 *   +----------------------+---------+-------+
 *   | epoch of the call    | worker  | phase |
 *   +----------------------+---------+-------+ */
enum { FW_MARK_STARTED = 1, FW_MARK_DONE = 2 };
static inline uint64_t fw_mark(uint64_t epoch, int worker, int phase)
{
    return epoch << 10 | (uint64_t)worker << 2 | (uint64_t)phase;
}
static inline int fw_mark_is(uint64_t mark, uint64_t epoch, int phase)
{
    return mark >> 10 == epoch && (int)(mark & 3) == phase;
}
static inline int fw_mark_worker(uint64_t mark)
{
    return (int)(mark >> 2 & 255);
}

/* States of a member: who may move it on is told in nursery.c. */
enum {
    FW_MEMBER_EMPTY = 0,
    FW_MEMBER_STARTING, /* being forked */
    FW_MEMBER_UP,
    FW_MEMBER_DEAD,   /* the whole process is gone; what it was inside of is open */
    FW_MEMBER_FENCED, /* the driver has recorded the death: may be replaced */
    FW_MEMBER_ENDED   /* left because the team is closing */
};

typedef struct fw_member {
    /* line A: the worker's */
    _Alignas(128) _Atomic uint64_t in_gen; /* generation it announced last */
    _Atomic uint64_t range;
    _Atomic uint64_t count[FW_COUNTERS];
    /* line B: the worker's; the driver polls it */
    _Alignas(128) _Atomic uint64_t out_gen; /* generation it left last: it is inside of
                                               in_gen while out_gen is another */
    /* line C: the nursery's */
    _Alignas(128) _Atomic uint32_t state;
    _Atomic int32_t pid;    /* 0 for a thread; kept while DEAD */
    _Atomic int32_t status; /* wait status, while DEAD */
    _Atomic uint32_t kill;  /* the driver wants it ended */
} fw_member;
_Static_assert(sizeof(fw_member) == 384, "three pairs of lines");

/* A chunk that was torn, and by whose death. */
typedef struct fw_torn_chunk {
    uint32_t chunk;
    int32_t worker;
    int32_t pid;
    int32_t status; /* wait status */
} fw_torn_chunk;

typedef struct fw_control {
    uint64_t magic;
    int32_t workers;
    int32_t groups;
    uint16_t group_of[FW_WORKERS_MAX];
    fw_job job;
    fw_go go[FW_GROUPS_MAX];

    _Alignas(128) _Atomic uint32_t park[FW_WORKERS_MAX]; /* 1: worker i sleeps on it */
    _Alignas(128) _Atomic int32_t caller_cpu; /* where the driver waits without spinning: the
                                                 worker there does not spin; or -1 */
    _Atomic int32_t cpu_of[FW_WORKERS_MAX];   /* worker i's, or -2: not on one CPU */

    /* The driver's words. The driver is whoever holds `driver`: a caller, or the
     * supervisor for calls that nobody waits in. */
    _Alignas(128) fw_lock driver;
    _Atomic uint64_t generation; /* of the last dispatch */
    _Atomic uint64_t active;     /* generation being driven; 0: none */
    _Alignas(128) _Atomic uint32_t join;           /* futex of the waiting driver */
    _Atomic uint32_t driver_sleeps;                /* FW_SLEEPS_...: how to wake it */
    _Alignas(128) _Atomic uint64_t error;          /* lowest failing chunk << 32 | value */
    _Atomic uint64_t cancel;                       /* epoch that starts no more chunks */

    /* Marks and list of the running call; replaced by the driver while nobody is inside. */
    _Alignas(128) _Atomic uint64_t *mark;
    uint32_t *list;
    uint32_t mark_room; /* chunks */

    /* The nursery's words. */
    _Alignas(128) _Atomic uint32_t deaths; /* how many so far; futex of those who open */
    _Atomic uint32_t up;                   /* how many members have come up so far */
    _Atomic uint32_t nursery_pid;
    _Atomic uint32_t go_ahead;  /* the opener has the nursery's pidfd */
    _Atomic uint32_t stop;      /* 1: end when idle, 2: kill */
    _Atomic uint32_t spawn_error; /* errno of the last fork that failed */
    _Atomic uint64_t replaced;
    _Atomic uint64_t calls;

    /* Submissions: a ring, written under `queue_lock`; the supervisor takes from it. */
    _Alignas(128) fw_lock queue_lock;
    uint64_t queue_head, queue_tail;
    struct fw_submission *queue[FW_QUEUE_MAX];
    struct fw_submission *running; /* the supervisor's; it holds a reference */
    _Atomic uint32_t queued; /* tail - head, for a look without the lock */
    _Atomic uint32_t supervise; /* futex of a supervisor thread */

    _Alignas(128) fw_member member[];
} fw_control;

#define FW_NO_ERROR UINT64_MAX

/* driver_sleeps: on the join futex, or as a supervisor that is to be notified. */
enum { FW_SLEEPS_FUTEX = 1, FW_SLEEPS_SUPERVISOR = 2 };

/* Is the member inside the generation? It announced it and has not left. */
static inline int fw_member_inside(fw_member *m, uint64_t generation)
{
    return fw_load_seqcst(&m->out_gen) != generation &&
           fw_load_seqcst(&m->in_gen) == generation;
}

/* Start no more chunks of the call. Only ever upwards: a cancel that comes after its call
 * has ended must not undo that of the running one. */
static inline void fw_cancel(fw_control *c, uint64_t epoch)
{
    uint64_t seen = fw_load_relaxed(&c->cancel);

    while (seen < epoch && !fw_cas_seqcst(&c->cancel, &seen, epoch))
        ;
}

#endif
