/* SPDX-License-Identifier: MIT
 *
 * Items of lists, for spin: shm/shared_list.c.
 *
 *   Writer   CHANGES times: takes the lock, fills the other room, stores the word
 *   Reader   looks without the lock, and takes it when the item has changed meanwhile
 *   Killer   KILLS times: a writer or a reader, whatever it is at
 *
 * The word is one step to load and one to store: which room, version, how many words the
 * item has; a room is two words, each one step. Item n has one word when n is odd, else two,
 * each of which is n. The lock is one step here (lock.pml); who gets it behind a dead holder
 * has nothing to repair.
 *
 * What must hold: who reads gets an item as it was while he looked, whole; a look with the
 * lock succeeds; and a death leaves the item before or the item after.
 *
 * The code: change(), fill(), copy(), word_of(), look(), get(), take() and find() of
 * shared_list.c; fw_lock_lock() of lock.c.
 *
 * What run.sh does with it:
 *   holds  no_death      -DKILLS=0
 *   holds  one_death     -DKILLS=1
 *   holds  two_deaths    -DKILLS=2 -DCHANGES=1
 *   long   three_writers -DKILLS=2 -DWRITERS=3 -DCHANGES=1
 *   long   two_changes   -DKILLS=2
 *   caught M_ONE_ROOM: the item is changed where it lies
 *   caught M_WORD_FIRST: the word is stored before the room is filled
 *   caught M_NO_VERSION -DKILLS=0: the word is the same after two changes
 *   caught M_LOOK_ONCE -DKILLS=0: who reads does not load the word again
 *   caught M_UNLOCKED -DKILLS=0: who changes an item takes no lock
 *   caught M_SIZE_APART -DKILLS=0: the size is not in the word, but stored before it
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef WRITERS
#define WRITERS 2
#endif
#define READER (WRITERS + 1)
#define ALL    (WRITERS + 1)
#define WORDS  2

/* shared memory */
byte holder;
bit  which;
byte version, size; /* with `which` the slot's word */
byte room[2 * WORDS];

/* what only the model knows */
bit  killed[ALL + 1], gone[ALL + 1];
byte item, last; /* what the word says; the highest item made */

#define SIZE_OF(n) ((n) % 2 == 1 -> 1 : 2)

inline lock()
{
    atomic { (holder == 0 || (killed[holder] && gone[holder])) -> holder = n }
}

inline unlock()
{
    holder = 0
}

inline store_word(r, v)
{
    d_step {
        which = r;
#ifndef M_NO_VERSION
        version = v + 1;
#endif
#ifndef M_SIZE_APART
        size = SIZE_OF(mine);
#endif
        item = mine
    }
}

proctype Writer(byte n)
{
    byte k, mine, v;
    bit r;
    {
        do
        :: k == CHANGES -> break
        :: k < CHANGES ->
#ifndef M_UNLOCKED
            lock();
#endif
            atomic { last++; mine = last; r = !which; v = version };
#ifdef M_ONE_ROOM
            r = !r;
#endif
#ifdef M_WORD_FIRST
            store_word(r, v);
#endif
            room[r * WORDS] = mine;
            if
            :: SIZE_OF(mine) == 2 -> room[r * WORDS + 1] = mine
            :: else
            fi;
#ifdef M_SIZE_APART
            size = SIZE_OF(mine);
#endif
#ifndef M_WORD_FIRST
            store_word(r, v);
#endif
#ifndef M_UNLOCKED
            unlock();
#endif
            atomic { k++; mine = 0; r = 0; v = 0 }
        od;
        skip
    } unless { killed[n] };
    d_step { gone[n] = 1; k = 0; mine = 0; r = 0; v = 0 }
}

/* same: whether the word is what it was. */
inline look()
{
    atomic { r = which; v = version; n_words = size; seen = item };
    a = room[r * WORDS];
    if
    :: n_words == 2 -> b = room[r * WORDS + 1]
    :: else -> b = a
    fi;
#ifdef M_LOOK_ONCE
    same = 1;
#else
    same = (r == which && v == version && n_words == size);
#endif
    if
    :: same -> assert(a == seen && b == seen && n_words == SIZE_OF(seen))
    :: else
    fi;
    atomic { r = 0; v = 0; n_words = 0; seen = 0; a = 0; b = 0 }
}

proctype Reader(byte n)
{
    byte k, v, n_words, seen, a, b;
    bit r, same;
    {
        look();
        if
        :: same
        :: !same ->
            lock();
            look();
            assert(same);
            unlock()
        fi;
        skip
    } unless { killed[n] };
    d_step { gone[n] = 1; k = 0; v = 0; n_words = 0; seen = 0; a = 0; b = 0; r = 0; same = 0 }
}

/* When all are over: somebody else. */
proctype Last()
{
    byte n = ALL + 1, v, n_words, seen, a, b;
    bit r, same;

    gone[1] && gone[WRITERS] && gone[2] && gone[READER];
    look();
    assert(same)
}

/* One writer is as good as another. */
proctype Killer()
{
    byte k;

    do
    :: k == KILLS -> break
    :: atomic { k < KILLS && !gone[1] -> killed[1] = 1; k++ }
#if KILLS > 1
    :: atomic { k < KILLS && !gone[2] -> killed[2] = 1; k++ }
#endif
    :: atomic { k < KILLS && !gone[READER] -> killed[READER] = 1; k++ }
    :: k < KILLS -> k++
    od
}

init {
    atomic {
        last = 1; item = 1; size = 1; room[0] = 1;
        run Writer(1); run Writer(2); run Reader(READER);
#if WRITERS == 3
        run Writer(3);
#endif
        run Last(); run Killer()
    }
}
