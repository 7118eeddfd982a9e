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
 * One writer per line, except range words (owner and thieves), park words (sleeper and
 * wakers) and the `out` words of small groups in the driver's line. Lines are 128 bytes
 * apart: processors fetch pairs.
 */
#ifndef FW_CONTROL_H
#define FW_CONTROL_H

#include "counters.h"
#include "lock.h"
#include "place.h"
#include "range.h"
#include "turn.h"

#include <string.h>

#define FW_GROUPS_MAX  64
#define FW_GROUP_ROOM  256 /* go lines: as many as group_of[] can name */
#define FW_MEMBER_ROOM 512 /* members and their words: as many as `workers` can count */
#define FW_JOB_PAYLOAD 896 /* bytes of a job that the engine describes a call with */
#define FW_QUEUE_MAX   256 /* submissions waiting */

/* Runs one chunk: 0, or the value that fails the call. The payload is the worker's own
 * copy, in which it may note things until the job changes. */
typedef int (*fw_job_run)(void *payload, uint32_t chunk, int worker);

/* What there is to be run, by number: workers that are the program anew have their functions
 * elsewhere. The engine's table; the first one is for numbers that are none (a stray
 * store). */
enum { FW_JOB_NONE, FW_JOB_CALL, FW_JOB_TAKE, FW_JOB_KINDS };
extern const fw_job_run fw_job_runs[FW_JOB_KINDS];

/* What a dispatch is about. Written by the driver while nobody is inside; workers copy it
 * when `version` differs from what they have. */
typedef struct fw_job {
    uint32_t kind; /* index into fw_job_runs[] */
    uint64_t version;
    size_t size; /* bytes of payload in use */
    _Alignas(16) unsigned char payload[FW_JOB_PAYLOAD];
} fw_job;

#define FW_GO_TAIL 80

/* One generation, for the workers that share an L3. Written by the driver, all else before
 * seq; but `out`, which belongs to workers (fw_control_out()).
 *
 * What changes with every call travels in this line: the job is copied only when its
 * version is news, the tail (a small ctx) always. */
typedef struct fw_go {
    _Alignas(128) _Atomic uint64_t seq; /* see below; spun on by loads */
    uint64_t version;                   /* of the job */
    uint32_t chunks;
    uint32_t grace_ns; /* how long the share of a late worker is left to it */
    uint32_t reruns; /* generations since the call's first, whose number is its epoch */
    uint16_t tail_size; /* bytes that follow the job's payload */
    int16_t held; /* a worker that is left asleep: its share is anybody's; or -1 */
    _Atomic uint64_t out[2];
    unsigned char tail[FW_GO_TAIL];
} fw_go;
_Static_assert(sizeof(fw_go) == 128, "a pair of lines");
_Static_assert(offsetof(fw_go, tail) == 48,
               "16 bytes of the tail lie in the first line");

/* Most tails are one number: a call to memcpy() for it takes a fortieth of a dispatch, at
 * each of three places. */
static inline void fw_tail_copy(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else if (size)
        memcpy(to, from, size);
}

/* seq: what a worker must know before it may read the rest of the line.
 *    63                  10 9       2 1             0
 *   +----------------------+---------+-------------+--------+
 *   | generation           | seat    | caller runs | closed |
 *   +----------------------+---------+-------------+--------+
 * When the caller runs, it has the part of the worker in the seat, who stays out. */
enum { FW_SEQ_CLOSED = 1, FW_SEQ_CALLER_RUNS = 2 };
#define FW_SEQ_STOP        UINT64_MAX
#define FW_GENERATION_MASK (UINT64_MAX >> 10)
static inline uint64_t fw_seq_open(uint64_t generation, int seat)
{
    return generation << 10 | (seat < 0 ? 0 : (uint64_t)seat << 2 | FW_SEQ_CALLER_RUNS);
}
static inline uint64_t fw_seq_generation(uint64_t seq)
{
    return seq >> 10;
}
static inline int fw_seq_seat(uint64_t seq)
{
    return seq & FW_SEQ_CALLER_RUNS ? (int)(seq >> 2 & 255) : -1;
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

/* A member's `kill`: driver 0 -> WANTED; nursery WANTED -> SENT, then the signal; driver
 * WANTED -> 0 when the call is over. SENT ends with the member. */
enum { FW_KILL_WANTED = 1, FW_KILL_SENT = 2 };

typedef struct fw_member {
    /* line A: the worker's */
    _Alignas(128) _Atomic uint64_t in_gen; /* generation it announced last */
    _Atomic uint64_t range;
    _Atomic uint64_t count[FW_COUNTERS];
    /* line B: the worker's; the driver polls it. See fw_control_out() */
    _Alignas(128) _Atomic uint64_t out_gen;
    /* line C: the nursery's */
    _Alignas(128) _Atomic uint32_t state;
    _Atomic int32_t pid;    /* 0 for a thread; kept while DEAD */
    _Atomic int32_t status; /* wait status, while DEAD */
    _Atomic uint32_t kill;  /* FW_KILL_...: the driver wants it ended */
    _Atomic uint64_t start; /* with pid: its identity; by itself, before it is UP */
    _Atomic uint32_t early; /* how many in a row ended before they were up */
} fw_member;
_Static_assert(sizeof(fw_member) == 384, "three pairs of lines");

/* A chunk that was torn, and by whose death. */
typedef struct fw_torn_chunk {
    uint32_t chunk;
    int32_t worker;
    int32_t pid;
    int32_t status; /* wait status */
} fw_torn_chunk;

/* `workers`, `groups` and group_of[] are no larger than the room that there is for what
 * they count and name, whatever a stray store leaves in them: who walks or indexes by them
 * stays inside the block. The room that is not used has no memory. */
typedef struct fw_control {
    uint64_t magic;
    uint32_t workers : 9;
    uint8_t groups;
    uint8_t group_of[FW_MEMBER_ROOM];
    uint8_t near[FW_MEMBER_ROOM]; /* index into go.out, or FW_FAR */
    fw_job job;
    fw_go go[FW_GROUP_ROOM];

    _Alignas(128) _Atomic uint32_t park[FW_MEMBER_ROOM]; /* 1: worker i sleeps on it */
    /* Where the driver waits without spinning: the worker there does not spin; or -1. */
    _Alignas(128) _Atomic int32_t caller_cpu;
    _Atomic int32_t cpu_of[FW_MEMBER_ROOM]; /* worker i's, or -2: not on one CPU */

    /* The driver's words. The driver is whoever holds `driver`: a caller, or the
     * supervisor for calls that nobody waits in. */
    _Alignas(128) fw_turn driver;
    _Atomic uint64_t generation;          /* of the last dispatch */
    _Atomic uint64_t active;              /* generation being driven; 0: none */
    _Atomic uint32_t opened;              /* where an opener meets a sleeper (idle.c) */
    _Alignas(128) _Atomic uint32_t join;  /* futex of the waiting driver */
    _Atomic uint32_t driver_sleeps;       /* FW_SLEEPS_...: how to wake it */
    _Alignas(128) _Atomic uint64_t error; /* lowest failing chunk << 32 | value */
    _Atomic uint64_t cancel;              /* epoch that starts no more chunks */

    /* Of the running call; changed by the driver, seldom, while nobody is inside. */
    _Alignas(128) _Atomic uint64_t *mark; /* mark of chunk c: mark[c << mark_shift] */
    uint32_t *list;                       /* chunk k of a rerun is chunk list[k] */
    uint32_t mark_room;                   /* chunks */
    uint32_t mark_shift;
    uint32_t listed;            /* this generation is a rerun */
    _Atomic uint64_t *old_mark; /* of a smaller room, still to be freed */
    uint32_t *old_list;

    /* The nursery's words. */
    _Alignas(128) _Atomic uint32_t deaths; /* so far; futex of those who open */
    _Atomic uint32_t up;                   /* members that have come up so far */
    _Atomic uint32_t nursery_pid;
    _Atomic uint32_t stop;        /* 1: end when idle, 2: kill */
    _Atomic uint32_t spawn_error; /* errno of the last fork that failed */
    _Atomic uint64_t replaced;
    _Atomic uint64_t calls;

    /* Submissions: a ring, written under `queue_lock`; the supervisor takes from it. */
    _Alignas(128) fw_lock queue_lock;
    uint64_t queue_head, queue_tail;
    struct fw_submission *queue[FW_QUEUE_MAX];
    struct fw_submission *running;      /* the supervisor's; it holds a reference */
    struct fw_submission *_Atomic over; /* nobody's, still to be freed (submit.c) */
    _Atomic uint32_t queued;            /* tail - head, for a look without the lock */
    _Atomic uint32_t supervise;         /* futex of a supervisor thread */

    _Alignas(128) fw_member member[FW_MEMBER_ROOM];
} fw_control;
_Static_assert(FW_WORKERS_MAX < FW_MEMBER_ROOM && FW_GROUPS_MAX <= FW_GROUP_ROOM,
               "room for all");

#define FW_NO_ERROR UINT64_MAX

/* Workers that end before they are up, so many in a row, are not started any more. */
#define FW_EARLY_MAX 10
/* In the place of an errno: with the wait status of the last of them. */
#define FW_ENDS_EARLY (1 << 16)

/* Why no worker can be started, now that none is there: an errno, FW_ENDS_EARLY + status,
 * or 0: some are still tried. */
static inline int fw_control_why_none(fw_control *c)
{
    int why = (int)fw_load_relaxed(&c->spawn_error);

    for (int i = 0; i < c->workers && !why; i++)
        if (fw_load_acquire(&c->member[i].early) < FW_EARLY_MAX)
            return 0;
    return why ? why : FW_ENDS_EARLY | (fw_load_relaxed(&c->member[0].status) & 0xffff);
}

/* driver_sleeps: on the join futex, or as a supervisor that is to be notified. */
enum { FW_SLEEPS_FUTEX = 1, FW_SLEEPS_SUPERVISOR = 2 };

/* Where worker i writes the generation that it left last: it is inside of in_gen while that
 * is another. With one or two workers to an L3 the word lies in the line that they and the
 * driver pass to and fro anyway, which makes a dispatch a third shorter; more of them would
 * stand in line for it, and have one of their own each. */
#define FW_FAR 255
static inline _Atomic uint64_t *fw_control_out(fw_control *c, int i)
{
    return c->near[i] == FW_FAR ? &c->member[i].out_gen
                                : &c->go[c->group_of[i]].out[c->near[i] & 1];
}

/* Is worker i inside the generation? It announced it and has not left. */
static inline int fw_control_inside(fw_control *c, int i, uint64_t generation)
{
    return fw_load_seqcst(fw_control_out(c, i)) != generation &&
           fw_load_seqcst(&c->member[i].in_gen) == generation;
}

/* Its process is gone; what it announced stays as it was. */
static inline int fw_member_is_dead(fw_member *m)
{
    uint32_t state = fw_load_seqcst(&m->state);

    return state == FW_MEMBER_DEAD || state == FW_MEMBER_FENCED;
}

/* The number of the next dispatch: as wide as it is in a seq, whatever the word holds, else
 * nobody would ever be seen in it. */
static inline uint64_t fw_control_next(fw_control *c)
{
    uint64_t g = (fw_load_relaxed(&c->generation) + 1) & FW_GENERATION_MASK;

    return g ? g : 1;
}

/* From 0, or from what a stray store left. */
static inline void fw_control_want_kill(fw_member *m)
{
    uint32_t seen = fw_load_seqcst(&m->kill);

    if (seen != FW_KILL_WANTED && seen != FW_KILL_SENT)
        (void)fw_cas_seqcst(&m->kill, &seen, FW_KILL_WANTED);
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
