/* SPDX-License-Identifier: MIT
 *
 * A family: an opener, its pool's nursery and workers, and a call in which one of them
 * dies. What each does beside the victim is told by the row's script, so that the victim
 * finds the same at each of its instructions.
 *
 * A chunk of the call transforms its elements (e -> 3e + 1), and counts that it was begun
 * and ended. In the call under test its kernel also holds where the script says so. The
 * elements and the counts show whether each chunk was run exactly once; a chunk that was
 * not must lie in a torn range, which names somebody who was killed.
 */
#ifndef KILL_FAMILY_H
#define KILL_FAMILY_H

#include "row.h"

#include "control.h"
#include "furrow.h"

enum { FAMILY_ITEMS = 72, FAMILY_MOST = 8 };

/* Calls: none runs; all workers meet in it; the one under test; that after it; one like
 * any. */
enum { CALL_NONE, CALL_MEETING, CALL_TESTED, CALL_NEXT, CALL_PLAIN };

/* What the victim waits for at the end of a chunk, before a window begins there. */
typedef enum family_until {
    UNTIL_NOTHING,
    UNTIL_OTHERS_HOLD,   /* each other worker is in its first chunk */
    UNTIL_OTHERS_LEFT,   /* no other worker is inside the generation */
    UNTIL_DRIVER_SLEEPS, /* nor anyone awake who waits for it */
    UNTIL_DRIVER_AWAITS, /* the driver sleeps, the others hold */
    UNTIL_DEATH_KNOWN    /* the nursery has told of the one who dies before */
} family_until;

/* When the victim, stopped before its window, may go on. */
typedef enum family_go {
    GO_AT_ONCE,
    GO_IN_CALL,    /* another worker is in a kernel of the call under test */
    GO_AFTER_CALL, /* that call is over */
    GO_IN_NEXT,    /* another worker is in a kernel of the call after it */
    GO_AT_RERUN    /* the call under test is in its second generation */
} family_go;

/* Until when another worker stays in its first chunk (with GO_IN_NEXT, of that call). */
typedef enum family_hold {
    HOLD_NOT,
    HOLD_TO_RELIEF,
    HOLD_TO_ARRIVAL, /* the victim is before its window */
    HOLD_TO_STOP,    /* it is stopped, or dead */
    HOLD_TO_MEET,    /* all have come */
    HOLD_TO_SLEEP,   /* the driver sleeps */
    HOLD_TO_TURN     /* a thread waits for its turn */
} family_hold;

typedef struct script {
    int workers;     /* 0: 3 */
    int victim;      /* the worker */
    uint32_t chunks; /* of the call under test */
    unsigned flags;  /* FURROW_CALLER_RUNS */
    int async;       /* it is a future's */
    int other_job;   /* the workers do not have its job yet */
    family_hold hold;
    int end;            /* at the end of the victim's chunk of this number (1: first) */
    family_until until; /* it waits for that */
    int dier;           /* 1 + the worker that dies in its first chunk, or 0 */
    int absent;         /* 1 + the worker that is stopped meanwhile, or 0 */
    int pinned;         /* to the caller's CPU: who waits there does not spin */
    int thread;  /* the opener has another one, whose call is 1: behind, 2: before */
    int killed;  /* 1 + the worker that the actor kills before, or 0 */
    int lead;    /* there is another call before */
    int patient; /* there is relief before the call under test */
    int calls;   /* 2: another one after it */
    int deadline_ms; /* of the call, when the victim is stopped; 0: none */
    family_go go;
} script;

/* In the scene's object. */
typedef struct play {
    fw_control *_Atomic control;
    _Atomic uint32_t call; /* number of the running one */
    _Atomic int part;      /* which one that is */
    _Atomic int shot, met, wrong;
    uint64_t rerun;      /* the generation that the prompter waits for */
    _Atomic int nursery; /* process ids, before the window */
    _Atomic int worker[FAMILY_MOST];
    _Atomic uint32_t begun[FAMILY_MOST]; /* chunks, in the running call */
    _Atomic uint8_t entered[FAMILY_ITEMS], left[FAMILY_ITEMS];
    _Atomic int over; /* the script's calls */
    furrow_array *array;
    char name[40]; /* of the opener's named array */
} play;

/* The scene of this world: its workers have it, too. */
extern scene *family_stage;

play *family_play(scene *s);
const script *family_script(const scene *s);
int family_workers(const scene *s);

/* ---- inside a worker (family_kernel.c) --------------------------------------------*/

int family_kernel(furrow_chunk c);
int family_kernel_nothing(furrow_chunk c);

/* Places in it: its first instructions and its last. */
void family_kernel_begins(void), family_kernel_ends(void);

/* ---- the plays (family.c) ---------------------------------------------------------*/

/* row.set_up: heap, bystander, and the array that calls are about. */
int family_lay(scene *s);

/* row.watch: the control block. */
int family_watch(scene *s);

/* Open the pool; let all workers meet, and wait until they sleep. */
furrow_pool *family_open(scene *s);
int family_begin(scene *s, furrow_pool *pool);

/* The calls that the script asks for. */
int family_play_calls(scene *s, furrow_pool *pool);

/* row.act: the victim is the script's worker, the nursery, a worker that takes the place
 * of a killed one; somebody whom the opener is about to fork; the opener himself, who
 * closes his pool, or ends it. */
int family_act_worker(scene *s);
int family_act_nursery(scene *s);
int family_act_successor(scene *s);
int family_act_newborn(scene *s);
int family_act_opener(scene *s);
int family_act_terminator(scene *s);

/* ---- what is promised (family_check.c) --------------------------------------------*/

/* A call, and all that is promised of it. `lost`: the nursery was gone, so that nothing
 * is known of the elements. */
typedef struct family_result {
    int code;
    size_t torn;
    int lost;
} family_result;
int family_call(scene *s, furrow_pool *pool, int part, family_result *result);

/* A place: it calls furrow_map() for the call under test. */
int family_map(furrow_pool *pool, const furrow_call *call);

/* After it all: workers are replaced, all meet again, the pool closes. */
int family_go_on(scene *s, furrow_pool *pool);

/* After the nursery's death: every call says so, no worker lives, the pool closes. */
int family_lose_nursery(scene *s, furrow_pool *pool);

/* row.survive: nobody and nothing is left. After the death of a nursery that drove a call
 * its submission may be, after an opener's the blocks of his pool. */
int family_survive(scene *s);
int family_survive_driver(scene *s);
int family_survive_opener(scene *s);

/* row.visit: beside a stopped worker nobody is taken for dead. */
int family_visit(scene *s);

/* The same, until the script's calls are over, or cannot come to their end. */
int family_visit_next(scene *s);

/* Until the call's deadline is over: then the stopped one is ended, and that is told. */
int family_visit_late(scene *s);

#endif
