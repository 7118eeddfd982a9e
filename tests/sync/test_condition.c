/* SPDX-License-Identifier: MIT
 *
 * furrow_condition: a notify wakes as many as it says, of those who wait, and a death takes
 * no notify with it.
 */
#include "shared.h"

typedef struct stage {
    furrow_condition *condition;
    furrow_lock *lock;
    _Atomic int sleeping, woken, timed_out, signalled;
    _Atomic int value; /* under the lock */
    int depth;
    double timeout;
    pid_t parent;
} stage;

static stage *s;

static void make(furrow_lock *lock, const furrow_condition_options *options)
{
    s->condition = furrow_condition_new(lock, options);
    cr_assert_not_null(s->condition);
    s->lock = furrow_condition_get_lock(s->condition);
    cr_assert_not_null(s->lock);
}

static void set_up(void)
{
    s = shared_new(sizeof *s);
    make(NULL, NULL);
}

TestSuite(condition, .init = set_up);

static void lock(void)
{
    cr_assert_eq(furrow_lock_lock(s->lock, furrow_in(10)), 0);
}

static void unlock(void)
{
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
}

static void notify(int n)
{
    lock();
    cr_assert_eq(furrow_condition_notify(s->condition, n), 0);
    unlock();
}

static void notify_all(void)
{
    lock();
    cr_assert_eq(furrow_condition_notify_all(s->condition), 0);
    unlock();
}

/* One who sleeps until he is notified, or for a while. */
static int sleeper(void *shared)
{
    stage *of = shared;
    int rc;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) >= 0);
    of->sleeping++;
    rc = furrow_condition_wait(of->condition, of->timeout > 0 ? furrow_in(of->timeout)
                                                              : furrow_in(15));
    child_want(rc == (of->timeout > 0 ? FURROW_ETIME : 0));
    of->woken++;
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

enum { SLEEPERS = 6 };

/* When the lock can be had, they have given it back: all wait. */
static void put_to_sleep(peer *p, int n)
{
    for (int i = 0; i < n; i++)
        cr_assert_eq(peer_start(&p[i], sleeper, s), 0);
    cr_assert(shared_reaches(&s->sleeping, n));
    lock();
    unlock();
}

/* So many are awake, and no more a while later. */
static void awake(int n)
{
    cr_assert(shared_reaches(&s->woken, n));
    shared_nap(0.13);
    cr_assert_eq(s->woken, n);
}

static void all_end(peer *p, int n)
{
    for (int i = 0; i < n; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
}

/* CPython: _TestCondition.test_notify */
Test(condition, a_notify_wakes_one)
{
    peer p[2];

    put_to_sleep(p, 2);
    awake(0);
    notify(1);
    awake(1);
    notify(1);
    awake(2);
    all_end(p, 2);
}

/* CPython: _TestCondition.test_notify_all */
Test(condition, notify_all_wakes_all)
{
    peer p[SLEEPERS];

    put_to_sleep(p, SLEEPERS);
    awake(0);
    notify_all();
    awake(SLEEPERS);
    all_end(p, SLEEPERS);
}

/* CPython: _TestCondition.test_notify_all */
Test(condition, all_time_out_and_wait_again)
{
    peer p[SLEEPERS];

    s->timeout = 0.1;
    put_to_sleep(p, SLEEPERS);
    all_end(p, SLEEPERS);
    cr_assert_eq(s->woken, SLEEPERS);
    s->timeout = 0;
    s->sleeping = s->woken = 0;
    put_to_sleep(p, SLEEPERS);
    notify_all();
    all_end(p, SLEEPERS);
    cr_assert_eq(s->woken, SLEEPERS);
}

/* CPython: _TestCondition.test_notify_n */
Test(condition, a_notify_wakes_as_many_as_it_says)
{
    peer p[SLEEPERS];

    put_to_sleep(p, SLEEPERS);
    notify(2);
    awake(2);
    notify(0);
    awake(2);
    notify(4);
    awake(SLEEPERS);
    notify(3);
    all_end(p, SLEEPERS);
}

/* CPython: _TestCondition.test_notify_n */
Test(condition, a_notify_is_not_kept_for_those_who_come_later)
{
    notify(3);
    lock();
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(0.15)), FURROW_ETIME);
    unlock();
}

/* CPython: _TestCondition.test_timeout */
Test(condition, a_wait_lasts_until_its_deadline)
{
    int64_t then = fw_os_now();

    lock();
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(0.15)), FURROW_ETIME);
    cr_assert(shared_since(then) >= 0.15 && shared_since(then) < 5);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    unlock();
}

/* CPython: _TestCondition.test_wait_result */
Test(condition, a_wait_of_no_time_is_over_at_once)
{
    int64_t then = fw_os_now();

    lock();
    cr_assert_eq(furrow_condition_wait(s->condition, 0), FURROW_ETIME);
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(-3)), FURROW_ETIME);
    cr_assert(shared_since(then) < 5);
    unlock();
}

static stage *signalled;

static void tell_of_a_signal(int number)
{
    (void)number;
    signalled->signalled = 1;
}

static int send_a_signal_then_notify(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0); /* he waits */
    child_want(furrow_lock_unlock(of->lock) == 0);
    kill(of->parent, SIGINT);
    child_want(shared_reaches(&of->signalled, 1));
    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    child_want(furrow_condition_notify(of->condition, 1) == 0);
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

/* CPython: _TestCondition.test_wait_result */
Test(condition, a_signal_is_handled_while_one_waits)
{
    struct sigaction action = {.sa_handler = tell_of_a_signal};
    peer p;

    signalled = s;
    s->parent = getpid();
    sigaction(SIGINT, &action, NULL);
    lock();
    cr_assert_eq(peer_start(&p, send_a_signal_then_notify, s), 0);
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(10)), 0);
    cr_assert_eq(s->signalled, 1);
    unlock();
    cr_assert_eq(peer_join(&p), 0);
}

/* ---- wait_for -----------------------------------------------------------------------*/

static int is_zero(void *shared)
{
    return ((stage *)shared)->value == 0;
}

static int is_four(void *shared)
{
    return ((stage *)shared)->value == 4;
}

static int wait_for_four(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    of->value = 0;
    child_want(furrow_condition_notify(of->condition, 1) == 0);
    child_want(furrow_condition_wait_for(of->condition, is_four, of, furrow_in(10)) ==
               0);
    child_want(of->value == 4);
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

/* CPython: _TestCondition.test_waitfor, TestSyncManagerTypes.test_condition */
Test(condition, is_waited_for_until_it_is_so)
{
    peer p;

    s->value = -1;
    lock();
    cr_assert_eq(peer_start(&p, wait_for_four, s), 0);
    cr_assert_eq(furrow_condition_wait_for(s->condition, is_zero, s, furrow_in(10)), 0);
    cr_assert_eq(s->value, 0);
    unlock();
    for (int i = 0; i < 4; i++) {
        shared_nap(0.005);
        lock();
        s->value++;
        cr_assert_eq(furrow_condition_notify(s->condition, 1), 0);
        unlock();
    }
    cr_assert_eq(peer_join(&p), 0);
}

static int wait_for_four_in_vain(void *shared)
{
    stage *of = shared;
    int64_t then;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    of->sleeping = 1;
    then = fw_os_now();
    child_want(furrow_condition_wait_for(of->condition, is_four, of, furrow_in(0.15)) ==
               FURROW_ETIME);
    child_want(shared_since(then) >= 0.15);
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

/* CPython: _TestCondition.test_waitfor_timeout */
Test(condition, is_waited_for_until_the_deadline)
{
    peer p;

    cr_assert_eq(peer_start(&p, wait_for_four_in_vain, s), 0);
    cr_assert(shared_reaches(&s->sleeping, 1));
    for (int i = 0; i < 3; i++) {
        shared_nap(0.005);
        lock();
        s->value++;
        cr_assert_eq(furrow_condition_notify(s->condition, 1), 0);
        unlock();
    }
    cr_assert_eq(peer_join(&p), 0);
}

Test(condition, what_is_so_is_not_waited_for)
{
    lock();
    cr_assert_eq(furrow_condition_wait_for(s->condition, is_zero, s, 0), 0);
    cr_assert_eq(furrow_condition_wait_for(s->condition, is_four, s, 0), FURROW_ETIME);
    cr_assert_eq(furrow_condition_wait_for(s->condition, NULL, s, 0), FURROW_EINVAL);
    unlock();
    cr_assert_eq(furrow_condition_wait_for(s->condition, is_zero, s, 0), FURROW_EOWNER);
}

/* ---- its lock -----------------------------------------------------------------------*/

Test(condition, needs_its_lock)
{
    cr_assert_eq(furrow_condition_wait(s->condition, 0), FURROW_EOWNER);
    cr_assert_eq(furrow_condition_notify(s->condition, 1), FURROW_EOWNER);
    cr_assert_eq(furrow_condition_notify_all(s->condition), FURROW_EOWNER);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_condition_notify_all");
    lock();
    cr_assert_eq(furrow_condition_notify(s->condition, -1), FURROW_EINVAL);
}

static int notify_it(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    child_want(furrow_condition_notify(of->condition, 1) == 0);
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

Test(condition, a_lock_held_three_times_is_given_back_and_held_three_times_again)
{
    peer p;

    for (int i = 0; i < 3; i++)
        lock();
    cr_assert_eq(peer_start(&p, notify_it, s), 0);
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(10)), 0);
    cr_assert_eq(furrow_lock_count(s->lock), 3);
    cr_assert_eq(furrow_condition_wait(s->condition, 0), FURROW_ETIME);
    cr_assert_eq(furrow_lock_count(s->lock), 3);
    for (int i = 0; i < 3; i++)
        unlock();
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
    cr_assert_eq(peer_join(&p), 0);
}

Test(condition, works_on_a_lock_that_it_is_given)
{
    furrow_lock *given = furrow_lock_new(NULL);
    peer p;

    make(given, NULL);
    cr_assert_eq(s->lock, given);
    lock();
    cr_assert_eq(peer_start(&p, notify_it, s), 0);
    cr_assert_eq(furrow_condition_wait(s->condition, furrow_in(10)), 0);
    unlock();
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_condition_free(s->condition), 0);
    cr_assert_eq(furrow_lock_lock(given, 0), 0);
}

Test(condition, too_many_waiters_are_refused_and_keep_the_lock)
{
    peer p[2];

    make(NULL, &(furrow_condition_options){.waiters = 2});
    put_to_sleep(p, 2);
    lock();
    cr_assert_eq(furrow_condition_wait(s->condition, FURROW_FOREVER), FURROW_EFULL);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    cr_assert_eq(furrow_condition_notify_all(s->condition), 0);
    unlock();
    all_end(p, 2);
}

/* ---- death --------------------------------------------------------------------------*/

static int sleep_until_killed(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) >= 0);
    of->sleeping++;
    return furrow_condition_wait(of->condition, FURROW_FOREVER);
}

static pid_t doomed_sleeper(void)
{
    int before = s->sleeping;
    pid_t pid = child_start(sleep_until_killed, s);

    cr_assert(shared_reaches(&s->sleeping, before + 1));
    lock();
    unlock();
    return pid;
}

/* Python's notifier waits for a sleeper who was killed, for ever. */
Test(condition, a_notify_does_not_wait_for_a_killed_sleeper)
{
    int64_t then;

    shared_kill(doomed_sleeper());
    then = fw_os_now();
    notify(1);
    notify_all();
    cr_assert(shared_since(then) < 5);
}

Test(condition, a_notify_that_a_dead_one_had_goes_to_another)
{
    pid_t pid[3];
    peer p;

    for (int i = 0; i < 3; i++)
        pid[i] = doomed_sleeper();
    s->sleeping = 0;
    put_to_sleep(&p, 1);
    for (int i = 0; i < 3; i++)
        shared_kill(pid[i]);
    for (int i = 0; i < 4 && !s->woken; i++)
        notify(1);
    cr_assert_eq(peer_join(&p), 0);
}

Test(condition, one_killed_between_his_notify_and_the_lock_passes_it_on)
{
    pid_t pid = doomed_sleeper();
    peer p;

    s->sleeping = 0;
    put_to_sleep(&p, 1);
    lock();
    kill(pid, SIGSTOP);
    cr_assert_eq(furrow_condition_notify(s->condition, 1),
                 0); /* his, in the first slot */
    kill(pid, SIGKILL);
    unlock();
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(peer_join(&p), 0);
}

/* A signal cuts each sleep short: the look for the dead comes all the same. */
Test(condition, a_dead_ones_notify_reaches_one_whom_signals_wake)
{
    pid_t pid = doomed_sleeper();
    int rc;

    lock();
    kill(pid, SIGSTOP);
    cr_assert_eq(furrow_condition_notify(s->condition, 1), 0);
    unlock();
    shared_kill(pid);
    lock();
    shared_alarms(0.02);
    rc = furrow_condition_wait(s->condition, furrow_in(5));
    shared_alarms(0);
    cr_assert_eq(rc, 0);
    unlock();
}

Test(condition, the_dead_take_no_room)
{
    peer p;

    make(NULL, &(furrow_condition_options){.waiters = 1});
    for (int i = 0; i < 3; i++)
        shared_kill(doomed_sleeper());
    s->sleeping = 0;
    put_to_sleep(&p, 1);
    notify(1);
    all_end(&p, 1);
}

/* Who comes and finds every slot taken sets those of the dead free. Both sleepers are
 * stopped, so that nobody takes the notify over before. */
Test(condition, who_takes_a_dead_ones_slot_passes_his_notify_on)
{
    pid_t doomed, other;

    make(NULL, &(furrow_condition_options){.waiters = 2});
    doomed = doomed_sleeper();
    other = child_start(sleeper, s);
    cr_assert(shared_reaches(&s->sleeping, 2));
    lock();
    kill(doomed, SIGSTOP);
    kill(other, SIGSTOP);
    cr_assert_eq(furrow_condition_notify(s->condition, 1), 0); /* the doomed one's */
    shared_kill(doomed);
    cr_assert_eq(furrow_condition_wait(s->condition, 0), FURROW_ETIME);
    unlock();
    kill(other, SIGCONT);
    cr_assert_eq(child_wait(other), 0);
}

static int take_the_lock_and_die(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    child_want(furrow_condition_notify(of->condition, 1) == 0);
    return raise(SIGKILL);
}

Test(condition, tells_that_the_locks_last_holder_died)
{
    pid_t pid;

    for (int i = 0; i < 2; i++)
        lock();
    pid = child_start(take_the_lock_and_die, s);
    cr_assert_eq(furrow_condition_wait(s->condition, FURROW_FOREVER), FURROW_OWNERDIED);
    cr_assert_eq(furrow_lock_count(s->lock), 2);
    cr_assert_eq(furrow_lock_consistent(s->lock), 0);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    pid = child_start(take_the_lock_and_die, s);
    cr_assert_eq(furrow_condition_wait_for(s->condition, is_four, s, FURROW_FOREVER),
                 FURROW_OWNERDIED);
    cr_assert_eq(furrow_lock_consistent(s->lock), 0);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    for (int i = 0; i < 2; i++)
        unlock();
}

/* ---- handles ------------------------------------------------------------------------*/

Test(condition, is_freed_with_its_own_lock)
{
    furrow_heap_info before, after;

    cr_assert_eq(furrow_heap_describe(&before), 0);
    for (int i = 0; i < 100; i++) {
        furrow_condition *c = furrow_condition_new(NULL, NULL);

        cr_assert_not_null(c);
        cr_assert_eq(furrow_condition_free(c), 0);
        cr_assert_eq(furrow_condition_free(c), FURROW_EINVAL);
    }
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert_eq(before.blocks, after.blocks);
    lock();
    cr_assert_eq(furrow_condition_free(s->condition), FURROW_EBUSY);
    cr_assert_eq(furrow_condition_free(NULL), 0);
}

Test(condition, what_makes_no_sense_is_refused)
{
    furrow_lock *l = furrow_lock_new(NULL);

    cr_assert_null(
        furrow_condition_new(NULL, &(furrow_condition_options){.waiters = 65537}));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_condition_new");
    make(l, NULL);
    cr_assert_eq(furrow_lock_free(l), 0);
    cr_assert_eq(furrow_condition_notify(s->condition, 1), FURROW_EINVAL);
    cr_assert_null(furrow_condition_get_lock(s->condition));
    cr_assert_null(furrow_condition_new(l, NULL));
    cr_assert_eq(furrow_condition_free(s->condition), 0);
}
