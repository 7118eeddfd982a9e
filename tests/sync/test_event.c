/* SPDX-License-Identifier: MIT
 *
 * furrow_event: set, cleared, waited for, by peers that may die.
 */
#include "shared.h"

typedef struct stage {
    furrow_event *event;
    _Atomic int at, woken;
    double seconds;
} stage;

static stage *s;

static void set_up(void)
{
    s = shared_new(sizeof *s);
    s->event = furrow_event_new();
    cr_assert_not_null(s->event);
}

TestSuite(event, .init = set_up);

/* CPython: _TestEvent.test_event */
Test(event, is_not_set_at_first)
{
    cr_assert_eq(furrow_event_is_set(s->event), 0);
    cr_assert_eq(furrow_event_wait(s->event, 0), FURROW_ETIME);
}

/* CPython: _TestEvent.test_event */
Test(event, a_wait_for_one_that_is_not_set_lasts_as_long_as_it_may)
{
    int64_t then = fw_os_now();

    cr_assert_eq(furrow_event_wait(s->event, furrow_in(0.15)), FURROW_ETIME);
    cr_assert(shared_since(then) >= 0.15 && shared_since(then) < 5);
}

/* CPython: _TestEvent.test_event */
Test(event, nobody_waits_for_one_that_is_set)
{
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 1);
    cr_assert_eq(furrow_event_wait(s->event, 0), 0);
    cr_assert_eq(furrow_event_wait(s->event, furrow_in(5)), 0);
    cr_assert_eq(furrow_event_wait(s->event, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 1);
}

/* CPython: _TestEvent.test_event */
Test(event, is_cleared)
{
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_clear(s->event), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 0);
    cr_assert_eq(furrow_event_clear(s->event), 0);
    cr_assert_eq(furrow_event_wait(s->event, 0), FURROW_ETIME);
}

static int set_a_little_later(void *shared)
{
    stage *of = shared;

    shared_nap(0.05);
    child_want(furrow_event_set(of->event) == 0);
    return 0;
}

/* CPython: _TestEvent.test_event */
Test(event, is_set_by_another)
{
    peer p;

    cr_assert_eq(peer_start(&p, set_a_little_later, s), 0);
    cr_assert_eq(furrow_event_wait(s->event, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 1);
    cr_assert_eq(peer_join(&p), 0);
}

/* CPython: _TestEvent.test_repr */
Test(event, tells_whether_it_is_set)
{
    cr_assert_eq(furrow_event_is_set(s->event), 0);
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 1);
    cr_assert_eq(furrow_event_clear(s->event), 0);
    cr_assert_eq(furrow_event_is_set(s->event), 0);
}

static int wait_for_it(void *shared)
{
    stage *of = shared;

    of->at++;
    child_want(furrow_event_wait(of->event, furrow_in(10)) == 0);
    of->woken++;
    return 0;
}

enum { WAITERS = 5 };

static void waiters(peer *p)
{
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_start(&p[i], wait_for_it, s), 0);
    cr_assert(shared_reaches(&s->at, WAITERS));
    shared_nap(0.03);
    cr_assert_eq(s->woken, 0);
}

/* CPython: TestSyncManagerTypes.test_event */
Test(event, wakes_all_who_wait)
{
    peer p[WAITERS];

    waiters(p);
    cr_assert_eq(furrow_event_set(s->event), 0);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(s->woken, WAITERS);
}

Test(event, wakes_all_even_when_it_is_cleared_at_once)
{
    peer p[WAITERS];

    waiters(p);
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_clear(s->event), 0);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
}

Test(event, one_who_was_stopped_meanwhile_is_woken_by_what_is_over)
{
    pid_t pid = child_start(wait_for_it, s);

    cr_assert(shared_reaches(&s->at, 1));
    shared_nap(0.03);
    kill(pid, SIGSTOP);
    shared_nap(0.01);
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(furrow_event_clear(s->event), 0);
    kill(pid, SIGCONT);
    cr_assert_eq(child_wait(pid), 0);
}

static int wait_for_ever(void *shared)
{
    stage *of = shared;

    of->at++;
    return furrow_event_wait(of->event, FURROW_FOREVER);
}

Test(event, a_killed_waiter_holds_nobody_up)
{
    peer p;
    pid_t pid = child_start(wait_for_ever, s);

    cr_assert_eq(peer_start(&p, wait_for_it, s), 0);
    cr_assert(shared_reaches(&s->at, 2));
    shared_nap(0.02);
    shared_kill(pid);
    cr_assert_eq(furrow_event_set(s->event), 0);
    cr_assert_eq(peer_join(&p), 0);
}

Test(event, a_freed_one_is_refused)
{
    cr_assert_eq(furrow_event_free(s->event), 0);
    cr_assert_eq(furrow_event_set(s->event), FURROW_EINVAL);
    cr_assert_eq(furrow_event_clear(s->event), FURROW_EINVAL);
    cr_assert_eq(furrow_event_is_set(s->event), FURROW_EINVAL);
    cr_assert_eq(furrow_event_wait(s->event, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_event_free(s->event), FURROW_EINVAL);
    cr_assert_eq(furrow_event_free(NULL), 0);
    furrow_error_clear();
    cr_assert_eq(furrow_event_set(NULL), FURROW_EINVAL);
}

Test(event, a_lock_is_no_event)
{
    union {
        furrow_lock *lock;
        furrow_event *event;
    } handle = {.lock = furrow_lock_new(NULL)};

    cr_assert_not_null(handle.lock);
    cr_assert_eq(furrow_event_set(handle.event), FURROW_EINVAL);
}
