/* SPDX-License-Identifier: MIT
 *
 * Barriers, for spin: shm/sync_barrier.c.
 *
 *   Party     comes to the barrier, once or more often: names itself, arrives, waits until
 *             its generation is over, clears its name
 *   Killer    KILLS times: a party, whatever it is at
 *   Resetter  RESETS times: aborts it, or makes it new
 *
 * The state is one word, changed in one step that compares: generation, how many have
 * arrived, broken, being reset. The history is what the model keeps for each generation.
 *
 * What must hold: who is told that he passed was in a generation that passed; nobody who waits
 * waits for ever when a party was killed inside, or somebody has aborted or reset; and a
 * death breaks the barrier once. That a party which died outside, or before a reset, or has
 * gone home does not come again, is for deadlines.
 *
 * The code: come_in(), arrive(), sleep_for_end(), find_dead(), mind_dead(), break_it(),
 * forget_dead(), begin_reset() and end_reset() of sync_barrier.c;
 * fw_participant_owner_gone() of participant.c. Bells are in semaphore.pml: here a change of
 * the state is seen by all who sleep, or at a tick.
 *
 * What run.sh does with it:
 *   holds  all_live        -DKILLS=0 -DP=3
 *   holds  reset           -DKILLS=0 -DRESETS=1
 *   holds  one_death       -DKILLS=1
 *   holds  one_death_three -DKILLS=1 -DP=3 -DROUNDS=1
 *   holds  death_and_reset -DKILLS=1 -DRESETS=1
 *   holds  two_deaths_three -DKILLS=2 -DP=3 -DROUNDS=1
 *   long   two_deaths      -DKILLS=2 -DRESETS=1
 *   caught M_NO_NAME: a party does not name itself
 *   caught M_NAME_LATE: it does after it has arrived
 *   caught M_NOT_MINDED: who waits does not look for the dead
 *   caught M_NO_SECOND_LOOK -DKILLS=0: a name is not looked at again
 *   caught M_CLEAR_FIRST -DKILLS=2 -DP=3 -DROUNDS=1: the dead one's name is cleared before
 *      the barrier is broken
 *   caught M_STATE_LATE -DRESETS=1: the state that is broken is from after the look
 *   caught M_FORGET_BLIND -DRESETS=1: a reset clears names when it is over, too
 *   caught M_NO_HISTORY -DKILLS=0 -DRESETS=1: another generation means that it passed
 */
#ifndef P
#define P 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define GENERATIONS 8

/* the state */
byte gen, arrived;
bit  broken, resetting;
bit  history[GENERATIONS]; /* 1: that generation was broken */

/* names: who has his number in his slot */
bit  name[P];

/* what only the model knows */
bit  killed[P], gone[P], home[P]; /* home: does not come again */
bit  inside[P], absent, helped;
bit  told[P];              /* something was broken or reset since it died */

#if P > 2
#define DEAD_NAME ((name[0] && gone[0]) || (name[1] && gone[1]) || (name[2] && gone[2]))
#define SOME_HOME (home[0] || home[1] || home[2])
#else
#define DEAD_NAME ((name[0] && gone[0]) || (name[1] && gone[1]))
#define SOME_HOME (home[0] || home[1])
#endif
#define SAME(g, a) (gen == (g) && arrived == (a) && !broken && !resetting)

inline next_generation(was_broken)
{
    history[gen] = was_broken;
    gen++;
    arrived = 0;
    told[0] = told[0] || (was_broken && gone[0]);
    told[1] = told[1] || (was_broken && gone[1]);
#if P > 2
    told[2] = told[2] || (was_broken && gone[2]);
#endif
    assert(gen < GENERATIONS)
}

/* A dead one whose name is there, from one's own place on; also the process of one who has
 * gone home is gone. Whether he is, is one step with the second look: it stays so. */
inline find_dead()
{
    do
    :: atomic {
            k < P - 1 && !found && !seen ->
            k++;
            seen = name[(i + k) % P]
        }
    :: atomic {
            seen ->
            if
#ifdef M_NO_SECOND_LOOK
            :: gone[(i + k) % P] || home[(i + k) % P] -> found = (i + k) % P + 1
#else
            :: (gone[(i + k) % P] || home[(i + k) % P]) && name[(i + k) % P] ->
                found = (i + k) % P + 1
#endif
            :: else
            fi;
            seen = 0
        }
    :: (k == P - 1 || found) && !seen -> break
    od
}

inline mind_dead()
{
#ifndef M_STATE_LATE
    atomic { g = gen; a = arrived; fit = !broken && !resetting };
#else
    fit = 1;
#endif
    if
    :: fit -> find_dead()
    :: else
    fi;
#ifdef M_STATE_LATE
    atomic { g = gen; a = arrived; fit = !broken && !resetting };
#endif
    if
    :: found && fit ->
#ifdef M_CLEAR_FIRST
        name[found - 1] = 0;
#endif
        atomic {
            if
            :: SAME(g, a) ->
#ifndef M_CLEAR_FIRST
                assert(gone[found - 1] && !told[found - 1]);
#endif
                next_generation(1); broken = 1; did = 1
            :: else
            fi
        };
        if
        :: did -> atomic { name[found - 1] = 0; absent = 1 }
        :: else
        fi
    :: else
    fi;
    atomic { k = 0; g = 0; a = 0; fit = 0; did = 0; found = 0 }
}

/* R goes only from the state that was seen when it began. */
inline end_reset()
{
    do
    :: atomic {
            k < P && !dead ->
            if
            :: name[k] && gone[k] -> dead = 1
            :: else -> k++
            fi
        }
    :: dead ->
#ifdef M_FORGET_BLIND
        atomic { name[k] = 0; absent = absent || broken || resetting; k++; dead = 0 }
#else
        if
        :: broken || resetting -> atomic { name[k] = 0; absent = 1; k++; dead = 0 }
        :: else -> atomic { k = P; dead = 0 } /* another one has ended the reset */
        fi
#endif
    :: k == P && !dead -> break
    od;
    atomic {
        if
        :: resetting && gen == was -> resetting = 0
        :: else
        fi;
        k = 0; was = 0
    }
}

/* Ticks: one at any time, and as many as it takes when a dead one's name is there. */
inline wait_for_end()
{
    do
    :: gen != mine -> break
#ifndef M_NOT_MINDED
    :: gen == mine && (DEAD_NAME || !ticked) -> ticked = 1; mind_dead()
#endif
    :: atomic { gen == mine && (absent || (helped && SOME_HOME)) -> /* the deadline */
            if
            :: !broken && !resetting -> next_generation(1); broken = 1
            :: else
            fi
        }
    od
}

inline come()
{
    atomic {
#ifndef M_NO_NAME
#ifndef M_NAME_LATE
        name[i] = 1;
#endif
#endif
        inside[i] = 1
    };
again:
    atomic { /* a swap that fails looks again: it is one step with its look */
        if
        :: broken -> goto out
        :: !broken && resetting -> was = gen
        :: else ->
            mine = gen;
            if
            :: arrived + 1 == P -> next_generation(0)
            :: else -> arrived++
            fi;
            goto there
        fi
    };
    end_reset();
    goto again;
there:
#ifdef M_NAME_LATE
    name[i] = 1;
#endif
    wait_for_end();
    atomic {
#ifndef M_NO_HISTORY
        if
        :: history[mine] -> goto out
        :: else
        fi;
#endif
        assert(history[mine] == 0)
    };
out:
    atomic { name[i] = 0; inside[i] = 0 }
}

proctype Party(byte i)
{
    byte round, mine, k, g, a, found, was;
    bit seen, fit, did, ticked, dead;
    {
        do
        :: round == ROUNDS -> break
        :: else ->
            come();
            atomic { round++; mine = 0; ticked = 0 }
        od;
        home[i] = 1
    } unless { killed[i] };
    if
    :: killed[i] ->
        d_step {
            gone[i] = 1; absent = absent || !inside[i];
            round = 0; mine = 0; k = 0; g = 0; a = 0; found = 0; was = 0;
            seen = 0; fit = 0; did = 0; ticked = 0; dead = 0
        }
    :: else
    fi
}

proctype Resetter()
{
    byte n, k, was;
    bit dead;

    do
    :: n == RESETS -> break
    :: n < RESETS ->
        if
        :: atomic {
                helped = 1;
                if
                :: broken
                :: else -> next_generation(1); broken = 1; resetting = 0
                fi
            }
        :: atomic {
                helped = 1;
                if
                :: resetting
                :: !resetting && broken -> broken = 0; resetting = 1
                :: else -> next_generation(1); resetting = 1
                fi;
                was = gen
            };
            end_reset()
        fi;
        n++
    od
}

/* Any party, the others counted from it: so the first to die is 0 or, of two, 0 and 1 in
 * either order. */
proctype Killer()
{
    byte n;

    do
    :: n == KILLS -> break
    :: atomic { n < KILLS && !killed[0] && !home[0] -> killed[0] = 1; n++ }
#if KILLS > 1
    :: atomic { n < KILLS && !killed[1] && !home[1] -> killed[1] = 1; n++ }
#endif
    :: n < KILLS -> n++ /* not that often */
    od
}

init {
    atomic {
        run Party(0); run Party(1);
#if P > 2
        run Party(2);
#endif
        run Resetter(); run Killer()
    }
}
