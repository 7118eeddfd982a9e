/* SPDX-License-Identifier: MIT
 *
 * The robust lock, for spin: shm/lock.c over the C library's robust mutex, and what the heap
 * guards with it: a pair that changes its owner as one (shm/heap.c).
 *
 *   Process   once or twice: lock, put in order what a dead holder left, give a pair to
 *             another owner, unlock
 *   exit      what the kernel does for a process that dies: it marks the word of a lock that
 *             is on its list or pending, and wakes one
 *   Killer    KILLS times: a process, whatever it is at, also while it repairs
 *
 * The word is the kernel's: holder, WAITERS, OWNER_DIED, always changed as a whole. One who
 * has slept takes it with WAITERS set, for there may be more sleepers.
 *
 * What must hold: one holder at a time; a dead holder's successor is told, also when that one
 * dies while it repairs; when the repair is over, object and block of each pair have one
 * owner; nobody waits for ever. The tick is needed for that: a sleeper who is woken and
 * killed before it takes the lock takes the wake with it, and if another has got the lock
 * meanwhile, the kernel does not pass it on. Without a death no process needs a tick.
 *
 * The code: fw_lock_init(), fw_lock_lock() and fw_lock_unlock() of lock.c; fw_heap_lock() and
 * repair() of heap.c; fw_owner_set_pair() of owner.c.
 *
 * What run.sh does with it:
 *   holds  one_death       -DKILLS=1
 *   holds  repairer_dies   -DKILLS=2 -DP=2
 *   caught M_NO_TICK: who waits, waits for a wake alone
 *   caught M_NOT_ROBUST: the mutex is made without the robust attribute
 *   caught M_NO_CONSISTENT: it is not made consistent
 *   caught M_NOT_TOLD: the lock is taken for whole after its holder's death
 *   caught M_NO_PENDING -DP=2: killed before it is on the list, the holder is not known
 *   caught M_NO_WAKE -DKILLS=0: the unlock wakes nobody
 *   caught M_FORGET_WAITERS -DKILLS=0: who has slept takes the lock without WAITERS
 *   caught M_NO_NOTE -DP=2: the pair is not noted
 *   caught M_NOTE_SWAPPED -DP=2: the object is noted before its block
 *   caught M_NOTE_CLEARED -DP=2: the note is cleared before the block has followed
 *   caught M_REPAIR_CLEARS -DKILLS=2: the repair clears the note first
 */
#ifndef P
#define P 3
#endif
#ifndef KILLS
#define KILLS 1
#endif
/* One who comes twice can be faster than one who is being woken. */
#if P > 2
#define ROUNDS(i) ((i) == 0 -> 2 : 1)
#else
#define ROUNDS(i) 2
#endif

/* the word */
byte holder; /* process + 1 */
bit  waiters, owner_died;

/* what the C library keeps beside it, and each process's robust list */
bit  inconsistent, unusable;
bit  pending[P], listed[P];

/* the kernel's queue */
bit  asleep[P];

/* guarded: two pairs, and the note of the one that is being changed */
bit  object[2], block[2];
byte note_object, note_block; /* pair + 1 */

/* what only the model knows */
bit  killed[P], over[P], died;
byte inside;

inline wake_one()
{
    atomic {
        if
        :: asleep[0] -> asleep[0] = 0
        :: asleep[1] -> asleep[1] = 0
#if P > 2
        :: asleep[2] -> asleep[2] = 0
#endif
        :: else
        fi
    }
}

/* The lock is taken. Its last holder has let go, or is dead. */
inline taken()
{
    assert(inside == 0 || killed[inside - 1]);
    inside = i + 1
}

inline lock()
{
#ifndef M_NO_PENDING
    pending[i] = 1;
#endif
    slept = 0; told = 0;
try:
    atomic {
        if
        :: owner_died ->
            holder = i + 1; owner_died = 0; waiters = waiters | slept;
            told = 1; inconsistent = 1; taken(); goto got
        :: holder == 0 && !owner_died ->
            holder = i + 1; waiters = slept; taken(); goto got
        :: else
        fi
    };
    atomic {
        if
        :: holder != 0 -> waiters = 1; seen = holder
        :: else -> goto try
        fi
    };
    /* FUTEX_WAIT: only while the word is the one that was seen. */
    atomic {
        if
        :: holder == seen && waiters -> asleep[i] = 1
        :: else
        fi
    };
    if
    :: !asleep[i]
#ifndef M_NO_TICK
    :: asleep[i] && died && holder == 0 -> asleep[i] = 0
    :: asleep[i] && died && holder != 0 && !ticked -> ticked = 1; asleep[i] = 0
#endif
    fi;
#ifndef M_FORGET_WAITERS
    slept = 1;
#endif
    seen = 0;
    goto try;
got:
    listed[i] = 1;
    pending[i] = 0
}

inline unlock()
{
#ifndef M_NO_PENDING
    pending[i] = 1;
#endif
    listed[i] = 0;
    atomic {
        if
        :: inconsistent -> unusable = 1
        :: else
        fi;
        assert(object[0] == block[0] && object[1] == block[1]);
        inside = 0; woken = waiters; holder = 0; waiters = 0; owner_died = 0
    };
#ifndef M_NO_WAKE
    if
    :: woken -> wake_one()
    :: else
    fi;
#endif
    woken = 0;
    pending[i] = 0
}

inline repair()
{
    d_step { from = note_object; to = note_block };
#ifdef M_REPAIR_CLEARS
    note_object = 0;
#endif
    if
    :: from != 0 && to != 0 -> block[to - 1] = object[from - 1]
    :: else
    fi;
    from = 0; to = 0;
    note_object = 0
}

inline change_pair(x)
{
    d_step { v = !object[x]; to = x };
#ifndef M_NO_NOTE
#ifdef M_NOTE_SWAPPED
    note_object = to + 1;
    note_block = to + 1;
#else
    note_block = to + 1;
    note_object = to + 1;
#endif
#endif
    object[to] = v;
#ifdef M_NOTE_CLEARED
    note_object = 0;
#endif
    block[to] = v;
    note_object = 0;
    d_step { v = 0; to = 0 }
}

proctype Process(byte i)
{
    byte round, seen, from, to;
    bit slept, told, woken, ticked, v;
    {
        do
        :: round == ROUNDS(i) -> break
        :: else ->
            lock();
#ifdef M_NOT_TOLD
            d_step { told = 0; inconsistent = 0 };
#endif
            assert(!unusable);
            if
            :: told ->
#ifndef M_NO_CONSISTENT
                inconsistent = 0;
#endif
                repair()
            :: else
            fi;
            assert(object[0] == block[0] && object[1] == block[1]);
#if P > 2
            change_pair(0);
#else
            if
            :: change_pair(0)
            :: change_pair(1)
            fi;
#endif
            unlock();
            round++
        od
    } unless { killed[i] };
    if
    :: killed[i] -> /* exit, in the kernel: nothing interrupts it */
        atomic {
            round = 0; seen = 0; from = 0; to = 0;
            slept = 0; told = 0; woken = 0; ticked = 0; v = 0;
            asleep[i] = 0;
#ifndef M_NOT_ROBUST
            if
            :: (listed[i] || pending[i]) && holder == i + 1 ->
                holder = 0; owner_died = 1; woken = waiters
            :: pending[i] && holder == 0 -> woken = 1
            :: else
            fi;
#endif
            listed[i] = 0; pending[i] = 0
        };
        if
        :: woken -> wake_one(); woken = 0
        :: else
        fi;
        died = 1
    :: else -> over[i] = 1
    fi
}

proctype Killer()
{
    byte n;

    do
    :: n == KILLS -> break
    :: atomic { n < KILLS && !killed[0] && !over[0] -> killed[0] = 1; n++ }
    :: atomic { n < KILLS && !killed[1] && !over[1] -> killed[1] = 1; n++ }
#if P > 2
    :: atomic { n < KILLS && !killed[2] && !over[2] -> killed[2] = 1; n++ }
#endif
    :: n < KILLS -> n++ /* not that often */
    od
}

init {
    atomic {
        run Process(0); run Process(1);
#if P > 2
        run Process(2);
#endif
        run Killer()
    }
}
