/* SPDX-License-Identifier: MIT
 *
 * The chaos soak: what its processes share.
 *
 * One board in the heap, with the objects and a line for each member: a slot whose process
 * is killed and replaced again and again. A line is written by its member alone, and by the
 * storm between two members. What a member is in the middle of, it notes before and clears
 * after it has written down the outcome: what the dead may have left undone or untold is
 * so known exactly, and nothing beyond that is forgiven.
 */
#ifndef CHAOS_H
#define CHAOS_H

#include "atomic.h"
#include "stress/dice.h"

#include <furrow.h>

enum {
    MEMBERS = 20, /* of them by a forkserver: */
    SERVED = 2,
    TOKENS = 3,    /* of the semaphore that owns them */
    MOST = 8,      /* value of the counting one */
    PARTIES = 3,   /* of the barrier */
    CAPACITY = 64, /* of the queue */
    WIDTH = 4,     /* elements of the synchronised value */
    ITEMS = 8,     /* of the list; bytes of one: */
    ITEM_ROOM = 96,
    WINDOW = 65536, /* letters of a member that are accounted for at a time */
    LARGE = 504,    /* bytes of a letter that has a block of its own */
    PATIENCE = 20,  /* seconds: what takes longer hangs */
    STALL = 10      /* seconds without any progress of one kind */
};

/* What a member does; each is one kind of progress. */
enum act {
    IDLE,
    PUT,
    GET,
    LOCK,
    AUTO,
    OWNED,
    RAISE,
    TAKE,
    EVENT,
    BARRIER,
    VALUE,
    LIST,
    ACTS
};

/* In a mark, with its number: whether that letter was put nobody knows. */
#define DOUBT UINT32_C(0x80000000)

typedef struct member {
    _Alignas(128) _Atomic uint32_t act;
    _Atomic int64_t since;       /* ms */
    _Atomic uint64_t done[ACTS]; /* how often with success */
    _Atomic uint64_t token;      /* its owner's number and a count; 0: it has none */
    _Atomic uint32_t sent, put;  /* letters: begun, and returned from */
    _Atomic uint64_t got, late;  /* letters; behind a later one of that member */
    _Atomic uint64_t told, broken, dead; /* OWNERDIED; EBROKEN; EDIED of a join */
    _Atomic int64_t longest[ACTS];       /* ms */
} member;

/* Two numbers that a lock keeps equal. */
typedef struct pair {
    furrow_lock *lock;
    _Alignas(128) volatile uint64_t a, b;
} pair;

typedef struct board {
    furrow_queue *queue;
    furrow_semaphore *owned, *counting;
    furrow_event *event;
    furrow_barrier *barrier;
    furrow_synchronized *value;
    furrow_list *list;
    pair pair[2]; /* of LOCK and AUTO */
    _Atomic int over;
    _Atomic uint64_t life;                  /* counts the members; seeds their dice */
    member member[MEMBERS + 1];             /* the last one: the storm's own */
    _Atomic uint32_t mark[MEMBERS][WINDOW]; /* by whom and number: it came */
} board;

/* Where it lies; in a member `me` is its line. */
extern board *chaos;
extern member *me;

static inline int64_t ms_now(void)
{
    return (int64_t)(seconds_now() * 1e3);
}

static inline const char *act_name(uint32_t act)
{
    static const char *const name[ACTS] = {"nothing",
                                           "put",
                                           "get",
                                           "lock",
                                           "automatic lock",
                                           "owned tokens",
                                           "semaphore",
                                           "semaphore",
                                           "event",
                                           "barrier",
                                           "synchronised value",
                                           "list"};

    return name[act < ACTS ? act : IDLE];
}

static inline void begin(enum act act)
{
    fw_store_relaxed(&me->since, ms_now());
    fw_store_seqcst(&me->act, act);
}

/* The outcome is written down. */
static inline void end(enum act act, int success)
{
    int64_t ms = ms_now() - fw_load_relaxed(&me->since);

    if (success)
        fw_store_relaxed(&me->done[act], fw_load_relaxed(&me->done[act]) + 1);
    if (ms > fw_load_relaxed(&me->longest[act]))
        fw_store_relaxed(&me->longest[act], ms);
    fw_store_seqcst(&me->act, IDLE);
}

/* Of one's own line. */
static inline void more(_Atomic uint64_t *number)
{
    fw_store_relaxed(number, fw_load_relaxed(number) + 1);
}

/* One sentence, and this process ends with 1: chaos_watch.c. */
_Noreturn __attribute__((format(printf, 1, 2))) void ruin(const char *format, ...);

/* Ruin, unless rc is one of these: the words of the last error. */
_Noreturn void ruin_by(const char *what, int rc);

/* chaos_member.c: what a process does until it is killed, or all is over. */
int member_live(unsigned slot);

/* chaos_letters.c */
void letters_begin_life(unsigned slot);
void letters_put(dice *d, unsigned slot);
void letters_get(dice *d);
int letters_get_one(furrow_deadline deadline); /* 0 or the queue's error */

/* Of the storm: settle what a member sent up to so long ago. Lost ones are counted. */
typedef struct ledger {
    uint32_t settled[MEMBERS];
    uint64_t lost, absent; /* put and never got; in doubt and never got */
} ledger;
void letters_settle(ledger *l, uint32_t keep);

/* chaos_storm.c */
typedef struct tally {
    uint64_t kills, terms, stops, ends; /* ends: of members that left by themselves */
    uint64_t served;                    /* killed ones that a forkserver had started */
    uint64_t dead[ACTS];                /* by what they were in the middle of */
} tally;
void storm_run(double until, tally *t, ledger *l);
void storm_end(tally *t); /* all members end by themselves */
int storm_state(unsigned slot, long *pid);

/* chaos_watch.c */
void watch_look(const tally *t, ledger *l); /* each second */
uint64_t watch_sum(enum act act);
uint64_t watch_sum_of(size_t offset); /* of a counter of member */
_Noreturn __attribute__((format(printf, 1, 2))) void doom(const char *format, ...);

#endif
