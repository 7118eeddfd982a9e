/* SPDX-License-Identifier: MIT
 *
 * The end of queues, for spin: close and put, and how a join knows that all is done, of
 * shm/queue_put.c, queue_get.c and queue_join.c. The ring is as ring.pml has it: here it is
 * SLOTS positions, each used once.
 *
 *   Producer  claims a slot, puts; with LONE publishes and looks at `closed` behind that
 *   Consumer  gets, puts a task that comes from it, says that it is done; until he is told
 *             that no message will come
 *   Closer    closes
 *   Joiner    waits until all is done, once
 *
 * What must hold: what a producer was told is put is got; and when the join ends nothing that
 * was put is unfinished.
 *
 * The code: find_room(), claim(), put_in_place() of queue_put.c; find_message(), hold_task()
 * and get_in_place() of queue_get.c; all_done() of queue_join.c; fw_ring_used_up() and
 * fw_ring_ends_at() of ring.c; fw_tasks_hold(), fw_tasks_done() and fw_tasks_none() of task.c.
 *
 * What run.sh does with it:
 *   holds  two_producers -DP=2
 *   holds  lone          -DLONE
 *   holds  split         -DSPLIT
 *   caught M_NOT_BEHIND: a producer looks whether it is closed before he claims only
 *   caught M_NOT_WITHDRAWN -DLONE: a lone producer does not look behind the publication
 *   caught M_CLOSED_LATE: a consumer looks whether it is closed when he has found nothing
 *   caught M_CLAIMS_UNSEEN: a consumer does not wait for claims
 *   caught M_TASK_LATE -DSPLIT: the slot is free before the task is on its consumer's line
 *   caught M_LINES_FIRST -DSPLIT: a join looks at the lines before the slots
 *   caught M_JOIN_ONCE -DSPLIT: a join does not look at the end again
 */
#ifndef P
#define P 1
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#define SLOTS 4 /* the last one stays free */

#define FREE      0
#define CLAIMED   1
#define PUBLISHED 2
#define TAKEN     3
#define USED      4

/* shared memory */
bit  closed;
byte slot[SLOTS];
bit  tasks[SLOTS];            /* the message there makes another one */
byte held[CONSUMERS];         /* each consumer's line */

/* what only the model knows */
byte put, got, unfinished;
byte over;

inline claim_and_publish(more)
{
    k = 0;
    do
    :: atomic { slot[k] == FREE -> slot[k] = CLAIMED }; break
    :: atomic { slot[k] != FREE -> k++ }
    od;
    atomic {
#ifndef M_NOT_BEHIND
        if
        :: closed -> slot[k] = USED /* given up */
        :: else
        fi
#else
        skip
#endif
    };
    atomic {
        if
        :: slot[k] == CLAIMED ->
            slot[k] = PUBLISHED; tasks[k] = more; put++; unfinished++
        :: else
        fi
    }
}

proctype Producer()
{
    byte k;

    if
    :: closed -> goto out
    :: else
    fi;
#ifdef LONE
    k = 0;
    do
    :: atomic { slot[k] == FREE -> slot[k] = PUBLISHED; put++; unfinished++ }; break
    :: atomic { slot[k] != FREE -> k++ }
    od;
#ifndef M_NOT_WITHDRAWN
    if
    :: closed ->
        atomic {
            if
            :: slot[k] == PUBLISHED -> slot[k] = USED; put--; unfinished--
            :: else
            fi
        }
    :: else
    fi;
#endif
#elif defined(SPLIT)
    claim_and_publish(1);
#else
    claim_and_publish(0);
#endif
out:
    over++
}

proctype Consumer(byte n)
{
    byte k, at;
    bit was_closed, open, found, more;

again:
#ifndef M_CLOSED_LATE
    was_closed = closed;
#endif
    at = 0; open = 0; found = 0;
    do
    :: atomic { slot[at] == PUBLISHED -> slot[at] = TAKEN; more = tasks[at]; found = 1 };
       break
    :: atomic { slot[at] == USED -> at++ }
    :: atomic { slot[at] == CLAIMED || slot[at] == TAKEN -> open = 1; at++ }
    :: slot[at] == FREE -> break
    od;
#ifdef M_CLOSED_LATE
    was_closed = closed;
#endif
#ifdef M_CLAIMS_UNSEEN
    open = 0;
#endif
    if
    :: found
    :: !found && was_closed && !open -> goto out
    :: else -> goto again
    fi;
#ifdef M_TASK_LATE
    slot[at] = USED;
    held[n]++;
#else
    held[n]++;
    slot[at] = USED;
#endif
    if
    :: more -> claim_and_publish(0)
    :: else
    fi;
    atomic { got++; unfinished--; held[n]-- };
    goto again;
out:
    over++
}

proctype Closer()
{
    closed = 1
}

proctype Joiner()
{
    byte at;
    bit none;

again:
    at = 0;
#ifdef M_LINES_FIRST
    none = held[0] == 0 && held[CONSUMERS - 1] == 0;
#endif
    do
    :: atomic { slot[at] == USED -> at++ }
    :: slot[at] == FREE -> break
    :: atomic { slot[at] != FREE && slot[at] != USED -> goto again }
    od;
#ifndef M_LINES_FIRST
    if
    :: held[0] == 0
    :: held[0] != 0 -> goto again
    fi;
    none = held[CONSUMERS - 1] == 0;
#endif
    if
    :: none
    :: !none -> goto again
    fi;
    atomic {
        if
#ifndef M_JOIN_ONCE
        :: slot[at] != FREE -> goto again
#endif
        :: else -> assert(unfinished == 0)
        fi
    }
}

proctype Last()
{
    over == P + CONSUMERS;
    assert(put == got && unfinished == 0)
}

init {
    atomic {
        run Producer(); run Consumer(0); run Closer(); run Joiner(); run Last();
#if P == 2
        run Producer();
#endif
#if CONSUMERS == 2
        run Consumer(1);
#endif
    }
}
