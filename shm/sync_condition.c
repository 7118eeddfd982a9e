/* SPDX-License-Identifier: MIT
 *
 * Conditions, without a lock of their own.
 *
 * Who waits has a slot: one word, which names his process (fw_participant_owner()) and says
 * WAITING or NOTIFIED, and which is the word that he sleeps on. Every change is one
 * compare-and-swap on the exact word seen:
 *
 *     0 -> me|WAITING              wait, before it gives the lock back
 *     x|WAITING -> x|NOTIFIED      notify, with the lock; then FUTEX_WAKE of that one word
 *     me|NOTIFIED -> 0             the end of wait, with the lock again
 *     me|WAITING -> 0              the deadline has passed; it fails if a notify came first,
 *                                  which then counts
 *     dead|WAITING -> 0            who finds no free slot; then
 *     dead|NOTIFIED -> 0           he, too, with the lock, when he has passed the notify on
 *     dead|NOTIFIED -> me|NOTIFIED one who waits takes a dead one's notify over
 *
 * So a notify is exact: it wakes those who wait, as many as it says, and no others. (The
 * number of the process is in the word; two threads of one process have two slots, and no
 * other ever leaves it as it was: nobody but its owner ends a living one's wait.)
 *
 * A kill of the notifier between swap and wake: the sleeper finds it at his tick. A kill of
 * the notified, asleep or awake, before he has the lock again: the word still says that a
 * notify was his, and one who waits takes it over at his tick, in the swap that names him
 * as its owner; killed then, too, it is taken over from him. Who takes one over and is
 * notified himself meanwhile passes one on. A notify of a dead one when nobody else waited
 * may meet one who comes later: after a death there are wakes without a notify.
 * A kill with the lock held is the lock's business: the next one is told.
 */
#include "sync_condition.h"

#include "bell.h"
#include "os.h"
#include "participant.h"
#include "status.h"
#include "sync_lock.h"
#include "sync_object.h"

enum { WAITERS = 256, WAITERS_MOST = 65536 };

static uint32_t word(uint32_t owner, uint32_t what)
{
    return owner << FW_CONDITION_BITS | what;
}

static uint32_t owner_of(uint32_t w)
{
    return w >> FW_CONDITION_BITS;
}

static int swap(_Atomic uint32_t *slot, uint32_t from, uint32_t to)
{
    return fw_cas_seqcst(slot, &from, to);
}

/* ---- slots --------------------------------------------------------------------------*/

/* `used` covers the slot before it is taken. */
static void cover(furrow_condition *c, uint32_t slot)
{
    uint32_t used = fw_load_seqcst(&c->used);

    while (used <= slot && !fw_cas_seqcst(&c->used, &used, slot + 1))
        ;
}

static int take_free(furrow_condition *c, uint32_t me)
{
    for (uint32_t i = 0; i < c->slots; i++) {
        if (fw_load_seqcst(&c->slot[i]) != 0)
            continue;
        cover(c, i);
        if (swap(&c->slot[i], 0, word(me, FW_CONDITION_WAITING)))
            return (int)i;
    }
    return -1;
}

static void notify(furrow_condition *c, uint32_t n)
{
    uint32_t used = fw_load_seqcst(&c->used);
    uint32_t first = fw_load_relaxed(&c->first);

    for (uint32_t i = 0; i < used && n > 0; i++) {
        uint32_t at = (first + i) % used, w = fw_load_seqcst(&c->slot[at]);

        if ((w & FW_CONDITION_WAITING) == 0 ||
            !swap(&c->slot[at], w, word(owner_of(w), FW_CONDITION_NOTIFIED)))
            continue;
        fw_os_futex_wake(&c->slot[at], FW_BELL_ALL);
        fw_store_relaxed(&c->first, at + 1); /* in turn; right or not */
        n--;
    }
}

/* Dead ones who wait for nothing any more. A notify that one of them had goes to another
 * who waits, before its slot does: killed in between, it is passed on once more. */
static void clear_dead(furrow_condition *c, uint32_t what)
{
    for (uint32_t i = 0; i < fw_load_seqcst(&c->used); i++) {
        uint32_t w = fw_load_seqcst(&c->slot[i]);

        if ((w & what) == 0 || !fw_participant_owner_gone(owner_of(w)))
            continue;
        notify(c, what == FW_CONDITION_NOTIFIED ? 1 : 0);
        (void)swap(&c->slot[i], w, 0);
    }
}

/* A slot for this process, or a negative error. */
static int take_slot(furrow_condition *c, uint32_t me)
{
    int slot = take_free(c, me);

    if (slot < 0) {
        clear_dead(c, FW_CONDITION_WAITING); /* first: they take no notify any more */
        clear_dead(c, FW_CONDITION_NOTIFIED);
        slot = take_free(c, me);
    }
    return slot >= 0 ? slot
                     : fw_fail(FURROW_EFULL, "%u threads wait already", c->slots);
}

/* ---- waiting ------------------------------------------------------------------------*/

/* At a tick: the first notify that a dead one had becomes ours. Its slot, or -1. */
static int take_over(furrow_condition *c, uint32_t me)
{
    uint32_t used = fw_load_seqcst(&c->used);

    for (uint32_t i = 0; i < used; i++) {
        uint32_t w = fw_load_seqcst(&c->slot[i]);

        if ((w & FW_CONDITION_NOTIFIED) == 0 || owner_of(w) == me ||
            !fw_participant_owner_gone(owner_of(w)))
            continue;
        if (swap(&c->slot[i], w, word(me, FW_CONDITION_NOTIFIED)))
            return (int)i;
    }
    return -1;
}

/* What came of a sleep: the slot (of `slot`, or taken over) that says NOTIFIED, or -1 when
 * the deadline has passed and `slot` is free. */
static int sleep_in(furrow_condition *c, int slot, uint32_t me,
                    furrow_deadline deadline)
{
    const uint32_t waiting = word(me, FW_CONDITION_WAITING);
    int64_t now = fw_os_now(), tick = now + FW_BELL_TICK_NS;
    _Atomic uint32_t *mine = &c->slot[slot];

    for (; fw_load_seqcst(mine) == waiting; now = fw_os_now()) {
        int other;

        if (now >= deadline) {
            if (swap(mine, waiting, 0))
                return -1;
            break;
        }
        (void)fw_os_futex_wait(mine, waiting, deadline < tick ? deadline : tick);
        if (fw_os_now() < tick) /* woken, also by a signal */
            continue;
        tick = fw_os_now() + FW_BELL_TICK_NS;
        other = take_over(c, me);
        if (other >= 0 && swap(mine, waiting, 0))
            return other;
        if (other >= 0) { /* notified as well: that one is somebody else's */
            notify(c, 1);
            (void)swap(&c->slot[other], word(me, FW_CONDITION_NOTIFIED), 0);
        }
    }
    return slot;
}

/* Take the lock as often as it was held. */
static int lock_again(furrow_lock *l, unsigned depth)
{
    int rc = fw_sync_lock_take(l, FURROW_FOREVER);

    for (unsigned i = 1; rc >= 0 && i < depth; i++)
        (void)fw_sync_lock_take(l, FURROW_FOREVER);
    return rc;
}

static int not_mine(void)
{
    return fw_fail(FURROW_EOWNER, "this thread does not hold the condition's lock");
}

static int wait(furrow_condition *c, furrow_deadline deadline)
{
    furrow_lock *l = c->lock;
    unsigned depth = fw_lock_depth(&l->lock);
    uint32_t me = fw_participant_owner_by(deadline);
    int slot, notified, rc;

    if (!fw_sync_lock_mine(l))
        return not_mine();
    slot = me ? take_slot(c, me) : furrow_last_error()->code;
    if (slot < 0)
        return slot;
    for (unsigned i = 0; i < depth; i++)
        (void)fw_lock_give(&l->lock);
    notified = sleep_in(c, slot, me, deadline);
    rc = lock_again(l, depth);
    if (notified >= 0)
        (void)swap(&c->slot[notified], word(me, FW_CONDITION_NOTIFIED), 0);
    if (rc != 0)
        return rc;
    return notified >= 0 ? 0 : fw_fail(FURROW_ETIME, "nobody has notified");
}

/* ---- public -------------------------------------------------------------------------*/

static int is_live(const furrow_condition *c)
{
    return c && fw_load_relaxed(&c->magic) == FW_SYNC_CONDITION_MAGIC &&
           fw_sync_lock_live(c->lock);
}

static int refuse(const char *function, const furrow_condition *c)
{
    return fw_sync_refuse(function, c, "condition, with a live lock");
}

static furrow_condition *make(furrow_lock *lock, const furrow_condition_options *o)
{
    const furrow_lock_options recursive = {.recursive = 1};
    uint32_t slots = o->waiters ? o->waiters : WAITERS;
    furrow_condition *c;

    if (slots > WAITERS_MOST) {
        fw_fail(FURROW_EINVAL, "%u waiters; %d are possible", slots, WAITERS_MOST);
        return NULL;
    }
    c = fw_sync_new(sizeof *c + slots * sizeof c->slot[0]);
    if (!c)
        return NULL;
    c->slots = slots;
    c->own_lock = lock == NULL;
    c->lock = lock ? lock : fw_sync_lock_make(&recursive);
    if (c->lock)
        return c;
    (void)fw_sync_drop(c);
    return NULL;
}

furrow_condition *furrow_condition_new_sized(furrow_lock *lock,
                                             const furrow_condition_options *options,
                                             size_t size)
{
    static const char function[] = "furrow_condition_new";
    furrow_condition_options o;
    furrow_condition *c;

    fw_sync_options(&o, sizeof o, options, size);
    if (lock && !fw_sync_lock_live(lock)) {
        fw_sync_refuse(function, lock, "lock");
        return NULL;
    }
    c = make(lock, &o);
    if (c && c->own_lock)
        fw_store_seqcst(&c->lock->lock.magic, FW_SYNC_LOCK_MAGIC);
    return fw_sync_publish(function, c, c && c->own_lock ? c->lock : NULL,
                           c ? &c->magic : NULL, FW_SYNC_CONDITION_MAGIC);
}

furrow_lock *furrow_condition_get_lock(const furrow_condition *c)
{
    if (is_live(c))
        return c->lock;
    refuse(__func__, c);
    return NULL;
}

int furrow_condition_wait(furrow_condition *c, furrow_deadline deadline)
{
    if (!is_live(c))
        return refuse(__func__, c);
    return fw_status_in(__func__, wait(c, deadline));
}

int furrow_condition_wait_for(furrow_condition *c, int (*ready)(void *arg), void *arg,
                              furrow_deadline deadline)
{
    int rc = 0;

    if (!is_live(c))
        return refuse(__func__, c);
    if (!ready)
        return fw_status_in(__func__, fw_fail(FURROW_EINVAL, "ready is NULL"));
    if (!fw_sync_lock_mine(c->lock))
        return fw_status_in(__func__, not_mine());
    while (rc == 0 && !ready(arg))
        rc = wait(c, deadline);
    if (rc == FURROW_ETIME && ready(arg)) /* as it is now that we have the lock */
        return 0;
    return fw_status_in(__func__, rc);
}

static int notify_held(const char *function, furrow_condition *c, int n)
{
    if (!is_live(c))
        return refuse(function, c);
    if (n < 0)
        return fw_status_in(function, fw_fail(FURROW_EINVAL, "to notify %d", n));
    if (!fw_sync_lock_mine(c->lock))
        return fw_status_in(function, not_mine());
    notify(c, (uint32_t)n);
    return 0;
}

int furrow_condition_notify(furrow_condition *c, int n)
{
    return notify_held(__func__, c, n);
}

int furrow_condition_notify_all(furrow_condition *c)
{
    return notify_held(__func__, c, FW_BELL_ALL);
}

int furrow_condition_free(furrow_condition *c)
{
    furrow_lock *own;

    if (!c)
        return 0;
    if (fw_load_relaxed(&c->magic) != FW_SYNC_CONDITION_MAGIC)
        return refuse(__func__, c);
    own = c->own_lock ? c->lock : NULL;
    if (own && fw_lock_holder(&own->lock))
        return fw_status_in(__func__, fw_fail(FURROW_EBUSY, "the lock is held"));
    if (own)
        fw_store_seqcst(&own->lock.magic, 0);
    return fw_sync_free(__func__, c, own, &c->magic, FW_SYNC_CONDITION_MAGIC);
}

/* The exported twin of the inline function. */
extern inline furrow_condition *
furrow_condition_new(furrow_lock *lock, const furrow_condition_options *options);
