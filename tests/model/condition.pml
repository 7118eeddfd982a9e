/* SPDX-License-Identifier: MIT
 *
 * Conditions, for spin: shm/sync_condition.c, used as conditions are.
 *
 *   Waiter    takes the lock; while there is nothing he waits: takes a slot, gives the lock
 *             back, sleeps, takes the lock again, clears the slot; then he takes one thing
 *   Notifier  NOTIFIES times: takes the lock, brings one thing, notifies one who waits
 *   Killer    KILLS times: a waiter or the notifier, whatever it is at
 *
 * A slot is one word, changed in one step that compares: nobody's, or an owner's who waits or
 * is notified. To fall asleep on it is one step, unless it has changed. The lock is one step
 * (lock.pml); with LATE the deadline of the first waiter may pass at any time.
 *
 * What must hold: no more waits end than notifies were given; and nobody who lives waits on
 * while there is a thing for him (invalid end states), but for those of them who died with
 * the lock: a thing brought and not notified, a notify that is over and its thing not taken.
 * Without a death no tick is needed.
 *
 * The code: take_free(), take_slot(), notify(), take_over(), sleep_in(), lock_again() and
 * wait() of sync_condition.c; fw_participant_owner_gone() of participant.c.
 *
 * What run.sh does with it:
 *   holds  no_death    -DKILLS=0
 *   holds  one_death   -DKILLS=1 -DWAITERS=2
 *   holds  deadline    -DKILLS=1 -DWAITERS=2 -DLATE
 *   holds  two_deaths  -DKILLS=2 -DWAITERS=2
 *   long   three       -DKILLS=2 -DNOTIFIES=1
 *   caught M_NO_TICK: who sleeps, sleeps until he is woken
 *   caught M_SLOT_LATE -DKILLS=0: the slot is taken when the lock was given back
 *   caught M_NOTIFY_DIES: a dead one's notify is not taken over
 *   caught M_OVER_BLIND: it is taken over without comparing
 *   caught M_DEADLINE_BLIND -DLATE -DKILLS=0: who is late leaves without comparing
 *   caught M_NOT_PASSED_ON: who takes one over and was notified keeps both
 *   caught M_NO_WAKE -DKILLS=0: a notify wakes nobody
 *   caught M_CLEARED_FIRST: a notify is cleared before the lock is there again
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef NOTIFIES
#define NOTIFIES 2
#endif
#ifndef WAITERS
#define WAITERS 3
#endif
#define SLOTS    WAITERS
#define NOTIFIER (WAITERS + 1)
#define NONE     9

#define WAITING  1
#define NOTIFIED 2

/* shared memory */
byte holder;
byte things;                    /* what the lock guards */
byte owner[SLOTS], what[SLOTS]; /* a slot's word */

/* the kernel's: who sleeps there; 0: nobody */
byte sleeper[SLOTS];

/* what only the model knows */
bit  killed[NOTIFIER + 1], gone[NOTIFIER + 1];
bit  owes[NOTIFIER + 1];        /* he is between a thing and its notify */
byte given, woken, excused;

#define DEAD(who)  (gone[who] && killed[who])
#define LOST(s)    (what[s] == NOTIFIED && DEAD(owner[s]))
#ifdef M_NOTIFY_DIES
#define SOME_LOST false
#elif WAITERS > 2
#define SOME_LOST (LOST(0) || LOST(1) || LOST(2))
#else
#define SOME_LOST (LOST(0) || LOST(1))
#endif

inline lock()
{
    atomic { (holder == 0 || DEAD(holder)) -> holder = n }
}

inline unlock()
{
    holder = 0
}

/* One begins anywhere: any one who waits. */
inline notify(new)
{
    atomic {
        given = given + new; owes[n] = 0;
        if
        :: what[0] == WAITING -> what[0] = NOTIFIED; hit = 0
        :: what[1] == WAITING -> what[1] = NOTIFIED; hit = 1
#if WAITERS > 2
        :: what[2] == WAITING -> what[2] = NOTIFIED; hit = 2
#endif
        :: else -> hit = NONE
        fi
    };
#ifndef M_NO_WAKE
    if
    :: hit != NONE -> sleeper[hit] = 0
    :: else
    fi;
#endif
    hit = 0
}

/* A dead one's notify, or NONE. */
inline take_over()
{
    atomic {
        if
        :: LOST(0) -> other = 0; was = owner[0]
        :: LOST(1) -> other = 1; was = owner[1]
#if WAITERS > 2
        :: LOST(2) -> other = 2; was = owner[2]
#endif
        :: else -> other = NONE
        fi
    };
    if
    :: other != NONE ->
        atomic {
            if
#ifdef M_OVER_BLIND
            :: true -> owner[other] = n; what[other] = NOTIFIED
#else
            :: what[other] == NOTIFIED && owner[other] == was -> owner[other] = n
            :: else -> other = NONE
#endif
            fi;
            was = 0
        }
    :: else
    fi
}

inline take_slot()
{
    atomic {
        if
        :: owner[0] == 0 -> s = 0
        :: else ->
            if
            :: owner[1] == 0 -> s = 1
#if WAITERS > 2
            :: owner[1] != 0 && owner[2] == 0 -> s = 2
#endif
            fi
        fi;
        owner[s] = n; what[s] = WAITING
    }
}

/* At the end a notify is there in slot s, or the deadline has passed. */
inline sleep_in()
{
    do
    :: atomic { what[s] == WAITING && owner[s] == n && sleeper[s] != n -> sleeper[s] = n }
    :: sleeper[s] != n && what[s] != WAITING -> break /* woken, or notified before */
    :: atomic { sleeper[s] == n && what[s] == WAITING && gone[NOTIFIER] &&
                things <= excused && !SOME_LOST -> sleeper[s] = 0; owner[s] = 0; what[s] = 0 };
       goto over /* there will be nothing more */
#ifdef LATE
    :: n == 1 && sleeper[s] == n ->
        sleeper[s] = 0;
#ifdef M_DEADLINE_BLIND
        atomic { owner[s] = 0; what[s] = 0 };
        goto over
#else
        atomic {
            if
            :: what[s] == WAITING -> owner[s] = 0; what[s] = 0; goto over
            :: else
            fi
        }
#endif
#endif
#ifndef M_NO_TICK
#if KILLS > 0
    :: sleeper[s] == n && (SOME_LOST || what[s] != WAITING) ->
        sleeper[s] = 0;
        take_over();
        if
        :: other != NONE ->
            atomic {
                if
                :: what[s] == WAITING -> owner[s] = 0; what[s] = 0; s = other; other = NONE
                :: else /* notified as well: that one is somebody else's */
                fi
            };
            if
            :: other != NONE ->
#ifndef M_NOT_PASSED_ON
                notify(0);
#endif
                atomic { owner[other] = 0; what[other] = 0 }
            :: else
            fi;
            other = 0
        :: else -> other = 0
        fi
#endif
#endif
    od
}

proctype Waiter(byte n)
{
    byte s, other, was, hit;
    {
        lock();
again:
        if
        :: atomic { things > 0 -> things--; owes[n] = 0 }; unlock(); goto over
        :: things == 0
        fi;
#ifdef M_SLOT_LATE
        unlock();
        take_slot();
#else
        take_slot();
        unlock();
#endif
        sleep_in();
#ifdef M_CLEARED_FIRST
        atomic { woken++; owner[s] = 0; what[s] = 0 };
        lock();
        owes[n] = 1;
#else
        lock();
        atomic { woken++; owner[s] = 0; what[s] = 0; owes[n] = 1; assert(woken <= given) };
#endif
        atomic { s = 0; goto again };
over:
        skip
    } unless { killed[n] };
    d_step {
        gone[n] = 1;
        excused = excused + owes[n]; owes[n] = 0;
        s = 0; other = 0; was = 0; hit = 0
    }
}

proctype Notifier(byte n)
{
    byte k, hit;
    {
        do
        :: k == NOTIFIES -> break
        :: k < NOTIFIES ->
            lock();
            atomic { things++; owes[n] = 1 };
            notify(1);
            unlock();
            k++
        od;
        skip
    } unless { killed[n] };
    d_step { gone[n] = 1; excused = excused + owes[n]; owes[n] = 0; k = 0; hit = 0 }
}

proctype Killer()
{
    byte k;

    do
    :: k == KILLS -> break
    :: atomic { k < KILLS && !gone[1] -> killed[1] = 1; k++ }
    :: atomic { k < KILLS && !gone[2] -> killed[2] = 1; k++ }
    :: atomic { k < KILLS && !gone[NOTIFIER] -> killed[NOTIFIER] = 1; k++ }
    :: k < KILLS -> k++
    od
}

init {
    atomic {
        run Waiter(1); run Waiter(2);
#if WAITERS > 2
        run Waiter(3);
#endif
        run Notifier(NOTIFIER); run Killer()
    }
}
