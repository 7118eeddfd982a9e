/* SPDX-License-Identifier: MIT
 *
 * A block that changes hands with a slot's word, for spin: fw_heap_pass() of shm/heap.c, as
 * shm/queue_put.c and shm/queue_get.c use it.
 *
 *   Producer  has a block of his own, fills it, claims the slot, passes both on
 *   Consumer  takes the slot, passes block and slot to himself, frees the block
 *   Sweeper   sets the slot free when its owner is dead, sweeps blocks of the dead
 *   Killer    KILLS times: one of them, between any two steps
 *   Last      when all are over: another sweep, and everything is looked at
 *
 * The heap's lock is one step here (lock.pml); who gets it behind a dead holder repairs.
 *
 * What must hold: whoever reads the block through the slot finds it filled and in use; it is
 * freed once; in the end it is free, or published and in the published slot.
 *
 * The code: fw_owner_pass(), note_pass(), repair_pass() and own() of owner.c; fw_heap_pass(),
 * fw_heap_lock() and sweep_one() of heap.c; bury() and pass_through_heap() of ring.c;
 * publish_block() of queue_put.c; take_block() of queue_get.c.
 *
 * What run.sh does with it:
 *   holds  one_death   -DKILLS=1
 *   holds  two_deaths  -DKILLS=2
 *   caught M_NOTE_LATE: the word is changed before the note
 *   caught M_NO_REPAIR: the next holder does not look at the note
 *   caught M_REPAIR_BLIND: the repair does not look at the word
 *   caught M_CLEARED_EARLY: the note is cleared before the block has followed
 *   caught M_BURY_UNLOCKED: the slot is set free without having had the lock
 *   caught M_OWN_FIRST: the block changes hands before the word
 *   caught M_FREE_PUBLISHED: a consumer empties the slot first and takes the block then
 */
#ifndef KILLS
#define KILLS 1
#endif

#define FREE      0
#define CLAIMED   1
#define PUBLISHED 2
#define TAKEN     3
#define TOMB      4

#define NOBODY 0   /* the block is free */
#define ALL    9   /* it is published */

/* shared memory */
byte holder;
byte state, slot_owner;          /* the slot's word */
byte block = 1;                  /* whose the block is: the producer's */
byte note, note_state, note_owner, note_to; /* the pass under way: 1, {expected}, to whom */

/* what only the model knows */
bit killed[4], gone[4];
bit filled;

inline repair()
{
#ifndef M_NO_REPAIR
    if
    :: note ->
#ifdef M_REPAIR_BLIND
        block = note_to;
#else
        if
        :: state != note_state || slot_owner != note_owner -> block = note_to
        :: else
        fi;
#endif
        note = 0
    :: else
    fi
#else
    note = 0
#endif
}

inline lock()
{
    atomic { (holder == 0 || (killed[holder] && gone[holder])) ->
             told = (holder != 0); holder = n };
    if
    :: told -> repair(); told = 0
    :: else
    fi
}

inline unlock()
{
    holder = 0
}

/* From the state that the slot is in, as mine, to another one. */
inline pass(before, after, to)
{
    lock();
#ifdef M_OWN_FIRST
    block = to;
#endif
#ifndef M_NOTE_LATE
    d_step { note_state = before; note_owner = n; note_to = to };
    note = 1;
#endif
    d_step { assert(state == before && slot_owner == n); state = after; slot_owner = 0 };
#ifdef M_NOTE_LATE
    d_step { note_state = before; note_owner = n; note_to = to };
    note = 1;
#endif
#ifdef M_CLEARED_EARLY
    note = 0;
#endif
    block = to;
    note = 0;
    unlock()
}

proctype Producer(byte n)
{
    bit told;
    {
        filled = 1;
        d_step { state == FREE -> state = CLAIMED; slot_owner = n };
        pass(CLAIMED, PUBLISHED, ALL)
    } unless { killed[n] };
    d_step { gone[n] = 1; told = 0 }
}

proctype Consumer(byte n)
{
    bit told, mine;
    {
        if
        :: atomic { state == PUBLISHED -> state = TAKEN; slot_owner = n; mine = 1 }
        :: gone[1]
        fi;
        if
        :: mine ->
            assert(filled && block != NOBODY);
#ifdef M_FREE_PUBLISHED
            d_step { state = FREE; slot_owner = 0 };
            lock(); block = n; unlock();
#else
            pass(TAKEN, FREE, n);
#endif
            assert(filled && block == n);
            filled = 0; /* the memory is given back */
            lock(); block = NOBODY; unlock()
        :: else
        fi
    } unless { killed[n] };
    d_step { gone[n] = 1; told = 0; mine = 0 }
}

/* The slot of a dead one, on the word as it was seen. */
inline bury()
{
    d_step { seen = state; seen_owner = slot_owner };
    if
    :: (seen == CLAIMED || seen == TAKEN) && gone[seen_owner] && killed[seen_owner] ->
#ifndef M_BURY_UNLOCKED
        lock(); unlock();
#endif
        d_step {
            if
            :: state == seen && slot_owner == seen_owner ->
                state = (seen == CLAIMED -> TOMB : PUBLISHED); slot_owner = 0
            :: else
            fi
        }
    :: else
    fi;
    d_step { seen = 0; seen_owner = 0 }
}

inline sweep()
{
    lock();
    if
    :: block != NOBODY && block != ALL && gone[block] && killed[block] ->
        filled = 0;
        block = NOBODY
    :: else
    fi;
    unlock()
}

proctype Sweeper(byte n)
{
    byte seen, seen_owner;
    bit told;
    {
        bury();
        sweep();
        bury();
        sweep()
    } unless { killed[n] };
    d_step { gone[n] = 1; seen = 0; seen_owner = 0; told = 0 }
}

proctype Last()
{
    byte n = 8, seen, seen_owner;
    bit told;

    gone[1] && gone[2] && gone[3];
    bury();
    sweep();
    assert(state == FREE || state == PUBLISHED || state == TOMB);
    assert(state != PUBLISHED || (block == ALL && filled));
    assert(state == PUBLISHED || block == NOBODY)
}

proctype Killer()
{
    byte k, who;

    do
    :: k == KILLS -> break
    :: k < KILLS ->
        if
        :: who = 1
        :: who = 2
        :: who = 3
        fi;
        atomic { if :: !gone[who] -> killed[who] = 1 :: else fi; k++; who = 0 }
    od
}

init {
    atomic { run Producer(1); run Consumer(2); run Sweeper(3); run Last(); run Killer() }
}
