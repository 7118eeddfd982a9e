/* SPDX-License-Identifier: MIT
 *
 * Participants, for spin: shm/participant.c and the sweep of shm/heap.c. A process joins with
 * its first block, what it has not published is reclaimed when it is gone, and its line is
 * used again only after that.
 *
 *   Process   takes blocks, publishes or drops them, forks, sweeps; ends, or is killed
 *   Last      when all but one are over, sweeps once more and looks at what is left
 *   Killer    KILLS times: a process, whatever it is at, also while it sweeps
 *
 * Process 3 comes when process 1 is gone, with the same pid and another start time. The
 * heap's lock is one step here (lock.pml has its insides); a dead holder's successor has it.
 *
 * What must hold: what a sweep takes belonged to a dead process and was not published; in
 * the end nothing that belongs to a dead process is left, neither block nor line.
 *
 * The code: fw_participant_self(), join(), fw_participant_identity() and
 * fw_participant_gone() of participant.c; fw_os_page_wiped_on_fork() of os_linux_memory.c;
 * own() of owner.c; alloc_locked(), free_run(), sweep() and sweep_one() of heap.c.
 *
 * What run.sh does with it:
 *   holds  one_death         -DKILLS=1
 *   holds  sweeper_dies      -DKILLS=2 -DROUNDS=2
 *   caught M_LIVE_FIRST: a line is live before its identity is written
 *   caught M_LINES_LATE: a line is live before the count of lines reaches it
 *   caught M_FREE_FIRST: the sweep frees the line before its blocks
 *   caught M_NO_WIPE: a forked child goes on under its parent's line
 *   caught M_PID_ONLY: the start time does not count
 *   caught M_SLOW_IS_DEAD -DKILLS=0: who does not move is taken for dead
 *   caught M_SWEEP_UNLOCKED -DKILLS=2: the sweep does not take the lock
 *   caught M_NO_OWNER: a block is taken without an owner
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define P      3 /* processes: their identity is a number; 0 is nobody's */
#define LINES  3
#define BLOCKS 2

#define FREE 0
#define RUN  1

/* shared memory */
byte holder;                      /* of the lock */
byte number[LINES], since[LINES];    /* a line's identity */
bit  live[LINES];
byte lines;
byte state[BLOCKS], owner[BLOCKS]; /* line + 1; one word each: changed in one step */

/* what only the model knows */
bit  killed[P + 2], gone[P + 2], born[P + 1], done[P + 1];
byte whose[BLOCKS];               /* the process that took it; 0: published, or free */
bit  looked;

#define PID(n) ((n) == 3 -> 1 : (n))

/* The kernel's answer: is the process with that pid and start time gone? Nobody has pid 0.
 * Without a start time the pid alone must do. */
#define PID_GONE(l) \
    ((number[l] != 1 || (gone[1] && (!born[3] || gone[3]))) && (number[l] != 2 || gone[2]))
#ifdef M_SLOW_IS_DEAD
#define GONE(l) true
#else
#ifdef M_PID_ONLY
#define GONE(l) PID_GONE(l)
#else
#define GONE(l) (number[l] == 0 || (since[l] == 0 -> PID_GONE(l) : gone[since[l]]))
#endif
#endif

inline lock()
{
    atomic { (holder == 0 || gone[holder]) -> holder = n }
}

inline unlock()
{
    holder = 0
}

inline join()
{
    l = 0;
    do
    :: l < LINES && live[l] -> l++
    :: else -> break
    od;
    assert(l < LINES);
#ifdef M_LIVE_FIRST
    live[l] = 1;
#endif
    number[l] = PID(n);
    since[l] = n;
#ifdef M_LINES_LATE
    live[l] = 1;
#endif
    if
    :: lines < l + 1 -> lines = l + 1
    :: else
    fi;
    live[l] = 1;
    line = l + 1;
    l = 0
}

inline take()
{
    lock();
    if
    :: line == 0 -> join()
    :: else
    fi;
    atomic {
        b = 0;
        do
        :: b < BLOCKS && state[b] != FREE -> b++
        :: else -> break
        od;
        if
        :: b < BLOCKS ->
            state[b] = RUN; whose[b] = n; mine = b + 1;
#ifdef M_NO_OWNER
            owner[b] = 0
#else
            owner[b] = line
#endif
        :: else
        fi;
        b = 0
    };
    unlock()
}

inline publish()
{
    lock();
    d_step { owner[mine - 1] = 0; whose[mine - 1] = 0; mine = 0 };
    unlock()
}

/* It is ours until it is free. */
inline drop()
{
    lock();
    d_step {
        assert(state[mine - 1] == RUN && whose[mine - 1] == n);
        state[mine - 1] = FREE; owner[mine - 1] = 0; whose[mine - 1] = 0; mine = 0
    };
    unlock()
}

inline sweep_one()
{
#ifdef M_FREE_FIRST
    live[l] = 0;
#endif
    do
    :: b < BLOCKS ->
        d_step {
            if
            :: state[b] == RUN && owner[b] == l + 1 ->
                assert(whose[b] != 0 && gone[whose[b]]);
                state[b] = FREE; owner[b] = 0; whose[b] = 0
            :: else
            fi
        };
        b++
    :: else -> break
    od;
    b = 0;
    live[l] = 0
}

inline sweep()
{
#ifndef M_SWEEP_UNLOCKED
    lock();
#endif
    l = 0;
    do
    :: l < lines ->
        if
        :: live[l] && GONE(l) -> sweep_one()
        :: else
        fi;
        l++
    :: else -> break
    od;
    l = 0;
#ifndef M_SWEEP_UNLOCKED
    unlock()
#endif
}

proctype Process(byte n; byte line)
{
    byte round, l, b, mine;
    {
        do
        :: round == ROUNDS -> break
        :: else ->
            if
            :: mine == 0 -> take()
            :: mine != 0 -> publish()
            :: mine != 0 -> drop()
            :: sweep()
            :: atomic { n == 1 && !born[2] -> born[2] = 1;
#ifdef M_NO_WIPE
                        run Process(2, line)
#else
                        run Process(2, 0)
#endif
               }
            fi;
            round++
        od;
        done[n] = 1;
        if
        :: n == 3 -> (looked) /* alive when the last sweep comes */
        :: else
        fi
    } unless { killed[n] };
    d_step { gone[n] = 1; round = 0; l = 0; b = 0; mine = 0; line = 0 }
}

proctype Last()
{
    byte n = P + 1, l, b;

    gone[1] -> atomic { born[3] = 1; run Process(3, 0) };
    (gone[2] || !born[2]) && (gone[3] || done[3]);
    sweep();
    d_step {
        do
        :: l < LINES -> assert(!live[l] || (since[l] == 3 && !gone[3])); l++
        :: else -> break
        od;
        do
        :: b < BLOCKS -> assert(whose[b] == 0 || !gone[whose[b]]); b++
        :: else -> break
        od;
        looked = 1
    }
}

proctype Killer()
{
    byte n;

    do
    :: n == KILLS -> break
    :: atomic { n < KILLS && !killed[1] && !gone[1] -> killed[1] = 1; n++ }
    :: atomic { n < KILLS && !killed[2] && born[2] && !gone[2] -> killed[2] = 1; n++ }
    :: atomic { n < KILLS && !killed[3] && born[3] && !done[3] -> killed[3] = 1; n++ }
    :: n < KILLS -> n++ /* not that often */
    od
}

init {
    atomic { born[1] = 1; run Process(1, 0); run Last(); run Killer() }
}
