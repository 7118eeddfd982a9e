/* SPDX-License-Identifier: MIT
 *
 * Runs of units, for spin: shm/unit.c and the allocate, publish, free and sweep of
 * shm/heap.c, in a zone of a few units.
 *
 *   Process   takes a run, writes to it, publishes it, frees its own or a published one
 *   Last      when all are over, sweeps and looks at what is left
 *   Killer    KILLS times: a process, between any two stores
 *
 * A unit's word is one store. The heap's lock is one step here (lock.pml has its insides);
 * a dead holder's successor has it and resets the hint.
 *
 * What must hold: between any two stores the runs tile the zone; nothing is in two runs;
 * memory that is handed out is zeros and stays as its owner wrote it; in the end what is
 * not free was published and nobody began to free it.
 *
 * The code: fw_unit_take(), merge(), cut() and fw_unit_release() of unit.c; own() of owner.c;
 * repair(), give_back(), free_run(), fw_heap_free_pair(), fw_heap_publish_pair() and
 * sweep_one() of heap.c.
 *
 * What run.sh does with it:
 *   holds  one_death            -DKILLS=1
 *   holds  two_deaths           -DKILLS=2 -DUNITS=3
 *   caught M_CUT_SWAPPED: the run is cut off before the rest has a word
 *   caught M_TAKE_PUBLISHED: a run is taken without an owner
 *   caught M_MERGE_BLIND: a free run swallows its neighbour, free or not
 *   caught M_FREE_FIRST -DKILLS=0: a run is free before its memory is given back
 *   caught M_FREE_PUBLISHED: what is freed is not made one's own first
 *   caught M_SWEEP_DIRTY: the sweep does not give the memory back
 *   caught M_SWEEP_PUBLISHED: the sweep does not look at the owner
 *   caught M_TAKE_UNLOCKED -DKILLS=0: a run is taken without the lock
 *   caught M_HINT_AHEAD -DKILLS=0: the hint is moved on by too much
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef UNITS
#define UNITS 4
#endif
#define P 2

#define FREE 1
#define RUN  2

/* shared memory */
byte holder;
byte state[UNITS], owner[UNITS], length[UNITS]; /* one word each */
byte hint;

/* what only the model knows */
bit  killed[P + 2], gone[P + 2];
bit  written[UNITS];  /* the memory is not zeros */
byte whose[UNITS];    /* the process in whose run it is; P + 1: published; 0: free */
bit  claimed[UNITS];  /* of a run's first unit: somebody is to free it, nobody else */
bit  ending[UNITS];   /* he has begun */
byte w;               /* of check_tiling() */

inline check_tiling()
{
    w = 0;
    do
    :: w < UNITS ->
        assert(state[w] == FREE || state[w] == RUN);
        assert(length[w] > 0 && w + length[w] <= UNITS);
        w = w + length[w]
    :: else -> break
    od;
    w = 0
}

inline store(at, s, o, size)
{
    d_step { state[at] = s; owner[at] = o; length[at] = size; check_tiling() }
}

/* Ghosts: the units of a run change hands with its word. */
inline hand(at, size, who)
{
    w = at;
    do
    :: w < at + size ->
        whose[w] = who; claimed[w] = 0; ending[w] = 0;
        w++
    :: else -> break
    od;
    w = 0
}

inline lock()
{
    atomic { (holder == 0 || gone[holder]) -> told = (holder != 0); holder = n };
    if
    :: told -> hint = 0; told = 0
    :: else
    fi
}

inline unlock()
{
    holder = 0
}

/* The free run at u and those behind it, as one: size. */
inline merge()
{
    d_step {
        size = length[u];
        do
#ifdef M_MERGE_BLIND
        :: u + size < UNITS && size < want ->
#else
        :: u + size < UNITS && state[u + size] == FREE ->
#endif
            assert(whose[u + size] == 0);
            size = size + length[u + size]
        :: else -> break
        od
    };
    if
    :: size != length[u] -> store(u, FREE, 0, size)
    :: else
    fi
}

inline cut_off()
{
    d_step {
        assert(whose[u] == 0 && !written[u]);
        assert(want == 1 || (whose[u + 1] == 0 && !written[u + 1]));
        state[u] = RUN; length[u] = want;
#ifdef M_TAKE_PUBLISHED
        owner[u] = 0;
#else
        owner[u] = n;
#endif
        hand(u, want, n);
        check_tiling()
    }
}

inline cut()
{
#ifdef M_CUT_SWAPPED
    rest = size - want;
    cut_off();
    if
    :: rest > 0 -> store(u + want, FREE, 0, rest)
    :: else
    fi;
    rest = 0
#else
    if
    :: size > want ->
        /* not a run yet: nothing to be seen from the outside */
        d_step { state[u + want] = FREE; owner[u + want] = 0; length[u + want] = size - want;
                 check_tiling() }
    :: else
    fi;
    cut_off()
#endif
}

/* The first free run of `want` units; mine + 1 is where it is, or mine is 0. */
inline take()
{
    d_step { u = hint; first = UNITS };
    do
    :: u >= UNITS -> break
    :: u < UNITS && state[u] != FREE -> u = u + length[u]
    :: u < UNITS && state[u] == FREE ->
        merge();
        if
        :: first == UNITS -> first = u; hint = u
        :: else
        fi;
        if
        :: size >= want ->
            cut();
            mine = u + 1;
#ifdef M_HINT_AHEAD
            hint = (u + want + 1 < UNITS -> u + want + 1 : u);
#else
            if
            :: first == u -> hint = (u + want < UNITS -> u + want : u)
            :: else
            fi;
#endif
            break
        :: else -> u = u + size
        fi
    od;
    skip;
    d_step { u = 0; size = 0; first = 0 }
}

/* Without the lock: it is ours. */
inline give_back(at)
{
    written[at] = 0;
    if
    :: length[at] > 1 -> written[at + 1] = 0
    :: else
    fi
}

inline release(at)
{
    if
    :: at < hint -> hint = at
    :: else
    fi;
    d_step { hand(at, length[at], 0); state[at] = FREE; owner[at] = 0; check_tiling() }
}

inline free_run(at)
{
#ifdef M_FREE_FIRST
    lock(); release(at); unlock();
    give_back(at)
#else
    give_back(at);
    lock(); release(at); unlock()
#endif
}

inline sweep()
{
    lock();
    u = 0;
    do
    :: u < UNITS ->
        if
#ifdef M_SWEEP_PUBLISHED
        :: state[u] == RUN && (owner[u] == 0 || gone[owner[u]]) ->
#else
        :: state[u] == RUN && owner[u] != 0 && gone[owner[u]] ->
#endif
            assert(whose[u] != P + 1);
#ifndef M_SWEEP_DIRTY
            give_back(u);
#endif
            release(u)
        :: else
        fi;
        u = u + length[u]
    :: else -> break
    od;
    u = 0;
    unlock()
}

inline write_to(at)
{
    d_step {
        written[at] = 1;
        if
        :: length[at] > 1 -> written[at + 1] = 1
        :: else
        fi
    }
}

inline check_mine()
{
    d_step {
        assert(written[mine - 1] && state[mine - 1] == RUN);
        assert(length[mine - 1] == 1 || written[mine])
    }
}

proctype Process(byte n)
{
    byte round, want, u, size, first, rest, mine;
    bit told;
    {
        do
        :: round == 2 -> break
        :: else ->
            if
            :: want = 1
            :: want = 2
            fi;
#ifdef M_TAKE_UNLOCKED
            take();
#else
            lock(); take(); unlock();
#endif
            want = 0;
            if
            :: mine == 0 -> sweep()
            :: mine != 0 ->
                write_to(mine - 1);
                check_mine();
                if
                :: skip /* free it as it is */
                :: lock();
                   d_step { owner[mine - 1] = 0; hand(mine - 1, length[mine - 1], P + 1) };
                   unlock();
                   mine = 0;
                   /* anybody frees it later, but one only */
                   if
                   :: state[0] == RUN && whose[0] == P + 1 -> mine = 1
                   :: state[1] == RUN && whose[1] == P + 1 -> mine = 2
                   :: true
                   fi
                fi;
                atomic {
                    if
                    :: mine != 0 && !claimed[mine - 1] && (whose[mine - 1] == n ||
                       whose[mine - 1] == P + 1) -> claimed[mine - 1] = 1
                    :: else -> mine = 0
                    fi
                };
                if
                :: mine == 0
                :: mine != 0 ->
                    lock();
#ifndef M_FREE_PUBLISHED
                    d_step { owner[mine - 1] = n; hand(mine - 1, length[mine - 1], n) };
#endif
                    unlock();
                    ending[mine - 1] = 1;
                    free_run(mine - 1)
                fi
            fi;
            mine = 0;
            round++
        od;
        skip
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        round = 0; want = 0; u = 0; size = 0; first = 0; rest = 0; mine = 0; told = 0
    }
}

proctype Last()
{
    byte n = P + 1, u;
    bit told;

    gone[1] && gone[2];
    sweep();
    d_step {
        u = 0;
        do
        :: u < UNITS && state[u] == FREE -> u = u + length[u]
        :: u < UNITS && state[u] != FREE ->
            assert(owner[u] == 0 && whose[u] == P + 1 && !ending[u] && written[u]);
            u = u + length[u]
        :: else -> break
        od
    }
}

proctype Killer()
{
    byte k;

    do
    :: k == KILLS -> break
    :: atomic { k < KILLS && !killed[1] && !gone[1] -> killed[1] = 1; k++ }
    :: atomic { k < KILLS && !killed[2] && !gone[2] -> killed[2] = 1; k++ }
    :: k < KILLS -> k++ /* not that often */
    od
}

init {
    atomic {
        state[0] = FREE; length[0] = UNITS;
        run Process(1); run Process(2); run Last(); run Killer()
    }
}
