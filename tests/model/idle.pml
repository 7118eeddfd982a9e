/* SPDX-License-Identifier: MIT
 *
 * Falling asleep and being woken, for spin: sched/idle.c, and the two places of dispatch.c
 * and worker.c where the driver sleeps and is woken.
 *
 *   Driver    opens CALLS generations, wakes WAKES sleepers, sleeps until all have left
 *   Worker    spins or sleeps, wakes WAKES more if it slept, works, leaves
 *   Drain     makes the driver's plain stores visible some time later
 *   Killer    KILLS times: a worker, whatever it is at
 *
 * The driver opens with a store that it does not wait for: it may look at park[] while the
 * store is still on its way. Its swaps of `opened` and `driver_sleeps` wait for that. (So
 * this model is weaker than the others, which take all memory for sequentially consistent.)
 *
 * A wake may be spent on one who has left the generation already; then there is nothing left
 * to be done. So the work lasts here until all have come: one who is missed while others
 * work is missed for ever.
 *
 * What must hold: without a death nobody sleeps while others work and the driver does not
 * sleep for ever, and nobody needs a tick for that. After a death a sleeper may need its
 * tick (a waker died between its CAS and its FUTEX_WAKE), and that is enough.
 *
 * Left out: a driver that does a brief call alone, or leaves one worker asleep, and does not
 * wait for it (wake.c, hold() of dispatch.c): who is absent is join.pml's affair.
 *
 * The code: fw_idle_wait(), wait_long(), sleep_until_woken(), news(), look() and
 * fw_idle_wake() of idle.c; fw_wake_open() and fw_wake_again() of wake.c; open_generation(),
 * sleep_a_tick() and all_left() of dispatch.c; leave(), others_inside() and wake_driver() of
 * worker.c; member_died() of nursery.c.
 *   release: go.seq -> look()
 *   release: member.out -> take_tally(), all_left()
 *
 * What run.sh does with it:
 *   holds  two_workers
 *   holds  three_workers          -DN=3 -DCALLS=1
 *   holds  one_death              -DKILLS=1
 *   caught M_NO_SECOND_LOOK: the driver looks at park[] once, right after it opened
 *   caught M_NO_RELOOK: a sleeper does not look at seq after it announced itself
 *   caught M_WAIT_BLIND: FUTEX_WAIT does not compare
 *   caught M_NO_TREE: who was woken wakes nobody
 *   caught M_NO_WAKE: the sleeper's word is cleared and it is not woken
 *   caught M_SLEEPS_LATE: the driver looks before it says that it sleeps
 *   caught M_LOOK_FIRST: a leaver looks at `driver_sleeps` before it has left
 *   caught M_OTHERS_FIRST: a leaver looks who is inside before it has left
 *   caught M_NO_TICK -DKILLS=1: a sleeper has no tick
 *   caught M_DEATH_UNSAID -DKILLS=1: a death does not wake the driver
 */
#ifndef N
#define N 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#define WAKES 1 /* the real two would reach all of so few at once */

/* shared memory; a generation that is closed is not modelled (join.pml has it) */
byte seq, on_its_way;          /* the driver's store of seq, not visible yet; 0: none */
bit  park[N];
byte in_gen[N], out_gen[N];
bit  driver_sleeps;
byte join;                     /* futex of the driver */

/* the kernel's queues */
bit  asleep[N], driver_asleep;

/* what only the model knows */
bit  killed[N], dead[N];       /* dead: proved, and told */

#define LEFT(i) (dead[i] || out_gen[i] == g)
#if N > 2
#define ALL_LEFT (LEFT(0) && LEFT(1) && LEFT(2))
#else
#define ALL_LEFT (LEFT(0) && LEFT(1))
#endif

#define CAME(i)   (in_gen[i] == g || dead[i])
#define INSIDE(i) (out_gen[i] != g && in_gen[i] == g && !dead[i])
#if N > 2
#define OTHERS_INSIDE(i) (INSIDE(((i) + 1) % N) || INSIDE(((i) + 2) % N))
#define OTHERS_CAME(i)   (CAME(((i) + 1) % N) && CAME(((i) + 2) % N))
#else
#define OTHERS_INSIDE(i) (INSIDE(1 - (i)))
#define OTHERS_CAME(i)   (CAME(1 - (i)))
#endif

inline futex_wake(i)
{
#ifndef M_NO_WAKE
    asleep[i] = 0
#else
    skip
#endif
}

/* Wake one of those who sleep, beginning with `from`. */
inline wake_from(from)
{
    k = 0; v = (from) % N;
    do
    :: k == N -> break
    :: else ->
        if
        :: atomic { park[v] -> park[v] = 0 };
           futex_wake(v);
           break
        :: atomic { !park[v] -> k++; v = (v + 1) % N }
        fi
    od;
    skip;
    d_step { k = 0; v = 0 }
}

inline wake_driver()
{
    join = (join + 1) % 8;
    driver_asleep = 0
}

proctype Worker(byte i)
{
    byte last, g, k, v;
    bit slept, alone;
    {
        skip;
look:
        slept = 0;
end_idle:
        do
        :: atomic { seq != last -> g = seq } -> break
        :: seq == last -> /* the spin was in vain */
            slept = 1;
            park[i] = 1;
#ifndef M_NO_RELOOK
            if
            :: seq != last -> goto awake
            :: else
            fi;
#endif
            atomic {
                if
#ifdef M_WAIT_BLIND
                :: true -> asleep[i] = 1
#else
                :: park[i] -> asleep[i] = 1
                :: else
#endif
                fi
            };
end_asleep:
            if
            :: !asleep[i]
#ifndef M_NO_TICK
            :: asleep[i] && (dead[0] || dead[1]) && seq != last -> asleep[i] = 0
#endif
            fi;
awake:      park[i] = 0
        od;
        last = g;
#ifndef M_NO_TREE
        if
        :: slept -> wake_from(i + 1)
        :: else
        fi;
#endif
        in_gen[i] = g;
        (OTHERS_CAME(i)); /* the work */
#ifdef M_LOOK_FIRST
        alone = driver_sleeps;
        out_gen[i] = g;
#else
#ifdef M_OTHERS_FIRST
        alone = !OTHERS_INSIDE(i);
        out_gen[i] = g;
        alone = (alone && driver_sleeps);
#else
        out_gen[i] = g;
        alone = driver_sleeps;
#endif
#endif
        if
#ifdef M_OTHERS_FIRST
        :: alone -> wake_driver()
#else
        :: alone && !OTHERS_INSIDE(i) -> wake_driver()
#endif
        :: else
        fi;
        alone = 0;
        goto look
    } unless { killed[i] };
    d_step { last = 0; g = 0; k = 0; v = 0; slept = 0; alone = 0; asleep[i] = 0 };
    /* the nursery proves it, and wakes the driver */
    dead[i] = 1;
#ifndef M_DEATH_UNSAID
    wake_driver()
#endif
}

proctype Drain()
{
end_drain:
    do
    :: atomic { on_its_way != 0 -> seq = on_its_way; on_its_way = 0 }
    od
}

/* A swap: the stores before it are there. */
inline drain()
{
    if
    :: on_its_way != 0 -> seq = on_its_way; on_its_way = 0
    :: else
    fi
}

proctype Driver()
{
    byte g, k, v, seen;

    do
    :: g == CALLS -> break
    :: else ->
        atomic { g++; on_its_way = g };
        wake_from(0);
#ifndef M_NO_SECOND_LOOK
        atomic { drain() };
        wake_from(0);
#endif
        do
        :: ALL_LEFT -> break
        :: else ->
            seen = join;
#ifdef M_SLEEPS_LATE
            if
            :: ALL_LEFT -> break
            :: else
            fi;
            atomic { drain(); driver_sleeps = 1 };
#else
            atomic { drain(); driver_sleeps = 1 };
            if
            :: ALL_LEFT -> driver_sleeps = 0; break
            :: else
            fi;
#endif
            atomic {
                if
                :: join == seen -> driver_asleep = 1
                :: else
                fi
            };
            !driver_asleep;
            driver_sleeps = 0;
#if KILLS > 0
            wake_from(0)
#endif
        od;
        seen = 0
    od
}

proctype Killer()
{
    byte n;

    do
    :: n == KILLS -> break
    :: atomic { n < KILLS && !killed[0] -> killed[0] = 1; n++ }
    :: atomic { n < KILLS && !killed[1] -> killed[1] = 1; n++ }
    :: n < KILLS -> n++ /* not that often */
    od
}

init {
    atomic {
        run Worker(0); run Worker(1);
#if N > 2
        run Worker(2);
#endif
        run Driver(); run Drain(); run Killer()
    }
}
