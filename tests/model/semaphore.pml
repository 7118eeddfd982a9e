/* SPDX-License-Identifier: MIT
 *
 * Semaphores with owned tokens, for spin: shm/sync_semaphore.c over shm/bell.c.
 *
 *   Process   takes a token and gives it back, once or more often
 *   Killer    KILLS times: a process, whatever it is at, also while it recovers
 *
 * A token is a word: nobody's, or its owner's, and every change of it one step that compares.
 * The bell is a word, too: `bit` says that somebody may sleep, `count` goes up with each ring.
 *
 * What must hold: no more living owners than tokens, and never one whose token was taken from
 * him; nobody sleeps for ever, and in the end all tokens are there, but for those of the
 * dead that nobody was held up by. Without a death nobody needs a tick.
 *
 * The code: swap_one(), recover(), wait_for_one() and release() of sync_semaphore.c;
 * fw_bell_listen(), fw_bell_sleep() and fw_bell_ring() of bell.c;
 * fw_participant_owner_gone() of participant.c.
 *
 * What run.sh does with it:
 *   holds  no_death        -DKILLS=0
 *   holds  no_death_two    -DKILLS=0 -DTOKENS=2
 *   holds  one_death       -DKILLS=1
 *   long   recoverer_dies  -DKILLS=2
 *   caught M_NO_TICK: who waits, waits for a ring alone
 *   caught M_NO_LISTEN -DKILLS=0: who waits does not say so
 *   caught M_LOOK_FIRST -DKILLS=0: he looks at the tokens before he says so, not after
 *   caught M_RING_FIRST -DKILLS=0: the ring comes before the token is free
 *   caught M_NO_SECOND_WAKE -DKILLS=0: who slept just before the bit was taken back sleeps on
 *   caught M_NOT_RECOVERED: a dead one's token is left to him
 *   caught M_SLOW_IS_DEAD: who does not move is taken for dead
 *   caught M_RECOVER_BLIND -DKILLS=1: the token is set free without comparing
 *   caught M_TAKE_BLIND -DKILLS=0: a token is taken without comparing
 */
#ifndef P
#define P 3
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef TOKENS
#define TOKENS 1
#endif
/* One who comes twice can be faster than one who is being woken. */
#if KILLS > 0
#define ROUNDS(i) 1
#else
#define ROUNDS(i) ((i) == 0 -> 2 : 1)
#endif

/* shared memory */
byte token[TOKENS]; /* owner + 1 */
bit  bit_;          /* of the bell */
byte count;

/* the kernel's queue */
bit  asleep[P];

/* what only the model knows */
bit  killed[P], gone[P], over[P], has[P];
byte died;

#ifdef M_SLOW_IS_DEAD
#define GONE(o) true
#else
#define GONE(o) gone[o]
#endif

inline wake_one()
{
    atomic {
        if
        :: asleep[0] -> asleep[0] = 0; woken = 1
        :: asleep[1] -> asleep[1] = 0; woken = 1
#if P > 2
        :: asleep[2] -> asleep[2] = 0; woken = 1
#endif
        :: else -> woken = 0
        fi
    }
}

inline wake_all()
{
    d_step {
        asleep[0] = 0;
        asleep[1] = 0;
#if P > 2
        asleep[2] = 0
#endif
    }
}

inline ring()
{
    if
    :: bit_ ->
        d_step {
            count = (count + 1) % 16;
            rung = count; was = bit_
        };
        wake_one();
        if
        :: !woken && was ->
            atomic {
                if
                :: bit_ && count == rung -> bit_ = 0; count = (count + 1) % 16; took = 1
                :: else -> took = 0
                fi
            };
#ifndef M_NO_SECOND_WAKE
            if
            :: took -> wake_all()
            :: else
            fi
#endif
        :: else
        fi
    :: else
    fi;
    atomic { rung = 0; was = 0; took = 0; woken = 0 }
}

inline take()
{
    t = 0;
    do
    :: t < TOKENS && !has[i] ->
#ifdef M_TAKE_BLIND
        if
        :: token[t] == 0 ->
            atomic { token[t] = i + 1; has[i] = 1 }
        :: else -> t++
        fi
#else
        atomic {
            if
            :: token[t] == 0 -> token[t] = i + 1; has[i] = 1
            :: else -> t++
            fi
        }
#endif
    :: else -> break
    od;
    t = 0
}

inline recover()
{
    back = 0;
#ifndef M_NOT_RECOVERED
    t = 0;
    do
    :: t < TOKENS ->
        seen = token[t];
        if
        :: seen != 0 && GONE(seen - 1) ->
            atomic {
#ifndef M_RECOVER_BLIND
                if
                :: token[t] == seen ->
#endif
                    token[t] = 0; back = 1
#ifndef M_RECOVER_BLIND
                :: else
                fi
#endif
            }
        :: else
        fi;
        t++
    :: else -> break
    od;
    atomic { t = 0; seen = 0 };
    if
    :: back -> ring()
    :: else
    fi
#endif
}

inline acquire()
{
    take();
    do
    :: has[i] -> break
    :: else ->
#ifdef M_LOOK_FIRST
        take();
#endif
        atomic {
#ifndef M_NO_LISTEN
            bit_ = 1;
#endif
            heard = count
        };
#ifndef M_LOOK_FIRST
        take();
#endif
        if
        :: has[i] -> break
        :: else -> recover()
        fi;
        if
        :: back -> skip
        :: else ->
            atomic {
                if
#ifdef M_NO_LISTEN
                :: count == heard -> asleep[i] = 1
#else
                :: bit_ && count == heard -> asleep[i] = 1
#endif
                :: else
                fi
            };
            if
            :: !asleep[i]
#ifndef M_NO_TICK
            :: asleep[i] && ticks < 2 * died -> ticks++; asleep[i] = 0
#endif
            fi
        fi;
        atomic { back = 0; heard = 0 }
    od;
    atomic { back = 0; heard = 0 }
}

inline release()
{
#ifdef M_RING_FIRST
    ring();
#endif
    atomic {
        t = 0;
        do
        :: t < TOKENS && token[t] != i + 1 -> t++
        :: else -> break
        od;
        assert(t < TOKENS); /* nobody has taken it from its owner */
        token[t] = 0; has[i] = 0; t = 0
    };
#ifndef M_RING_FIRST
    ring()
#endif
}

inline look_at_all()
{
    d_step {
        t = 0; rung = 0;
        do
        :: t < P -> rung = rung + (has[t] && !killed[t]); t++
        :: else -> break
        od;
        assert(rung <= TOKENS);
        t = 0; rung = 0
    }
}

proctype Process(byte i)
{
    byte round, t, seen, heard, rung, ticks;
    bit back, woken, was, took;
    {
        do
        :: round == ROUNDS(i) -> break
        :: else ->
            acquire();
            look_at_all();
            release();
            round++
        od
    } unless { killed[i] };
    if
    :: killed[i] ->
        d_step {
            asleep[i] = 0; gone[i] = 1; died++; ticks = 0; has[i] = 0;
            round = 0; t = 0; seen = 0; heard = 0; rung = 0;
            back = 0; woken = 0; was = 0; took = 0
        }
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
