/* SPDX-License-Identifier: MIT
 *
 * Barriers, without a lock.
 *
 * All that a barrier is stands in one word, `state` (sync_barrier.h), and each step is one
 * compare-and-swap of it:
 *
 *     arrive    arrived + 1; what was there is the party's number
 *     act       the last one, when there is an action: arrived + 1 and A
 *     pass      the last one, or who has run the action: the next generation, nobody arrived
 *     break     the next generation, B, and a 1 into the history
 *     reset     the next generation and a 1 into the history, or B away; with R
 *     made new  R away
 *
 * A party remembers the generation that it came in, spins for a moment where every party may
 * have a CPU of its own (wait.c), and sleeps until there is another generation; the history
 * tells how its own ended, also when it looks late. (Later than 22 generations, which takes
 * resets or more processes than parties: it is told that it was broken.)
 *
 * Before it arrives a party writes its process's number (fw_participant_owner()) into a
 * free slot, and it clears that after the end of its generation: whoever is inside is named,
 * and whoever is counted in `arrived` was named before. Who waits looks at each tick whether
 * somebody who is named, or has enrolled, is dead, and then breaks the barrier: with the
 * state that he read before he looked, so that what others have done meanwhile stays; and
 * only then the dead one's name is cleared. So a kill before `arrive` breaks as one after it
 * does, and so does one after `pass`: who dies inside breaks the generation that is open.
 * (A name that was seen dead is cleared only when the state was seen with B or R after that:
 * then nobody is counted in `arrived`, and one who is must keep his name.)
 * The ring after a swap is not needed for anything but haste (bell.h).
 *
 * While R stands, names of the dead are cleared, by whoever has reset it, and by everybody
 * who comes then: a kill in the middle leaves it to the next one.
 */
#include "sync_barrier.h"

#include "nothrow.h"
#include "os.h"
#include "participant.h"
#include "status.h"
#include "sync_object.h"
#include "wait.h"

#include <string.h>

#define GENERATION UINT64_C(0x3fffff)
enum { HISTORY_AT = 22, HISTORY_BITS = 22, ARRIVED_AT = 44, ARRIVED_MASK = 0x1fff };
#define ACTING    (UINT64_C(1) << 62)
#define BROKEN    (UINT64_C(1) << 63)
#define RESETTING (UINT64_C(1) << 61)
enum { LOOKS = 64, CROWDED_NS = 1000000 };

static uint32_t arrived(uint64_t state)
{
    return (uint32_t)(state >> ARRIVED_AT) & ARRIVED_MASK;
}

/* The state of the next generation; this one was broken, or not. */
static uint64_t next(uint64_t state, uint64_t broken)
{
    uint64_t history = (state >> HISTORY_AT & GENERATION) << 1 | broken;

    return ((state + 1) & GENERATION) | (history & GENERATION) << HISTORY_AT;
}

/* What became of generation `of`: 0 it is still open, 1 it passed, or FURROW_EBROKEN. */
static int outcome(uint64_t state, uint64_t of)
{
    uint64_t ago = (state - of) & GENERATION;

    if (ago == 0)
        return 0;
    if (ago > HISTORY_BITS || state >> (HISTORY_AT + ago - 1) & 1)
        return FURROW_EBROKEN;
    return 1;
}

static int broken(void)
{
    return fw_fail(FURROW_EBROKEN,
                   "the barrier is broken: a party died, gave up or aborted it, or its "
                   "action failed");
}

/* Swap the state and wake everybody. */
static int move(furrow_barrier *b, uint64_t *seen, uint64_t to)
{
    if (!fw_cas_seqcst(&b->state, seen, to))
        return 0;
    fw_bell_ring(&b->bell, FW_BELL_ALL);
    return 1;
}

static int break_it(furrow_barrier *b, uint64_t *seen)
{
    return move(b, seen, next(*seen, 1) | BROKEN);
}

/* ---- names --------------------------------------------------------------------------*/

static _Atomic uint32_t *enrolled(furrow_barrier *b)
{
    return b->name + b->slots;
}

static int change(_Atomic uint32_t *name, uint32_t n, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t seen = from;

        if (fw_load_seqcst(&name[i]) == from && fw_cas_seqcst(&name[i], &seen, to))
            return (int)i;
    }
    return -1;
}

/* The next name from *at on that is a dead one's, among LOOKS of the living. 0: none. */
static uint32_t find_dead(furrow_barrier *b, uint32_t me, uint32_t *at)
{
    uint32_t n = b->slots + b->parties, looks = 0, alive = me;

    for (uint32_t i = 0; i < n && looks < LOOKS; i++) {
        uint32_t owner;

        *at = *at + 1 < n ? *at + 1 : 0;
        owner = fw_load_seqcst(&b->name[*at]);
        if (owner == 0 || owner == alive || owner == me)
            continue;
        looks++;
        if (!fw_participant_owner_gone(owner))
            alive = owner;
        else if (fw_load_seqcst(&b->name[*at]) == owner)
            return owner; /* he did not go home meanwhile */
    }
    return 0;
}

/* Break the barrier when a party is dead, then clear its name. */
static void mind_dead(furrow_barrier *b, uint32_t me, uint32_t *at)
{
    uint64_t state = fw_load_seqcst(&b->state);
    uint32_t before = *at, dead;

    while (!(state & (BROKEN | RESETTING)) && (dead = find_dead(b, me, at)) != 0) {
        if (break_it(b, &state)) {
            (void)fw_cas_seqcst(&b->name[*at], &dead, 0);
            return;
        }
        *at = before; /* others have done something meanwhile */
    }
}

/* Names of the dead, while nobody is counted: nor was one who was dead before. */
static void forget_dead(furrow_barrier *b)
{
    for (uint32_t i = 0; i < b->slots + b->parties; i++) {
        uint32_t owner = fw_load_seqcst(&b->name[i]);

        if (owner == 0 || !fw_participant_owner_gone(owner))
            continue;
        if (!(fw_load_seqcst(&b->state) & (BROKEN | RESETTING)))
            return; /* another one has ended the reset */
        (void)fw_cas_seqcst(&b->name[i], &owner, 0);
    }
}

/* Anybody may. R goes only from the state that was seen before the look at the dead: when
 * that is over, another one has ended this reset, or there is another. */
static void end_reset(furrow_barrier *b)
{
    uint64_t state = fw_load_seqcst(&b->state);

    if (!(state & RESETTING))
        return;
    forget_dead(b);
    (void)fw_cas_seqcst(&b->state, &state, state & ~RESETTING);
}

/* ---- a party ------------------------------------------------------------------------*/

typedef struct party {
    uint32_t me;
    uint32_t at;  /* where it looks for the dead, */
    int64_t tick; /* and when */
    int counted;  /* in the generation that it waits for */
    furrow_deadline deadline;
} party;

static int is_late(const party *p)
{
    return p->deadline == 0 || fw_os_now() >= p->deadline;
}

/* Into a free slot. There is one, unless more processes than parties are inside. */
static int come_in(furrow_barrier *b, party *p)
{
    for (;;) {
        int slot = change(b->name, b->slots, 0, p->me);

        if (slot >= 0)
            return slot;
        if (fw_load_seqcst(&b->state) &
            BROKEN) /* names of the dead stay until a reset */
            return broken();
        if (is_late(p))
            return fw_fail(FURROW_ETIME, "more than %u processes are at the barrier",
                           b->slots);
        mind_dead(b, p->me, &p->at);
        fw_bell_sleep(&b->bell, fw_load_seqcst(&b->bell.word),
                      fw_os_now() + CROWDED_NS);
    }
}

/* Sleep; once a tick, and not whenever somebody has rung, look for the dead. (Signals may
 * end each sleep before its tick.) */
static void sleep_once(furrow_barrier *b, party *p, uint32_t heard)
{
    fw_bell_sleep(&b->bell, heard, p->deadline < p->tick ? p->deadline : p->tick);
    if (fw_os_now() < p->tick)
        return;
    mind_dead(b, p->me, &p->at);
    p->tick = fw_os_now() + FW_BELL_TICK_NS;
}

typedef struct ending {
    furrow_barrier *b;
    uint64_t of;
} ending;

static int has_ended(void *ctx, int thorough)
{
    const ending *e = ctx;

    (void)thorough;
    return outcome(fw_load_seqcst(&e->b->state), e->of);
}

/* Sleep until generation `of` is over. */
static int sleep_for_end(furrow_barrier *b, party *p, uint64_t of)
{
    p->tick = fw_os_now() + FW_BELL_TICK_NS;
    for (;;) {
        uint32_t heard = fw_bell_listen(&b->bell);
        uint64_t state = fw_load_seqcst(&b->state);
        int rc = outcome(state, of);

        if (rc != 0)
            return rc == 1 ? 0 : broken();
        if (!is_late(p)) {
            sleep_once(b, p, heard);
        } else if (!p->counted || break_it(b, &state)) {
            return fw_fail(FURROW_ETIME, "not all parties came to the barrier in time");
        }
    }
}

/* Spin for a moment, where each party may have a CPU of its own, then sleep. */
static int wait_for_end(furrow_barrier *b, party *p, uint64_t of)
{
    ending e = {b, of};
    int64_t start;
    int rc;

    if (p->deadline == 0)
        return sleep_for_end(b, p, of);
    start = fw_os_now();
    rc = fw_wait_spin(b->parties, has_ended, &e, p->deadline);
    if (rc != 0)
        return rc == 1 ? 0 : broken();
    rc = sleep_for_end(b, p, of);
    fw_wait_slept(start);
    return rc;
}

/* The action in this process, which may have it at another address than its maker. */
static int act(const furrow_barrier *b)
{
    static _Thread_local fw_entry known; /* a copy: addresses are used again */
    static _Thread_local fw_entry_function function;
    int rc;

    fw_nothrow_frame();
    if (memcmp(&known, b->entry, sizeof known) != 0) {
        function = fw_entry_resolve(b->entry);
        known = *b->entry;
    }
    if (!function)
        return fw_fail(
            FURROW_ENOTSUP,
            "the barrier's action is in %s, which this process cannot load, or "
            "has another build of",
            b->entry->path);
    rc = ((int (*)(void *))function)(b->arg);
    return rc == 0 ? 0
                   : fw_fail(FURROW_EBROKEN, "the barrier's action returned %d", rc);
}

/* The last one: run the action, let the others go. */
static int open_it(furrow_barrier *b, uint64_t state)
{
    uint64_t of = state;
    int rc = act(b);

    while (outcome(state, of) == 0)
        if (rc == 0 ? move(b, &state, next(state, 0)) : break_it(b, &state))
            break;
    if (rc != 0)
        return rc;
    return outcome(fw_load_seqcst(&b->state), of) == 1 ? 0 : broken();
}

/* Its number, or a negative error. */
static int arrive(furrow_barrier *b, party *p)
{
    uint64_t state = fw_load_seqcst(&b->state), to;
    uint32_t n;
    int rc;

    for (;;) {
        n = arrived(state);
        if (state & BROKEN)
            return broken();
        if (state & RESETTING) {
            end_reset(b);
            state = fw_load_seqcst(&b->state);
            continue;
        }
        if (n == b->parties) { /* they have met, and one runs the action */
            rc = wait_for_end(b, p, state & GENERATION);
            if (rc < 0)
                return rc;
            state = fw_load_seqcst(&b->state);
            continue;
        }
        to = state + (UINT64_C(1) << ARRIVED_AT);
        if (n + 1 == b->parties && b->entry)
            to |= ACTING;
        if (n + 1 == b->parties && !b->entry ? move(b, &state, next(state, 0))
                                             : fw_cas_seqcst(&b->state, &state, to))
            break;
    }
    p->counted = 1;
    if (n + 1 < b->parties)
        rc = wait_for_end(b, p, state & GENERATION);
    else
        rc = b->entry ? open_it(b, to) : 0;
    return rc < 0 ? rc : (int)n;
}

static int wait(furrow_barrier *b, furrow_deadline deadline)
{
    party p = {.deadline = deadline};
    int slot, rc;

    if (deadline == FURROW_FOREVER && b->timeout_ns)
        p.deadline = fw_os_now() + b->timeout_ns;
    p.me = fw_participant_owner_by(p.deadline);
    if (p.me == 0)
        return furrow_last_error()->code;
    slot = come_in(b, &p);
    if (slot < 0)
        return slot;
    p.at = (uint32_t)slot;
    rc = arrive(b, &p);
    fw_store_seqcst(&b->name[slot], 0);
    return rc;
}

/* ---- all ----------------------------------------------------------------------------*/

/* Nothing is under way afterwards, and it is broken. */
static void abort_all(furrow_barrier *b)
{
    uint64_t state = fw_load_seqcst(&b->state);

    while (!(state & BROKEN) && !break_it(b, &state))
        ;
}

static void begin_reset(furrow_barrier *b)
{
    uint64_t state = fw_load_seqcst(&b->state), to;

    do {
        if (state & RESETTING)
            return;
        to = state & BROKEN ? state & ~BROKEN : next(state, 1);
    } while (!move(b, &state, to | RESETTING));
}

static int is_live(const furrow_barrier *b)
{
    return b && fw_load_relaxed(&b->magic) == FW_SYNC_BARRIER_MAGIC;
}

/* ---- public -------------------------------------------------------------------------*/

int furrow_barrier_wait(furrow_barrier *b, furrow_deadline deadline)
{
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    return fw_status_in(__func__, wait(b, deadline));
}

int furrow_barrier_abort(furrow_barrier *b)
{
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    abort_all(b);
    return 0;
}

int furrow_barrier_reset(furrow_barrier *b)
{
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    begin_reset(b);
    end_reset(b);
    return 0;
}

int furrow_barrier_enrol(furrow_barrier *b)
{
    uint32_t me;

    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    me = fw_participant_owner();
    if (me == 0)
        return fw_status_in(__func__, furrow_last_error()->code);
    if (change(enrolled(b), b->parties, 0, me) >= 0)
        return 0;
    return fw_status_in(
        __func__, fw_fail(FURROW_EFULL, "all %u parties have enrolled", b->parties));
}

int furrow_barrier_leave(furrow_barrier *b)
{
    uint32_t me;

    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    me = fw_participant_owner();
    if (me && change(enrolled(b), b->parties, me, 0) >= 0)
        return 0;
    return fw_status_in(__func__,
                        fw_fail(FURROW_EOWNER, "this process has not enrolled"));
}

int furrow_barrier_broken(furrow_barrier *b)
{
    uint32_t at = 0;

    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    mind_dead(b, 0, &at);
    return fw_load_seqcst(&b->state) >> 63 & 1;
}

int furrow_barrier_n_waiting(const furrow_barrier *b)
{
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    return (int)arrived(fw_load_seqcst(&b->state));
}

int furrow_barrier_parties(const furrow_barrier *b)
{
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    return (int)b->parties;
}

int furrow_barrier_free(furrow_barrier *b)
{
    if (!b)
        return 0;
    if (!is_live(b))
        return fw_sync_refuse(__func__, b, "barrier");
    return fw_sync_free(__func__, b, b->entry, &b->magic, FW_SYNC_BARRIER_MAGIC);
}
