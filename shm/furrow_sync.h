/* SPDX-License-Identifier: MIT
 *
 * furrow_sync.h - locks, semaphores, conditions, events and barriers that survive a death.
 *
 * The objects lie in the shared heap. A handle is the object's address and is good in every
 * process of the family and in all their threads: pass it as you pass an array. Whoever is
 * killed, at whatever instruction: nobody waits for him for ever, and nobody waits past a
 * deadline because of him. That somebody was killed is known at once by who waits for a
 * lock, and within 100 ms by who waits for anything else. A process that is stopped
 * (SIGSTOP, a debugger) is not dead: what it holds it keeps.
 *
 * What blocks takes one deadline, a point of CLOCK_MONOTONIC: 0 tries once,
 * FURROW_FOREVER, furrow_in(seconds). It returns FURROW_ETIME when that has passed.
 * Test for failure with < 0: FURROW_OWNERDIED is a success with something to tell.
 *
 * Every function fails with FURROW_EINVAL for what is no live object of its kind, and for
 * the NULL of a failed constructor, whose message stays. Constructors fail with
 * FURROW_EINVAL (an option), FURROW_ENOMEM, FURROW_EOS (no heap). An object lives until it
 * is freed or the family has ended. Freeing NULL is fine; freeing what another thread is
 * still inside a function of is the caller's mistake: its call has to have returned, or its
 * process has to be gone.
 */
#ifndef FURROW_SYNC_H
#define FURROW_SYNC_H

#include "furrow_shm.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* exported, when all else is hidden */

/* ---- locks --------------------------------------------------------------------------
 *
 * A lock is held by a thread of a process. When the holder dies (also a thread that ends with
 * the lock), the next one gets the lock with FURROW_OWNERDIED: it holds it, but what the
 * lock guards may be half changed. He puts that in order and says so with
 * furrow_lock_consistent(). If he unlocks without saying so, the lock is broken: everyone
 * who waits for it or comes later gets FURROW_EBROKEN at once, and nobody works with what
 * was left. If he dies, too, the next one is told in the same way. A lock that guards
 * nothing that could be torn is made with .automatic: its next holder is told, and need not
 * say anything.
 */
typedef struct furrow_lock furrow_lock;

typedef struct furrow_lock_options {
    int recursive; /* its holder may lock it again, and unlocks it as often */
    int automatic; /* after a death it is in order by itself */
} furrow_lock_options;

furrow_lock *furrow_lock_new_sized(const furrow_lock_options *options, size_t size);
inline furrow_lock *furrow_lock_new(const furrow_lock_options *options)
{
    return furrow_lock_new_sized(options, sizeof *options);
}

/* Returns 0; FURROW_OWNERDIED (held, see above); FURROW_ETIME; FURROW_EBROKEN (the one who
 * had it after a death has not put it in order). FURROW_EINVAL when this thread holds it
 * already, it is not recursive, and the deadline is not 0 (then FURROW_ETIME).
 * FURROW_ECORRUPT when a stray store has met it: noticed after three seconds. Blocks until
 * the deadline. */
int furrow_lock_lock(furrow_lock *lock, furrow_deadline deadline);

/* FURROW_EOWNER when it is not this thread that holds it: nothing has changed. Never blocks. */
int furrow_lock_unlock(furrow_lock *lock);

/* After FURROW_OWNERDIED: what the lock guards is in order. No effect without a death.
 * FURROW_EOWNER when it is not this thread that holds it. */
int furrow_lock_consistent(furrow_lock *lock);

/* 1 when somebody holds it, 0 when not (a dead holder's is free); negative: no lock. */
int furrow_lock_locked(const furrow_lock *lock);

/* How often this thread holds it: 0, 1, or more of a recursive one; negative: no lock. */
int furrow_lock_count(const furrow_lock *lock);

/* Who holds it: as it was a moment ago, unless it is this thread. */
typedef struct furrow_lock_info {
    long pid, tid;  /* process and thread; 0: nobody, or pid: not known */
    unsigned count; /* how often */
    int mine;       /* 1: this thread */
    int recursive;
    int broken; /* 1: whoever locks it gets FURROW_EBROKEN */
} furrow_lock_info;
int furrow_lock_describe(const furrow_lock *lock, furrow_lock_info *info);

/* FURROW_EBUSY, and it stays, while a living thread (also this one) holds it. */
int furrow_lock_free(furrow_lock *lock);

/* ---- semaphores ---------------------------------------------------------------------
 *
 * There are two kinds, for two purposes.
 *
 * With *owned* tokens (the default) a process has what it has acquired: a limit of how many
 * may do something at a time. What a dead process had comes back. Only a process that has a
 * token can release one, so there are never more than at the beginning (as with Python's
 * BoundedSemaphore).
 *
 * A *counting* one (.counting) is a number: anyone may raise it, and a token that a
 * process took and died with is gone. It signals: "three more are ready".
 */
typedef struct furrow_semaphore furrow_semaphore;

#define FURROW_SEMAPHORE_TOKENS 4096       /* of a semaphore with owned tokens */
#define FURROW_SEMAPHORE_MOST   2147483647 /* the value of a counting one */

typedef struct furrow_semaphore_options {
    int counting;  /* 1: anyone may release; 0: tokens have owners */
    unsigned most; /* of a counting one: its value goes no higher; 0: no such limit */
} furrow_semaphore_options;

/* With so many tokens to begin with: 1 to FURROW_SEMAPHORE_TOKENS owned ones, or a value of
 * 0 to .most. */
furrow_semaphore *furrow_semaphore_new_sized(unsigned value,
                                             const furrow_semaphore_options *options,
                                             size_t size);
inline furrow_semaphore *furrow_semaphore_new(unsigned value,
                                              const furrow_semaphore_options *options)
{
    return furrow_semaphore_new_sized(value, options, sizeof *options);
}

/* Take a token. Blocks until one is free or the deadline has passed: FURROW_ETIME. Owned:
 * FURROW_ENOMEM when more processes use the heap than it has room for. A token belongs to the
 * process, not to the thread. Killed in the middle: the token was taken or not; an owned one
 * comes back. */
int furrow_semaphore_acquire(furrow_semaphore *semaphore, furrow_deadline deadline);

/* Give a token back. Owned: FURROW_EOWNER when this process has none. Counting:
 * FURROW_EFULL at its most. Never blocks. */
int furrow_semaphore_release(furrow_semaphore *semaphore);

/* How many tokens are free now; negative: no semaphore. */
int furrow_semaphore_value(furrow_semaphore *semaphore);

/* Tokens that somebody has do not keep it. */
int furrow_semaphore_free(furrow_semaphore *semaphore);

/* ---- events -------------------------------------------------------------------------
 *
 * Something that has happened, until it is cleared.
 */
typedef struct furrow_event furrow_event;

furrow_event *furrow_event_new(void);

/* Set it: wakes everybody who waits, also when it is cleared before they have looked. Neither
 * blocks. */
int furrow_event_set(furrow_event *event);
int furrow_event_clear(furrow_event *event);
int furrow_event_is_set(const furrow_event *event); /* 1 or 0; negative: no event */

/* 0 when it is set or gets set meanwhile, or FURROW_ETIME. Blocks until the deadline. */
int furrow_event_wait(furrow_event *event, furrow_deadline deadline);

int furrow_event_free(furrow_event *event);

/* ---- conditions ---------------------------------------------------------------------
 *
 * Wait, with the lock given back meanwhile, until somebody says that something has changed.
 * A notify meets only those who wait already, and no more of them than it says. The notify
 * that would have woken a process that was killed meanwhile goes to another one who waits,
 * within 100 ms; so after a death a wait may also return without a notify of its own. Use
 * furrow_condition_wait_for(), or wait in a loop that looks at what has changed.
 */
typedef struct furrow_condition furrow_condition;

typedef struct furrow_condition_options {
    unsigned waiters; /* how many threads may wait at a time; 0: 256; at most 65536 */
} furrow_condition_options;

/* On this lock, which must live at least as long; NULL: on a recursive one of its own. */
furrow_condition *furrow_condition_new_sized(furrow_lock *lock,
                                             const furrow_condition_options *options,
                                             size_t size);
inline furrow_condition *furrow_condition_new(furrow_lock *lock,
                                              const furrow_condition_options *options)
{
    return furrow_condition_new_sized(lock, options, sizeof *options);
}

/* The lock that goes with it; lent. NULL with an error. */
furrow_lock *furrow_condition_get_lock(const furrow_condition *condition);

/* With the lock held (a recursive one: any number of times): give it back, sleep, take it
 * again as often as it was held. Returns 0 when notified; FURROW_OWNERDIED when the lock's
 * last holder has died (whether there was a notify or not: see furrow_lock_consistent());
 * FURROW_ETIME. After all of these the lock is held: the deadline is for the notify, the
 * lock is then waited for as long as the living hold it.
 * FURROW_EOWNER when this thread does not hold the lock, FURROW_EFULL when too many wait,
 * FURROW_ENOMEM when more processes use the heap than it has room for: nothing has changed.
 * FURROW_EBROKEN, FURROW_ECORRUPT: the lock cannot be had any more, and is not held. */
int furrow_condition_wait(furrow_condition *condition, furrow_deadline deadline);

/* Wait until `ready(arg)`, which is called with the lock held, is not 0. Returns as
 * furrow_condition_wait(), but 0 also when `ready` is so at the deadline; FURROW_OWNERDIED
 * without asking `ready`: what it would look at is to be put in order first. */
int furrow_condition_wait_for(furrow_condition *condition, int (*ready)(void *arg),
                              void *arg, furrow_deadline deadline);

/* Wake n of those who wait (fewer, when fewer wait), or all. FURROW_EOWNER when this thread
 * does not hold the lock; FURROW_EINVAL for n < 0. Never blocks. */
int furrow_condition_notify(furrow_condition *condition, int n);
int furrow_condition_notify_all(furrow_condition *condition);

/* Its own lock goes with it (FURROW_EBUSY while that is held). */
int furrow_condition_free(furrow_condition *condition);

/* ---- barriers -----------------------------------------------------------------------
 *
 * So many parties wait for each other. A party that is killed while it waits, that gives up
 * at its deadline, or whose action fails breaks the barrier: everybody who waits, and who
 * comes later, gets FURROW_EBROKEN, until somebody resets it. The death of a party that has
 * not come yet is noticed when its process has enrolled; of others only the deadline can
 * tell. More than 64 parties are looked after in turn, 64 in each 100 ms.
 */
typedef struct furrow_barrier furrow_barrier;

#define FURROW_BARRIER_PARTIES 4096

typedef struct furrow_barrier_options {
    /* Run by one party when all have come, before any goes on: 0, or it breaks the barrier.
     * Known by name: a party in another program loads the file that it lies in. If it
     * cannot, it gets FURROW_ENOTSUP, and the barrier is broken. An exception of C++ that
     * leaves it calls std::terminate(). */
    int (*action)(void *arg);
    void *arg;      /* for all parties: in the heap, unless all are threads or forks */
    double timeout; /* seconds, for waits with FURROW_FOREVER; 0: none */
} furrow_barrier_options;

/* For 1 to FURROW_BARRIER_PARTIES parties. FURROW_ENOTSUP for an action in memory that no
 * file backs. */
furrow_barrier *furrow_barrier_new_sized(unsigned parties,
                                         const furrow_barrier_options *options,
                                         size_t size);
inline furrow_barrier *furrow_barrier_new(unsigned parties,
                                          const furrow_barrier_options *options)
{
    return furrow_barrier_new_sized(parties, options, sizeof *options);
}

/* Wait until all parties have come. Blocks until then, or the deadline. Returns a number from
 * 0 to parties - 1, another one for each party, in the order in which they came;
 * FURROW_EBROKEN; FURROW_ETIME when it was this party's deadline that broke it;
 * FURROW_ENOTSUP (see .action); FURROW_ENOMEM when more processes use the heap than it has
 * room for. With a deadline of 0 only the last one to come passes; another breaks it.
 * Where more come than there are parties, one that is not run while they meet more than
 * twenty times is told FURROW_EBROKEN of a meeting that took place. */
int furrow_barrier_wait(furrow_barrier *barrier, furrow_deadline deadline);

/* Break it: who waits, and who comes before a reset, gets FURROW_EBROKEN. Never blocks. */
int furrow_barrier_abort(furrow_barrier *barrier);

/* Make it as new: who waits gets FURROW_EBROKEN, who comes later does not. Processes that
 * have enrolled and are dead are forgotten. */
int furrow_barrier_reset(furrow_barrier *barrier);

/* This process is a party: from now on its end, by whatever death and also a plain exit,
 * breaks the barrier for those who wait, or will wait, until it leaves. FURROW_EFULL when
 * all parties have enrolled; leaving without having enrolled is FURROW_EOWNER. */
int furrow_barrier_enrol(furrow_barrier *barrier);
int furrow_barrier_leave(furrow_barrier *barrier);

int furrow_barrier_broken(furrow_barrier *barrier);          /* 1 or 0 */
int furrow_barrier_n_waiting(const furrow_barrier *barrier); /* those who have come */
int furrow_barrier_parties(const furrow_barrier *barrier);   /* as it was made for */

int furrow_barrier_free(furrow_barrier *barrier);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
