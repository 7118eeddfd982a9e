/* SPDX-License-Identifier: MIT
 *
 * The join of a dispatch, for spin: sched/dispatch.c, worker.c, reap.c and nursery.c, with
 * two workers that may be killed between any two steps.
 *
 *   Driver    CALLS calls: open, tally, close or leave open, wait, scan, fence, list rerun
 *   Worker    one process per life of a slot: look, announce, validate, take, steal, leave
 *   Nursery   proves deaths (counts, then DEAD), uses slots again
 *   Killer    KILLS times: a member, whatever it is at
 *
 * What must hold: nobody reads the line while it is rewritten or works on another call than
 * the one that runs; each chunk is done once, or reported torn once, under the death that
 * tore it; no call waits for ever (invalid end states). Left out: sleeping and waking (the
 * real waits are bounded by ticks), groups, errors and deadlines, the order of memory (spin
 * is sequentially consistent).
 *
 * Waiting is a guard that becomes true when a further look could decide otherwise; so that
 * two looks at two members are not one, the tally that decides is taken step by step.
 *
 * With -DSEAT the caller may run in a worker's seat (decision 8): it has that one's share,
 * and the worker stays out of the generation. Which seat, or none, changes from call to call.
 *
 * The code: generation(), take_own(), steal_half(), try_steal(), run_chunk(), leave() and
 * fw_worker_init() of worker.c; fw_dispatch_run(), install_own(), open_generation(),
 * take_tally(), all_left(), may_close(), close_generation(), wait_until_out() and join() of
 * dispatch.c; fw_reap_scan() and fw_reap_fence() of reap.c; member_died(), fw_team_replaceable() and
 * spawn() of nursery.c; news() of idle.c. The pairs, which are one step each here:
 *   release: go.seq -> look()                 seq
 *   release: member.out -> take_tally(), all_left()
 *   release: control.mark -> fw_reap_scan()
 *   release: control.active -> fw_team_replaceable()  driven
 *
 * What run.sh does with it:
 *   holds  one_death             -DCALLS=1 -DKILLS=1
 *   holds  no_death              -DCALLS=2 -DKILLS=0
 *   long   two_calls_one_death   -DCALLS=2 -DKILLS=1
 *   holds  seat_one_death        -DSEAT -DCALLS=1 -DKILLS=1
 *   holds  seat_no_death         -DSEAT -DCALLS=2 -DKILLS=0
 *   long   seat_two_calls        -DSEAT -DCALLS=2 -DKILLS=1 -DNC=2
 *   caught M_NO_VALIDATE -DKILLS=0: a worker goes in without a second look at seq
 *   caught M_VALIDATE_FIRST -DKILLS=0: it looks a second time before it announces
 *   caught M_NEVER_CLOSE -DKILLS=0: seq stays open although a member has not come
 *   caught M_NO_WAIT -DKILLS=0: closed, and not waited for those who are inside
 *   caught M_NO_TAG -DKILLS=0: a range word counts as installed whatever its generation
 *   caught M_SLOW_IS_DEAD -DKILLS=0: who has not left is taken for dead after a time
 *   caught M_NO_CAS -DCALLS=1 -DKILLS=0: a thief stores the victim's range without comparing
 *   caught M_KEEP_NONE -DCALLS=1 -DKILLS=0: a steal drops the rest of what it took
 *   caught M_DEAD_FIRST -DCALLS=1: DEAD is set before the death is counted
 *   caught M_FENCE_FIRST -DCALLS=1: slots may be used again before the scan
 *   caught M_ACTIVE_LATE -DCALLS=1: `driven` tells of a generation after it is open
 *   caught M_ANY_DEAD -DCALLS=1: a dead member's slot is used again even if it was inside
 *   caught M_FORGET -DCALLS=1: a new worker knows no generation
 *   caught M_KNOW -DCALLS=1: a new worker takes the generation that it finds for known
 *   caught M_NO_MARK -DCALLS=1: no STARTED
 *   caught M_NO_LIST -DCALLS=1: a rerun goes through all chunks
 *   caught M_TORN_AGAIN -DCALLS=1 -DKILLS=2: the scan leaves a torn chunk's mark as it is
 *   caught M_SEAT_ENTERS -DSEAT -DKILLS=0: the worker in the caller's seat comes too
 *   caught M_SEAT_LATE -DSEAT -DKILLS=0: the caller's share is installed after the opening
 *   caught M_SEAT_FORGOTTEN -DSEAT -DKILLS=0: the seat is cleared when all others have left
 */
#ifndef CALLS
#define CALLS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#define N  2 /* workers */
#ifndef NC
#define NC 3 /* chunks of a call */
#endif

#if NC > 2
#define LAST(does) does
#else
#define LAST(does) skip
#endif

#define OPEN(g)   (2 * (g))
#define CLOSED(g) (2 * (g) + 1)
#define GEN(seq)  ((seq) / 2)

#define EMPTY    0
#define STARTING 1
#define UP       2
#define DEAD     3
#define FENCED   4

#define STARTED 1
#define DONE    2

/* shared memory */
byte seq = 1, line, chunks;         /* line: what the go line describes; 0 half written */
byte seat;                          /* of seq: the caller's seat + 1, or 0 */
byte in_gen[N], out_gen[N];
byte begin[N], end[N], tag[N];      /* a range word, changed as a whole */
byte state[N], deaths, generation, driven; /* driven: control.active */
byte mark[NC], mark_of[NC];         /* epoch * 4 + phase; worker */
byte list[NC];
bit  listed;

/* what only the model knows */
bit  killed[N], gone[N];            /* SIGKILL sent; the process is gone */
byte life[N], torn_life[NC];        /* which process of the slot it is; that started a chunk */
byte running;                       /* the call: its epoch; 0: none */
bit  done[NC], torn[NC];

/* Worker 1's share is everything, so that a thief has more than one chunk to publish. */
#define BAND_END(i) ((i) * chunks)
#define INSIDE(i, g)  (out_gen[i] != (g) && in_gen[i] == (g))
#define PROVED(i)     (state[i] == DEAD || state[i] == FENCED)
#ifdef M_SEAT_ENTERS
#define NOT_SEATED(i) true
#else
#define NOT_SEATED(i) (seat != (i) + 1)
#endif

/* The effect belongs to STARTED here: a kill between them is one that came later. */
inline run_chunk(k)
{
    d_step {
        if
        :: listed -> c = list[k]
        :: else -> c = k
        fi;
#ifndef M_NO_MARK
        mark[c] = 4 * epoch + STARTED; mark_of[c] = i; torn_life[c] = life[i];
#endif
        assert(running == epoch && line == g);
        assert(!done[c] && !torn[c]);
        done[c] = 1
    };
    d_step { mark[c] = 4 * epoch + DONE; c = 0; b = 0; e = 0; k = 0; half = 0; ok = 0 }
}

/* One load of v's word: its share in (b, e), and the word itself to compare with. */
inline look_at(v)
{
    d_step {
        wb = begin[v]; we = end[v]; wt = tag[v];
        if
#ifdef M_NO_TAG
        :: wt != 0 -> b = wb; e = we; installed = 1
#else
        :: wt == g -> b = wb; e = we; installed = 1
#endif
        :: else -> b = 0; e = BAND_END(v); installed = 0
        fi
    }
}

inline exchange(v, nb, ne)
{
    d_step {
        if
        :: begin[v] == wb && end[v] == we && tag[v] == wt ->
            begin[v] = nb; end[v] = ne; tag[v] = g; ok = 1
        :: else -> ok = 0
        fi;
        wb = 0; we = 0; wt = 0; installed = 0
    }
}

/* All of a generation's work. It ends at the label `leave`. */
inline work(i)
{
    skip;
own:    atomic {
            look_at(i);
            if
            :: installed && b >= e -> goto steal
            :: else
            fi
        };
        if
        :: b < e ->
            exchange(i, b + 1, e);
            if
            :: ok -> run_chunk(b)
            :: else
            fi
        :: else -> exchange(i, b, e) /* install the empty share */
        fi;
        goto own;
steal:
        if
        :: polite && chunks <= N -> goto leave
        :: out_gen[1 - i] == g -> goto leave
        :: else
        fi;
        atomic {
            look_at(1 - i);
            if
            :: b >= e -> goto leave
            :: else
            fi
        };
        atomic {
            half = (e - b + 1) / 2;
#ifdef M_NO_CAS
            d_step { wb = begin[1 - i]; we = end[1 - i]; wt = tag[1 - i] };
#endif
            exchange(1 - i, b, e - half);
            if
            :: !ok -> goto steal
            :: else
            fi
        };
        d_step { /* nobody else writes an installed empty word */
            assert(tag[i] == g && begin[i] >= end[i]);
            k = e - half; begin[i] = k + 1; tag[i] = g;
#ifdef M_KEEP_NONE
            end[i] = k + 1
#else
            end[i] = e
#endif
        };
        run_chunk(k);
        goto own;
}

proctype Worker(byte i)
{
    byte last, q, g, epoch, b, e, wb, we, wt, c, k, half;
    bit installed, ok, polite;
    {
        skip;
#ifdef M_FORGET
        last = 0;
#else
#ifdef M_KNOW
        last = GEN(seq);
#else
        last = out_gen[i];
#endif
#endif
        state[i] = UP;
end_idle:
        atomic {
            (seq % 2 == 0 && GEN(seq) != last && NOT_SEATED(i)) ->
                q = seq; polite = (seat != 0)
        };
        d_step { g = GEN(q); last = g };
#ifdef M_VALIDATE_FIRST
        if
        :: seq == q
        :: else -> goto end_idle
        fi;
        in_gen[i] = g;
#else
        in_gen[i] = g;
#ifndef M_NO_VALIDATE
        if
        :: seq == q
        :: else -> polite = 0; out_gen[i] = g; goto end_idle
        fi;
#endif
#endif
        d_step { assert(line == g); epoch = running };
        work(i);
leave:  skip;
        d_step { assert(line == g); b = 0; e = 0; wb = 0; we = 0; wt = 0; k = 0; half = 0; installed = 0;
                 ok = 0; epoch = 0; q = 0; polite = 0 };
        out_gen[i] = g;
        goto end_idle
    } unless { killed[i] };
    d_step { gone[i] = 1; last = 0; g = 0; q = 0; epoch = 0; b = 0; e = 0; wb = 0; we = 0;
             wt = 0; c = 0; k = 0; half = 0; installed = 0; ok = 0; polite = 0 }
}

proctype Nursery()
{
    byte i, a;
end_look:
    do
    :: gone[0] && (state[0] == STARTING || state[0] == UP) -> i = 0; goto died
    :: gone[1] && (state[1] == STARTING || state[1] == UP) -> i = 1; goto died
    :: state[0] == EMPTY || state[0] == FENCED -> i = 0; goto spawn
    :: state[1] == EMPTY || state[1] == FENCED -> i = 1; goto spawn
    :: state[0] == DEAD -> i = 0; a = driven; goto dead
    :: state[1] == DEAD -> i = 1; a = driven; goto dead
    od;
died:
#ifdef M_DEAD_FIRST
    state[i] = DEAD; deaths++;
#else
    deaths++; state[i] = DEAD;
#endif
    i = 0;
    goto end_look;
dead:
#ifndef M_ANY_DEAD
    if
    :: a == 0 || !INSIDE(i, a) -> goto spawn
    :: else
    fi;
    /* Look again when that may have changed. */
end_wait:
    if
    :: driven != a || state[i] != DEAD -> skip
    :: gone[1 - i] && (state[1 - i] == STARTING || state[1 - i] == UP) -> skip
    :: state[1 - i] == FENCED -> skip
    fi;
    i = 0; a = 0;
    goto end_look;
#endif
spawn:
    out_gen[i] = in_gen[i];
    atomic {
        d_step { state[i] = STARTING; killed[i] = 0; gone[i] = 0; life[i]++ };
        run Worker(i);
        i = 0; a = 0
    };
    goto end_look
}

/* As it is now: would a tally let the driver go on? */
#define COUNTS_IN(i) (INSIDE(i, g) && !PROVED(i))
#define MAY_CLOSE \
    (!COUNTS_IN(0) && !COUNTS_IN(1) && \
     (out_gen[0] == g || out_gen[1] == g || me != 0 || deaths != known))

/* The real one reads `out`, `in` and the state one after another: what changes meanwhile
 * makes it count a member as inside that has left. */
inline tally_one(i)
{
    d_step {
        if
        :: me == i + 1 /* nobody else is there */
        :: me != i + 1 && out_gen[i] == g -> left++
        :: me != i + 1 && out_gen[i] != g && COUNTS_IN(i) -> inside++
        :: else -> absent++
        fi
    }
}

inline take_tally()
{
    d_step { inside = 0; left = 0; absent = 0 };
    tally_one(0);
    tally_one(1)
}

inline scan_one(c)
{
    if
    :: mark[c] == 4 * epoch + DONE
    :: mark[c] == 4 * epoch + STARTED ->
        assert(!torn[c]);
        assert(state[mark_of[c]] == DEAD && life[mark_of[c]] == torn_life[c]);
        torn[c] = 1;
#ifndef M_TORN_AGAIN
        mark[c] = 4 * epoch + DONE
#endif
    :: else -> list[todo] = c; todo++
    fi
}

inline fence(i)
{
    if
    :: state[i] == DEAD -> state[i] = FENCED
    :: else
    fi
}

/* The caller's share, by a plain store: before the opening nobody else looks. */
inline install_own()
{
    d_step {
        if
        :: me != 0 -> begin[me - 1] = 0; end[me - 1] = BAND_END(me - 1); tag[me - 1] = g
        :: else
        fi
    }
}

proctype Driver()
{
    byte g, epoch, known, todo, inside, left, absent, call;
    byte me; /* the caller's seat + 1, or 0 */
    bit died;
#ifdef SEAT
    byte i, b, e, wb, we, wt, c, k, half;
    bit installed, ok, polite;
#endif

    do
    :: call == CALLS -> break
    :: else ->
        known = deaths;
#ifdef SEAT
        if
        :: me = 1
        :: me = 2
        :: CALLS > 1 && KILLS == 0 -> me = 0
        fi;
#endif
        d_step { epoch = generation + 1; todo = NC; running = epoch };
        do
        :: todo == 0 -> break
        :: else ->
            d_step { g = generation + 1; generation = g };
#ifndef M_ACTIVE_LATE
            driven = g;
#endif
            line = 0;
            d_step {
#ifndef M_NO_LIST
                listed = (g != epoch);
#endif
                chunks = todo; line = g
            };
#ifdef SEAT
#ifndef M_SEAT_LATE
            install_own();
#endif
#endif
            d_step { seq = OPEN(g); seat = me };
#ifdef M_ACTIVE_LATE
            driven = g;
#endif
#ifdef SEAT
#ifdef M_SEAT_LATE
            install_own();
#endif
            if
            :: me == 0 -> goto look
            :: else -> i = me - 1
            fi;
            work(i);
leave:      skip;
            d_step { i = 0; b = 0; e = 0; wb = 0; we = 0; wt = 0; k = 0; half = 0;
                     installed = 0; ok = 0 };
#endif
look:       skip;
            take_tally();
            if
            :: inside == 0 && absent == 0 && deaths == known -> goto joined
            :: else
            fi;
            if
            :: inside == 0 && (left > 0 || me != 0 || deaths != known) -> goto close
#ifdef M_SLOW_IS_DEAD
            :: left > 0 -> goto scan
#endif
            :: else
            fi;
            (MAY_CLOSE);
            goto look;
close:      skip;
#ifndef M_NEVER_CLOSE
            d_step { seq = CLOSED(g); seat = 0 };
#endif
#ifndef M_NO_WAIT
out:
            take_tally();
            if
            :: inside > 0 -> (!COUNTS_IN(0) && !COUNTS_IN(1)); goto out
            :: else
            fi;
#endif
joined:     skip;
#ifdef M_SEAT_FORGOTTEN
            seat = 0;
#endif
            d_step { died = (deaths != known); inside = 0; left = 0; absent = 0 };
#ifdef M_SLOW_IS_DEAD
            goto counted;
scan:       died = 1;
counted:
#endif
            known = deaths;
            todo = 0;
#ifdef M_FENCE_FIRST
            d_step { fence(0); fence(1) };
#endif
            d_step {
                if
                :: died -> scan_one(0); scan_one(1); LAST(scan_one(2))
                :: else
                fi
            };
            driven = 0;
            d_step {
                if
                :: died -> fence(0); fence(1)
                :: else
                fi
            }
        od;
        skip;
        d_step {
            assert(done[0] || torn[0]);
            assert(done[1] || torn[1]);
            LAST(assert(done[2] || torn[2]));
            /* what is reported as done is whole */
            done[0] = 0; done[1] = 0; LAST(done[2] = 0);
            torn[0] = 0; torn[1] = 0; LAST(torn[2] = 0);
            running = 0; inside = 0; left = 0; absent = 0; died = 0; me = 0;
            call++
        }
    od
}

proctype Killer()
{
    byte n;

    do
    :: n == KILLS -> break
    :: atomic { n < KILLS && (state[0] == UP || state[0] == STARTING) ->
                killed[0] = 1; n++ }
    :: atomic { n < KILLS && (state[1] == UP || state[1] == STARTING) ->
                killed[1] = 1; n++ }
    :: n < KILLS -> n++ /* not that often */
    od
}

init {
    atomic {
        state[0] = STARTING; state[1] = STARTING;
        run Worker(0); run Worker(1);
        run Nursery(); run Driver(); run Killer()
    }
}
