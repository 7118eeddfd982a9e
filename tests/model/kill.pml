/* SPDX-License-Identifier: MIT
 *
 * The end of a worker past a deadline, for spin: the words `kill` and `state` of a member
 * (sched/control.h), between the driver, who wants it ended, and the nursery, who does it.
 *
 *   Driver    CALLS calls, of which the first has a deadline: want, wait, let off, settle
 *   Nursery   sends the signal, proves the death, uses the slot again
 *   Worker    one process per life of the slot: announce, work, leave
 *   Chance    CRASHES times: the worker dies by itself
 *
 * What must hold: a worker that the pool ends dies within the call that wanted it, never in
 * the next one, which has done no wrong; no signal goes to a pid that has been reaped; and
 * no call waits for ever.
 *
 * The code: mind_deadline(), settle_kills(), dying(), wait_for_death() and fw_dispatch_run()
 * of dispatch.c; kill_wanted(), reap_all(), member_died(), fw_team_replaceable() and spawn() of
 * nursery.c; fw_control_inside() of control.h; generation() and leave() of worker.c;
 * fw_reap_fence() of reap.c.
 *
 * What run.sh does with it:
 *   holds  three_calls
 *   holds  a_crash_beside      -DCRASHES=2
 *   caught M_NO_WITHDRAW: what was wanted of one who got away stays wanted
 *   caught M_NO_WAIT: the call ends while the signal is on its way
 *   caught M_SIGNAL_FIRST: the signal is sent before SENT is written
 *   caught M_BLIND_SENT: SENT is written without comparing
 *   caught M_NOT_CLEARED: the slot's next process begins with SENT
 *   caught M_KILL_DEAD -DCRASHES=1: the nursery takes the wish for one that it has reaped
 */
#ifndef CALLS
#define CALLS 3
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define EMPTY    0
#define STARTING 1
#define UP       2
#define DEAD     3
#define FENCED   4

#define WANTED 1
#define SENT   2

/* shared memory */
byte seq = 1, in_gen, out_gen, driven; /* driven: control.active */
byte state, wish; /* wish: member.kill */

/* what only the model knows */
bit  shot, crash, gone, sent_by_pool;
byte running, asked; /* calls */

#define LIVES     (state == UP || state == STARTING)
#define INSIDE(g) (out_gen != (g) && in_gen == (g))
#define PROVED    (state == DEAD || state == FENCED)

proctype Worker()
{
    byte q, last;
    {
        last = out_gen;
        state = UP;
end_idle:
        atomic { (seq % 2 == 0 && seq / 2 != last) -> q = seq; last = q / 2 };
        in_gen = last;
        if
        :: seq == q -> skip /* the kernel */
        :: else
        fi;
        out_gen = last;
        goto end_idle
    } unless { shot || crash };
    d_step {
        assert(!shot || !sent_by_pool || crash || running == asked);
        q = 0; last = 0;
        gone = 1
    }
}

proctype Nursery()
{
end_look:
    do
#ifdef M_KILL_DEAD
    :: wish == WANTED ->
#else
    :: wish == WANTED && LIVES ->
#endif
#ifdef M_SIGNAL_FIRST
        d_step { assert(LIVES); shot = 1; sent_by_pool = 1 };
        if
        :: atomic { wish == WANTED -> wish = SENT }
        :: else
        fi
#else
#ifdef M_BLIND_SENT
        wish = SENT;
        d_step { assert(LIVES); shot = 1; sent_by_pool = 1 }
#else
        if
        :: atomic { wish == WANTED -> wish = SENT };
           d_step { assert(LIVES); shot = 1; sent_by_pool = 1 }
        :: else
        fi
#endif
#endif
    :: gone && LIVES -> state = DEAD
    :: state == FENCED || state == EMPTY -> goto spawn
    :: state == DEAD && (driven == 0 || !INSIDE(driven)) -> goto spawn
    od;
spawn:
    out_gen = in_gen;
#ifndef M_NOT_CLEARED
    wish = 0;
#endif
    atomic {
        d_step { state = STARTING; shot = 0; crash = 0; gone = 0; sent_by_pool = 0 };
        run Worker()
    };
    goto end_look
}

proctype Driver()
{
    byte g;
    bit ended;

    do
    :: g == CALLS -> break
    :: else ->
        d_step { g++; running = g };
        driven = g;
        seq = 2 * g;
        do
        :: out_gen == g -> break
        :: INSIDE(g) && PROVED -> break
        /* A deadline comes at any time, and again after each tick. */
        :: g == 1 && wish == 0 && INSIDE(g) ->
            ended = 1;
            if
            :: atomic { wish == 0 -> wish = WANTED; asked = g }
            :: else
            fi
        od;
        seq = 2 * g + 1;
        driven = 0;
        if
        :: atomic { state == DEAD -> state = FENCED }
        :: else
        fi;
        if
        :: ended ->
#ifndef M_NO_WITHDRAW
            if
            :: atomic { wish == WANTED -> wish = 0 }
            :: else
            fi;
#endif
#ifndef M_NO_WAIT
            !(wish == SENT && LIVES);
#endif
            ended = 0
        :: else
        fi;
        running = 0
    od
}

proctype Chance()
{
    byte n;

    do
    :: n == CRASHES -> break
    :: atomic { n < CRASHES && LIVES && !crash -> crash = 1; n++ }
    :: n < CRASHES -> n++ /* not that often */
    od
}

init {
    atomic { state = STARTING; run Worker(); run Nursery(); run Driver(); run Chance() }
}
