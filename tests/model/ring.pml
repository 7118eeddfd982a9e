/* SPDX-License-Identifier: MIT
 *
 * The ring of slots, for spin: claim, publish, take, finish and recover of shm/ring.c.
 *
 *   Producer  puts MESSAGES numbers, one after the other
 *   Consumer  takes what is there, sets free what the dead have claimed, until no producer is
 *             left and, after it has looked for the dead, nothing is there
 *   Killer    KILLS times: one of them, between any two steps
 *   Last      when all are over: recovers, takes out the rest, and counts
 *
 * A position is one number here: its slot is the rest by N, its round the quotient. A slot's
 * word is one step to read and one to change; what a process decides from what it has read is
 * one step with the reading, for nobody else sees it, and to be killed in between is to be
 * killed behind it.
 *
 * What must hold: nobody gets what was not published, or anything twice; each consumer gets
 * a producer's numbers in their order, but for one that a dead consumer had taken; in the end
 * all that was published was got, and no slot is claimed.
 *
 * The code: fw_ring_claim(), claim_this(), is_in_the_way(), fw_ring_publish(), search(),
 * look_at(), consider(), go_back(), fw_ring_take(), fw_ring_finish(), fw_ring_recover() and
 * bury() of ring.c.
 *
 * What run.sh does with it:
 *   holds  order          -DKILLS=0 -DCONSUMERS=1
 *   holds  one_consumer   -DKILLS=1 -DCONSUMERS=1 -DMESSAGES=1
 *   holds  one_producer   -DKILLS=1 -DP=1
 *   holds  both_die       -DKILLS=2 -DCONSUMERS=1 -DMESSAGES=1
 *   long   one_death      -DKILLS=1 -DCONSUMERS=1
 *   long   two_and_two    -DKILLS=1 -DMESSAGES=1
 *   caught M_SKIP_BLIND -DKILLS=0 -DCONSUMERS=1: who has skipped a slot does not look back
 *   caught M_NO_OWNER -DCONSUMERS=1: a claim does not say whose it is
 *   caught M_TAIL_AHEAD -DKILLS=0 -DCONSUMERS=1: the tail is pushed beyond a free slot
 *   caught M_BURY_LIVING -DKILLS=0 -DCONSUMERS=1: a claim is taken for a dead one's
 *   caught M_TAKEN_LOST -DCONSUMERS=1: what a dead consumer had taken is given up
 *   caught M_TOMB_PUBLISHED -DCONSUMERS=1: what a dead producer claimed is published
 *   caught M_TAKE_WITHOUT_CAS -DKILLS=0 -DP=1: two may take the same
 *   caught M_CLAIM_WITHOUT_CAS -DKILLS=0 -DCONSUMERS=1: two may claim the same
 *   caught M_FREE_FIRST -DKILLS=0 -DCONSUMERS=1: a slot is free before it is read
 *   caught M_PUBLISH_FIRST -DKILLS=0 -DCONSUMERS=1: a slot is published before it is filled
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#define N 2
#ifndef P
#define P 2
#endif
#define ALL (P + CONSUMERS)
#define NONE 99

#define FREE      0
#define CLAIMED   1
#define PUBLISHED 2
#define TAKEN     3
#define TOMB      4

/* shared memory */
byte round[N], state[N], owner[N]; /* one word each */
byte value[N];
byte head, tail;

/* what only the model knows */
bit  killed[ALL + 1], gone[ALL + 1];
bit  published[P * MESSAGES], got[P * MESSAGES], late[P * MESSAGES];

#define producer_of(v) ((v - 1) / MESSAGES)
#define producers_over (gone[1] && gone[P])

inline read_word(p)
{
    d_step { r = round[p % N]; s = state[p % N]; o = owner[p % N] }
}

/* The word as it was read, to another one; ok says whether. */
inline change(p, r2, s2, o2)
{
    d_step {
        ok = (round[p % N] == r && state[p % N] == s && owner[p % N] == o);
        if
        :: ok -> round[p % N] = r2; state[p % N] = s2; owner[p % N] = o2
        :: else
        fi
    }
}

inline publish(p, v)
{
    d_step {
        assert(round[p % N] == p / N && state[p % N] == CLAIMED);
        state[p % N] = PUBLISHED; owner[p % N] = 0;
        published[v - 1] = 1
    }
}

proctype Producer(byte n)
{
    byte k, at, hint, r, s, o, v;
    bit ok;
    {
        skip;
begin:
        atomic { hint = tail; at = tail; v = (n - 1) * MESSAGES + k + 1 };
look:
        atomic {
            read_word(at);
            if
            :: r == at / N && s == FREE
            :: r > at / N || (r == at / N && s != FREE) -> at++; goto look
            :: r < at / N -> goto behind
            fi
        };
#ifdef M_CLAIM_WITHOUT_CAS
        d_step { round[at % N] = at / N; state[at % N] = CLAIMED; owner[at % N] = n; ok = 1 };
#else
#ifdef M_NO_OWNER
        change(at, r, CLAIMED, 0);
#else
        change(at, r, CLAIMED, n);
#endif
#endif
        atomic {
            r = 0; s = 0; o = 0;
            if
            :: ok -> ok = 0
            :: else -> goto look
            fi
        };
#ifdef M_PUBLISH_FIRST
        publish(at, v);
        value[at % N] = v;
#else
        value[at % N] = v;
        publish(at, v);
#endif
#ifdef M_TAIL_AHEAD
        tail = at + 2;
#else
        d_step { if :: tail == hint -> tail = at + 1 :: else fi };
#endif
        atomic {
            k++; at = 0; hint = 0;
            if
            :: k < MESSAGES -> goto begin
            :: else -> goto over
            fi
        };
behind: /* a slot of the round before is in the way, unless the position is old */
        atomic {
            if
            :: tail == hint && s == TOMB
            :: else -> r = 0; s = 0; o = 0; goto begin
            fi
        };
        change(at, r + 1, FREE, 0);
        atomic { r = 0; s = 0; o = 0; ok = 0; goto begin };
over:
        skip
    } unless { killed[n] };
    d_step { gone[n] = 1; k = 0; at = 0; hint = 0; r = 0; s = 0; o = 0; v = 0; ok = 0 }
}

/* Those that the dead have claimed, in all slots. To read the word and to ask for its owner
 * is one step: nobody who is gone comes back, and a word that has changed since the first is
 * left alone by the swap. */
inline recover()
{
    at = 0;
    do
    :: at == N -> at = 0; break
    :: atomic {
            at < N -> read_word(at);
            if
#ifdef M_BURY_LIVING
            :: (s == CLAIMED || s == TAKEN) && o != n ->
#else
            :: (s == CLAIMED || s == TAKEN) && o != 0 && gone[o] && killed[o] ->
#endif
                found = 1
            :: else -> at++
            fi;
        };
        if
        :: found && s == CLAIMED ->
#ifdef M_TOMB_PUBLISHED
            change(at, r, PUBLISHED, 0)
#else
            change(at, r, TOMB, 0)
#endif
        :: found && s == TAKEN ->
#ifdef M_TAKEN_LOST
            change(at, r + 1, FREE, 0)
#else
            d_step {
                if
                :: round[at] == r && state[at] == s && owner[at] == o ->
                    state[at] = PUBLISHED; owner[at] = 0; late[value[at] - 1] = 1
                :: else
                fi
            }
#endif
        :: else
        fi;
        atomic { if :: found -> at++; found = 0 :: else fi; r = 0; s = 0; o = 0; ok = 0 }
    od
}

/* What was read from the slot is whose? Ghosts; one step with the finish. */
inline deliver()
{
    assert(published[v - 1] && !got[v - 1]);
    assert(late[v - 1] || v > last[producer_of(v)]);
    got[v - 1] = 1;
    if
    :: !late[v - 1] -> last[producer_of(v)] = v
    :: else
    fi
}

inline finish()
{
#ifdef M_FREE_FIRST
    d_step { round[at % N] = at / N + 1; state[at % N] = FREE; owner[at % N] = 0 };
    v = value[at % N];
    d_step { deliver() };
#else
    v = value[at % N];
    d_step {
        assert(round[at % N] == at / N && state[at % N] == TAKEN && owner[at % N] == n);
        round[at % N] = at / N + 1; state[at % N] = FREE; owner[at % N] = 0;
        deliver()
    };
#endif
    d_step {
        if
        :: head == hint && open == NONE -> head = at + 1
        :: head == hint && open != NONE -> head = open
        :: else
        fi
    }
}

proctype Consumer(byte n)
{
    byte at, hint, open, back, r, s, o, v, last[2];
    bit ok, found, over;
    {
        skip;
begin:
        over = producers_over;
        d_step { at = head; hint = head; open = NONE };
look:
        atomic {
            read_word(at);
            if
            :: r == at / N && s == PUBLISHED -> back = open
            :: r == at / N && s == TOMB -> goto tomb
            :: (r == at / N && s == FREE) || r < at / N -> goto nothing
            :: r > at / N -> at++; goto look
            :: else ->
                if
                :: open == NONE -> open = at
                :: else
                fi;
                at++;
                goto look
            fi
        };
#ifndef M_SKIP_BLIND
        /* Has one that was passed by been published? */
        do
        :: back == NONE || back >= at -> back = 0; break
        :: else ->
            atomic {
                if
                :: round[back % N] == back / N && state[back % N] == PUBLISHED ->
                    if
                    :: back == open -> open = NONE
                    :: else
                    fi;
                    at = back; back = 0;
                    goto look
                :: else -> back++
                fi
            }
        od;
#endif
#ifdef M_TAKE_WITHOUT_CAS
        atomic { state[at % N] = TAKEN; owner[at % N] = n; ok = 1 };
#else
        change(at, r, TAKEN, n);
#endif
        atomic {
            r = 0; s = 0; o = 0; back = 0;
            if
            :: ok -> ok = 0
            :: else -> goto look
            fi
        };
        finish();
        atomic { at = 0; hint = 0; open = 0; v = 0; over = 0; goto begin };
tomb:
        change(at, r + 1, FREE, 0);
        atomic { ok = 0; goto look };
nothing:
        atomic {
            hint = 0; r = 0; s = 0; o = 0; at = 0;
            if
            :: open == NONE && over -> goto done
            :: open == NONE && !over -> open = 0; goto begin
            :: open != NONE -> open = 0
            fi
        };
        recover();
        assert(!over || (state[0] != CLAIMED && state[1] != CLAIMED));
        goto begin;
done:
        skip
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        at = 0; hint = 0; open = 0; back = 0; r = 0; s = 0; o = 0; v = 0; last[0] = 0;
        last[1] = 0; ok = 0; found = 0; over = 0
    }
}

proctype Last()
{
    byte n, at, r, s, o, v, last[2];
    bit ok, found;

    gone[1] && gone[P] && gone[P + 1] && gone[ALL];
    recover();
    skip;
    d_step {
        at = head;
        do
        :: round[at % N] > at / N -> at++
        :: round[at % N] == at / N && state[at % N] == TOMB ->
            round[at % N] = at / N + 1; state[at % N] = FREE; at++
        :: round[at % N] == at / N && state[at % N] == PUBLISHED ->
            v = value[at % N];
            deliver();
            round[at % N] = at / N + 1; state[at % N] = FREE; at++
        :: else -> break
        od;
        assert(round[at % N] == at / N && state[at % N] == FREE);
        v = 0;
        do
        :: v < P * MESSAGES -> assert(published[v] == got[v]); v++
        :: else -> break
        od
    }
}

/* Of two producers, and of two consumers, one is as good as the other: the first dies. */
proctype Killer()
{
#if KILLS > 0
    byte k;

    do
    :: k == KILLS -> break
    :: atomic { k < KILLS && !gone[1] -> killed[1] = 1; k++ }
    :: atomic { k < KILLS && !gone[P + 1] -> killed[P + 1] = 1; k++ }
    :: k < KILLS -> k++
    od
#else
    skip
#endif
}

init {
    atomic {
        run Producer(1); run Consumer(P + 1);
#if P == 2
        run Producer(2);
#endif
#if CONSUMERS == 2
        run Consumer(P + 2);
#endif
        run Last(); run Killer()
    }
}
