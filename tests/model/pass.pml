/* SPDX-License-Identifier: MIT
 *
 * Blocks that change hands with a slot's word, for spin: fw_heap_pass() of shm/heap.c, as
 * shm/queue_put.c and shm/queue_get.c use it for messages that are too large for a slot.
 *
 *   Producer  MESSAGES times: takes a block, fills it, claims the slot, passes both on
 *   Consumer  takes the slot, passes block and slot to himself, frees the block; until there
 *             is nothing and no producer any more
 *   Sweeper   sets the slot free when its owner is dead, sweeps blocks of the dead
 *   Killer    KILLS times: one of them, between any two steps
 *   Last      when all are over: another sweep, and everything is looked at
 *
 * One slot, which is used again in the next round, and two blocks, each of which may come
 * with any message. Who is held up by the slot looks for the dead himself. The heap's lock is
 * one step here (lock.pml); who gets it behind a dead holder repairs.
 *
 * What must hold: whoever reads a block through the slot finds that message in it, and the
 * block in use; no message is got twice, but by the dead; a block is freed once; in the end
 * each is free, or published and in the published slot.
 *
 * The code: fw_owner_pass(), note_pass(), repair_pass() and own() of owner.c; fw_heap_pass(),
 * fw_heap_alloc(), fw_heap_free(), fw_heap_lock() and sweep_one() of heap.c; bury() and
 * pass_through_heap() of ring.c; put_large() and publish_block() of queue_put.c; get_block()
 * and take_block() of queue_get.c.
 *
 * What run.sh does with it:
 *   holds  no_death       -DKILLS=0
 *   holds  one_death      -DKILLS=1 -DMESSAGES=1
 *   holds  two_deaths     -DKILLS=2 -DMESSAGES=1
 *   holds  second_round   -DKILLS=1
 *   holds  second_deaths  -DKILLS=2
 *   long   two_consumers  -DKILLS=2 -DCONSUMERS=2
 *   caught M_NOTE_LATE: the word is changed before the note
 *   caught M_NO_REPAIR: the next holder does not look at the note
 *   caught M_REPAIR_BLIND: the repair does not look at the word
 *   caught M_CLEARED_EARLY: the note is cleared before the block has followed
 *   caught M_BURY_UNLOCKED: the slot is set free without having had the lock
 *   caught M_OWN_FIRST: the block changes hands before the word
 *   caught M_FREE_PUBLISHED: a consumer empties the slot first and takes the block then
 *   caught M_COPY_LATE -DKILLS=0: the block is named in the slot when that is published
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#define BLOCKS 2

#define FREE      0
#define CLAIMED   1
#define PUBLISHED 2
#define TAKEN     3
#define TOMB      4

/* processes: 1 produces, 2 sweeps, from 3 on they consume */
#define P      (2 + CONSUMERS)
#define NOBODY 0   /* the block is free */
#define ALL    9   /* it is published */
#define LAST   8

/* shared memory */
byte holder;
byte round, state, slot_owner;   /* the slot's word */
byte slot_block, slot_message;   /* what the slot names */
byte block[BLOCKS];              /* whose it is */
byte note;                       /* the pass under way: the block + 1, last; what was expected */
byte note_round, note_state, note_owner, note_to;

/* what only the model knows */
bit  killed[P + 1], gone[P + 1];
byte content[BLOCKS];            /* the message that is in it; 0: the memory is given back */
bit  got[MESSAGES + 1];

#define NO_CONSUMERS (gone[3] && gone[P])
#define DEAD(who) (gone[who] && killed[who])

inline repair()
{
#ifndef M_NO_REPAIR
    if
    :: note ->
#ifdef M_REPAIR_BLIND
        block[note - 1] = note_to;
#else
        if
        :: round != note_round || state != note_state || slot_owner != note_owner ->
            block[note - 1] = note_to
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

/* Block b and the slot, from the state that it is in, as mine, to another one. */
inline pass(before, after, to)
{
    lock();
#ifdef M_OWN_FIRST
    block[b] = to;
#endif
#ifndef M_NOTE_LATE
    d_step { note_round = r; note_state = before; note_owner = n; note_to = to };
    note = b + 1;
#endif
    d_step {
        assert(round == r && state == before && slot_owner == n);
        state = after; slot_owner = 0;
        if
        :: after == FREE -> round++
        :: else
        fi
    };
#ifdef M_NOTE_LATE
    d_step { note_round = r; note_state = before; note_owner = n; note_to = to };
    note = b + 1;
#endif
#ifdef M_CLEARED_EARLY
    note = 0;
#endif
    block[b] = to;
    note = 0;
    unlock()
}

/* To give the memory back needs no lock: the block is ours. */
inline free_block()
{
    assert(block[b] == n);
    content[b] = 0;
    lock();
    block[b] = NOBODY;
    unlock()
}

/* The slot of a dead one, on the word as it was seen: to read it and to ask for its owner is
 * one step, for who is gone stays so, and a word that changed meanwhile is left alone. */
inline bury()
{
    atomic {
        seen_round = round; seen = state; seen_owner = slot_owner;
        if
        :: (seen == CLAIMED || seen == TAKEN) && DEAD(seen_owner) -> dead = 1
        :: else
        fi
    };
    if
    :: dead ->
#ifndef M_BURY_UNLOCKED
        lock(); unlock();
#endif
        d_step {
            if
            :: round == seen_round && state == seen && slot_owner == seen_owner ->
                state = (seen == CLAIMED -> TOMB : PUBLISHED); slot_owner = 0
            :: else
            fi
        }
    :: else
    fi;
    atomic { seen = 0; seen_owner = 0; seen_round = 0; dead = 0 }
}

/* A tomb is passed by whoever meets it. */
inline pass_tomb()
{
    d_step {
        if
        :: state == TOMB -> state = FREE; round++
        :: else
        fi
    }
}

inline sweep()
{
    lock();
    at = 0;
    do
    :: at == BLOCKS -> break
    :: at < BLOCKS ->
        if
        :: block[at] != NOBODY && block[at] != ALL && DEAD(block[at]) ->
            content[at] = 0;
            block[at] = NOBODY
        :: else
        fi;
        at++
    od;
    at = 0;
    unlock()
}

proctype Producer(byte n)
{
    byte b, k, r, seen, seen_owner, seen_round, at;
    bit told, dead;
    {
        do
        :: k == MESSAGES -> break
        :: k < MESSAGES ->
            do /* a block: a dead one's come back by a sweep */
            ::  lock();
                if
                :: atomic { block[0] == NOBODY -> block[0] = n; b = 0 }; unlock(); break
                :: atomic { block[0] != NOBODY && block[1] == NOBODY ->
                            block[1] = n; b = 1 }; unlock(); break
                :: block[0] != NOBODY && block[1] != NOBODY ->
                    unlock(); sweep()
                fi
            od;
            content[b] = k + 1;
            do
            :: atomic { state == FREE -> state = CLAIMED; slot_owner = n; r = round }; break
            :: state == TOMB -> pass_tomb()
            :: state == TAKEN && DEAD(slot_owner) -> bury()
            :: state == PUBLISHED && NO_CONSUMERS -> free_block(); goto over /* full */
            od;
#ifndef M_COPY_LATE
            atomic { slot_block = b; slot_message = k + 1 };
#endif
            pass(CLAIMED, PUBLISHED, ALL);
#ifdef M_COPY_LATE
            atomic { slot_block = b; slot_message = k + 1 };
#endif
            atomic { k++; b = 0; r = 0 }
        od;
over:
        skip
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        told = 0; b = 0; k = 0; r = 0; seen = 0; seen_owner = 0; seen_round = 0; at = 0;
        dead = 0
    }
}

proctype Consumer(byte n)
{
    byte b, r, m, seen, seen_owner, seen_round;
    bit told, dead, over;
    {
        do
        ::  over = gone[1];
            if
            :: atomic { state == PUBLISHED -> state = TAKEN; slot_owner = n; r = round };
                atomic { b = slot_block; m = slot_message };
                assert(content[b] == m && block[b] != NOBODY && !got[m]);
#ifdef M_FREE_PUBLISHED
                d_step { state = FREE; slot_owner = 0; round++ };
                lock(); block[b] = n; unlock();
#else
                pass(TAKEN, FREE, n);
#endif
                d_step { assert(content[b] == m && block[b] == n && !got[m]); got[m] = 1 };
                free_block();
                atomic { b = 0; r = 0; m = 0 }
            :: state == TOMB -> pass_tomb()
            :: (state == CLAIMED || state == TAKEN) && DEAD(slot_owner) -> bury()
            :: state == FREE && over -> break
            :: state == FREE && !over && gone[1] /* look again */
            :: state == TAKEN && over && !killed[slot_owner] -> break /* his business */
            fi
        od;
        skip
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        told = 0; b = 0; r = 0; m = 0; seen = 0; seen_owner = 0; seen_round = 0; dead = 0;
        over = 0
    }
}

proctype Sweeper(byte n)
{
    byte seen, seen_owner, seen_round, at;
    bit told, dead;
    {
        bury();
        sweep()
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        seen = 0; seen_owner = 0; seen_round = 0; at = 0; told = 0; dead = 0
    }
}

proctype Last()
{
    byte n = LAST, seen, seen_owner, seen_round, at;
    bit told, dead;

    gone[1] && gone[2] && gone[3] && gone[P];
    bury();
    sweep();
    assert(state == FREE || state == PUBLISHED || state == TOMB);
    at = 0;
    do
    :: at == BLOCKS -> break
    :: at < BLOCKS ->
        if
        :: state == PUBLISHED && slot_block == at ->
            assert(block[at] == ALL && content[at] == slot_message && !got[slot_message])
        :: else ->
            assert(block[at] == NOBODY && content[at] == 0)
        fi;
        at++
    od
}

/* One consumer is as good as another. */
proctype Killer()
{
    byte k;

    do
    :: k == KILLS -> break
    :: atomic { k < KILLS && !gone[1] -> killed[1] = 1; k++ }
    :: atomic { k < KILLS && !gone[2] -> killed[2] = 1; k++ }
    :: atomic { k < KILLS && !gone[3] -> killed[3] = 1; k++ }
    :: k < KILLS -> k++
    od
}

init {
    atomic {
        run Producer(1); run Sweeper(2); run Consumer(3);
#if CONSUMERS == 2
        run Consumer(4);
#endif
        run Last(); run Killer()
    }
}
