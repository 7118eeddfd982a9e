/* SPDX-License-Identifier: MIT
 *
 * furrow_barrier: parties go on together or not at all.
 */
#include "participant.h"
#include "shared.h"
#include "sync_barrier.h"

enum { PARTIES = 5, PASSES = 10 };

typedef struct stage {
    furrow_barrier *barrier, *second;
    _Atomic int came[2], results, broke, late, number[PARTIES], acted, sum;
    _Atomic int n_wrong, resets, passed;
    int passes, fails;
    double timeout, nap;
} stage;

static stage *s;

static void set_up(void)
{
    s = shared_new(sizeof *s);
    s->barrier = furrow_barrier_new(PARTIES, NULL);
    cr_assert_not_null(s->barrier);
    s->passes = 1;
}

TestSuite(barrier, .init = set_up);

static furrow_deadline in_time(void)
{
    return furrow_in(15);
}

/* run() by PARTIES - 1 peers, and by the test. */
static void all_run(int (*run)(void *shared))
{
    peer p[PARTIES - 1];

    for (int i = 0; i < PARTIES - 1; i++)
        cr_assert_eq(peer_start(&p[i], run, s), 0);
    cr_assert_eq(run(s), 0);
    for (int i = 0; i < PARTIES - 1; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
}

/* ---- passing ------------------------------------------------------------------------*/

/* Nobody is ahead of another by more than the barrier allows. */
static int in_step(void *shared)
{
    stage *of = shared;

    for (int i = 0; i < of->passes; i++)
        for (int k = 0; k < 2; k++) {
            of->came[k]++;
            child_want(furrow_barrier_wait(of->barrier, in_time()) >= 0);
            child_want(of->came[k] >= (i + 1) * PARTIES);
            child_want(of->came[k] < (i + 2) * PARTIES);
        }
    return 0;
}

static void goes_in_step(int passes)
{
    s->passes = passes;
    all_run(in_step);
    cr_assert_eq(s->came[0], passes * PARTIES);
    cr_assert_eq(s->came[1], passes * PARTIES);
    cr_assert_eq(furrow_barrier_n_waiting(s->barrier), 0);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 0);
}

/* CPython: _TestBarrier.test_barrier, TestSyncManagerTypes.test_barrier */
Test(barrier, is_passed_in_step)
{
    goes_in_step(1);
}

/* CPython: _TestBarrier.test_barrier_10 */
Test(barrier, is_passed_ten_times_in_step)
{
    goes_in_step(PASSES);
}

static int take_a_number(void *shared)
{
    stage *of = shared;
    int n = furrow_barrier_wait(of->barrier, in_time());

    child_want(n >= 0 && n < PARTIES);
    of->number[n]++;
    return 0;
}

/* CPython: _TestBarrier.test_wait_return */
Test(barrier, each_party_has_a_number_of_its_own)
{
    all_run(take_a_number);
    for (int i = 0; i < PARTIES; i++)
        cr_assert_eq(s->number[i], 1);
}

static int act(void *arg)
{
    stage *of = arg;

    of->acted++;
    return of->fails;
}

static void with_action(void)
{
    s->barrier =
        furrow_barrier_new(PARTIES, &(furrow_barrier_options){.action = act, .arg = s});
    cr_assert_not_null(s->barrier);
}

static int see_the_action(void *shared)
{
    stage *of = shared;

    for (int i = 1; i <= of->passes; i++) {
        child_want(furrow_barrier_wait(of->barrier, in_time()) >= 0);
        child_want(of->acted >= i);
    }
    return 0;
}

/* CPython: _TestBarrier.test_action */
Test(barrier, one_runs_the_action_before_all_go_on)
{
    with_action();
    s->passes = 3;
    all_run(see_the_action);
    cr_assert_eq(s->acted, 3);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 0);
}

static int be_told(void *shared)
{
    stage *of = shared;

    child_want(furrow_barrier_wait(of->barrier, in_time()) == FURROW_EBROKEN);
    child_want(furrow_barrier_broken(of->barrier) == 1);
    return 0;
}

Test(barrier, an_action_that_fails_breaks_it_for_all)
{
    with_action();
    s->fails = 7;
    all_run(be_told);
    cr_assert_eq(s->acted, 1);
    s->fails = 0;
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    all_run(see_the_action);
}

/* As in a program that has another build of it. */
Test(barrier, an_action_that_cannot_be_found_breaks_it)
{
    furrow_barrier_options o = {.action = act, .arg = s};

    s->barrier = furrow_barrier_new(1, &o);
    cr_assert_not_null(s->barrier);
    s->barrier->entry->id[0] ^= 1;
    cr_assert_eq(furrow_barrier_wait(s->barrier, FURROW_FOREVER), FURROW_ENOTSUP);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
    s->barrier->entry->id[0] ^= 1;
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    cr_assert_eq(furrow_barrier_wait(s->barrier, FURROW_FOREVER), 0);
    cr_assert_eq(s->acted, 1);
}

Test(barrier, an_action_that_has_no_name_is_refused)
{
    furrow_barrier_options o = {.action = act};
    furrow_heap_info before, after;

    memcpy(&o.action, &s, sizeof s); /* not code, and in no file */
    cr_assert_eq(furrow_heap_describe(&before), 0);
    cr_assert_null(furrow_barrier_new(1, &o));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOTSUP);
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert_eq(before.blocks, after.blocks);
}

static int abort_in_action(void *arg)
{
    return furrow_barrier_abort(((stage *)arg)->barrier);
}

Test(barrier, an_action_may_abort_it)
{
    s->barrier = furrow_barrier_new(
        PARTIES, &(furrow_barrier_options){.action = abort_in_action, .arg = s});
    all_run(be_told);
}

/* CPython: _TestBarrier.test_single_thread */
Test(barrier, one_party_alone_passes)
{
    furrow_barrier *b = furrow_barrier_new(1, NULL);

    for (int i = 0; i < 100; i++)
        cr_assert_eq(furrow_barrier_wait(b, 0), 0);
    cr_assert_eq(furrow_barrier_parties(b), 1);
    cr_assert_eq(furrow_barrier_free(b), 0);
}

/* Each party notes the passes in order; nobody is more than one ahead. */
static int pass_often(void *shared)
{
    stage *of = shared;

    for (int i = 0; i < of->passes; i++) {
        child_want(furrow_barrier_wait(of->barrier, in_time()) >= 0);
        child_want(of->sum >= i * PARTIES && of->sum < (i + 1) * PARTIES);
        of->sum++;
        child_want(furrow_barrier_wait(of->second, in_time()) >= 0);
    }
    return 0;
}

/* CPython: _TestBarrier.test_thousand */
Test(barrier, is_passed_a_thousand_times)
{
    s->second = furrow_barrier_new(PARTIES, NULL);
    s->passes = 1000;
    all_run(pass_often);
    cr_assert_eq(s->sum, 1000 * PARTIES);
}

/* ---- abort and reset ----------------------------------------------------------------*/

/* The third to come aborts instead of waiting. */
static int third_aborts(void *shared)
{
    stage *of = shared;
    int rc;

    if (of->came[0]++ == PARTIES / 2) {
        child_want(furrow_barrier_abort(of->barrier) == 0);
        return 0;
    }
    rc = furrow_barrier_wait(of->barrier, in_time());
    child_want(rc == FURROW_EBROKEN);
    of->broke++;
    return 0;
}

/* CPython: _TestBarrier.test_abort */
Test(barrier, an_abort_breaks_it_for_all)
{
    all_run(third_aborts);
    cr_assert_eq(s->broke, PARTIES - 1);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
    cr_assert_eq(furrow_barrier_wait(s->barrier, FURROW_FOREVER), FURROW_EBROKEN);
    cr_assert_eq(furrow_barrier_n_waiting(s->barrier), 0);
}

/* The third waits until the others wait, resets, and all meet afterwards. */
static int third_resets(void *shared)
{
    stage *of = shared;

    if (of->came[0]++ == PARTIES / 2) {
        while (furrow_barrier_n_waiting(of->barrier) < PARTIES - 1)
            shared_nap(0.001);
        child_want(furrow_barrier_reset(of->barrier) == 0);
    } else {
        child_want(furrow_barrier_wait(of->barrier, in_time()) == FURROW_EBROKEN);
        of->broke++;
    }
    child_want(furrow_barrier_wait(of->barrier, in_time()) >= 0);
    of->passed++;
    return 0;
}

/* CPython: _TestBarrier.test_reset */
Test(barrier, a_reset_breaks_it_for_those_who_wait_and_no_others)
{
    all_run(third_resets);
    cr_assert_eq(s->broke, PARTIES - 1);
    cr_assert_eq(s->passed, PARTIES);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 0);
}

static int abort_meet_reset_meet(void *shared)
{
    stage *of = shared;

    if (third_aborts(of) != 0)
        return 1;
    if (furrow_barrier_wait(of->second, in_time()) == PARTIES - 1)
        child_want(furrow_barrier_reset(of->barrier) == 0);
    child_want(furrow_barrier_wait(of->second, in_time()) >= 0);
    child_want(furrow_barrier_wait(of->barrier, in_time()) >= 0);
    of->passed++;
    return 0;
}

/* CPython: _TestBarrier.test_abort_and_reset */
Test(barrier, after_abort_and_reset_it_is_as_new)
{
    s->second = furrow_barrier_new(PARTIES, NULL);
    all_run(abort_meet_reset_meet);
    cr_assert_eq(s->broke, PARTIES - 1);
    cr_assert_eq(s->passed, PARTIES);
}

Test(barrier, a_reset_with_nobody_there_changes_nothing)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    all_run(take_a_number);
}

/* ---- time ---------------------------------------------------------------------------*/

/* One comes too late for the others. */
static int one_is_late(void *shared)
{
    stage *of = shared;
    furrow_deadline deadline =
        of->timeout > 0 ? furrow_in(of->timeout) : FURROW_FOREVER;
    int rc;

    if (of->came[0]++ == PARTIES / 2) {
        shared_nap(of->nap);
        deadline = FURROW_FOREVER;
    }
    rc = furrow_barrier_wait(of->barrier, deadline);
    child_want(rc == FURROW_ETIME || rc == FURROW_EBROKEN);
    of->late += rc == FURROW_ETIME;
    of->broke += rc == FURROW_EBROKEN;
    return 0;
}

static void breaks_for_all_when_one_is_late(void)
{
    all_run(one_is_late);
    cr_assert_eq(s->late, 1);
    cr_assert_eq(s->broke, PARTIES - 1);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
}

/* CPython: _TestBarrier.test_timeout */
Test(barrier, whose_deadline_passes_breaks_it_for_all)
{
    s->timeout = 0.12;
    s->nap = 0.35;
    breaks_for_all_when_one_is_late();
}

/* CPython: _TestBarrier.test_default_timeout */
Test(barrier, has_a_timeout_of_its_own)
{
    s->barrier =
        furrow_barrier_new(PARTIES, &(furrow_barrier_options){.timeout = 0.12});
    s->nap = 0.35;
    breaks_for_all_when_one_is_late();
}

Test(barrier, a_deadline_is_not_early)
{
    int64_t then = fw_os_now();

    cr_assert_eq(furrow_barrier_wait(s->barrier, furrow_in(0.15)), FURROW_ETIME);
    cr_assert(shared_since(then) >= 0.15 && shared_since(then) < 5);
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    cr_assert_eq(furrow_barrier_wait(s->barrier, 0), FURROW_ETIME);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
}

/* ---- death --------------------------------------------------------------------------*/

static int wait_until_killed(void *shared)
{
    stage *of = shared;

    return furrow_barrier_wait(of->barrier, FURROW_FOREVER);
}

static int be_broken(void *shared)
{
    stage *of = shared;

    child_want(furrow_barrier_wait(of->barrier, furrow_in(15)) == FURROW_EBROKEN);
    of->broke++;
    return 0;
}

static void until_waiting(int n)
{
    while (furrow_barrier_n_waiting(s->barrier) < n)
        shared_nap(0.0005);
}

Test(barrier, a_party_killed_while_it_waits_breaks_it_for_all)
{
    pid_t pid = child_start(wait_until_killed, s);
    peer p[3];

    until_waiting(1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_start(&p[i], be_broken, s), 0);
    until_waiting(4);
    shared_kill(pid);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    all_run(take_a_number);
}

static int comes_in_everywhere(void *barrier)
{
    furrow_barrier *b = barrier;

    for (uint32_t i = 0; i < b->slots; i++)
        fw_store_seqcst(&b->name[i], fw_participant_owner());
    return raise(SIGKILL);
}

/* There is no room until somebody resets it, and there need not be. */
Test(barrier, broken_and_full_of_the_dead_it_is_broken)
{
    cr_assert_eq(child_run(comes_in_everywhere, s->barrier), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_barrier_abort(s->barrier), 0);
    cr_assert_eq(furrow_barrier_wait(s->barrier, furrow_in(5)), FURROW_EBROKEN);
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    all_run(take_a_number);
}

/* A signal cuts each sleep short: the look for the dead comes all the same. */
Test(barrier, a_death_is_found_by_one_whom_signals_wake)
{
    pid_t pid = child_start(wait_until_killed, s);
    int rc;

    until_waiting(1);
    shared_kill(pid);
    shared_alarms(0.02);
    rc = furrow_barrier_wait(s->barrier, furrow_in(5));
    shared_alarms(0);
    cr_assert_eq(rc, FURROW_EBROKEN);
}

Test(barrier, that_it_is_broken_is_known_without_waiting)
{
    pid_t pid = child_start(wait_until_killed, s);

    until_waiting(1);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 0);
    shared_kill(pid);
    cr_assert_eq(furrow_barrier_broken(s->barrier), 1);
    cr_assert_eq(furrow_barrier_n_waiting(s->barrier), 0);
}

static int enrol_and_go(void *shared)
{
    stage *of = shared;

    child_want(furrow_barrier_enrol(of->barrier) == 0);
    of->passed = 1;
    for (;;)
        pause();
}

Test(barrier, the_death_of_one_who_enrolled_and_never_came_breaks_it)
{
    pid_t pid = child_start(enrol_and_go, s);
    peer p;

    cr_assert(shared_reaches(&s->passed, 1));
    cr_assert_eq(peer_start(&p, be_broken, s), 0);
    until_waiting(1);
    shared_kill(pid);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_barrier_reset(s->barrier), 0);
    all_run(take_a_number);
}

static int enrol_and_leave(void *shared)
{
    stage *of = shared;

    child_want(furrow_barrier_enrol(of->barrier) == 0);
    child_want(furrow_barrier_enrol(of->barrier) == 0);
    child_want(furrow_barrier_leave(of->barrier) == 0);
    child_want(furrow_barrier_leave(of->barrier) == 0);
    child_want(furrow_barrier_leave(of->barrier) == FURROW_EOWNER);
    return 0;
}

Test(barrier, who_has_left_may_end)
{
    peer p;

    cr_assert_eq(peer_start(&p, enrol_and_leave, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_barrier_wait(s->barrier, furrow_in(0.25)), FURROW_ETIME);
}

Test(barrier, no_more_enrol_than_there_are_parties)
{
    for (int i = 0; i < PARTIES; i++)
        cr_assert_eq(furrow_barrier_enrol(s->barrier), 0);
    cr_assert_eq(furrow_barrier_enrol(s->barrier), FURROW_EFULL);
    cr_assert_eq(furrow_barrier_leave(s->barrier), 0);
    cr_assert_eq(furrow_barrier_enrol(s->barrier), 0);
}

Test(barrier, a_stopped_party_is_not_a_dead_one)
{
    pid_t pid = child_start(wait_until_killed, s);
    peer p[3];

    until_waiting(1);
    kill(pid, SIGSTOP);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_start(&p[i], take_a_number, s), 0);
    until_waiting(4);
    shared_nap(0.25);
    cr_assert_eq(take_a_number(s), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    kill(pid, SIGCONT);
    cr_assert_eq(child_wait(pid), 0); /* the first number */
}

static int die_in_action(void *arg)
{
    (void)arg;
    return raise(SIGKILL);
}

Test(barrier, one_killed_in_the_action_breaks_it_for_all)
{
    pid_t pid;
    peer p;

    s->barrier =
        furrow_barrier_new(2, &(furrow_barrier_options){.action = die_in_action});
    cr_assert_eq(peer_start(&p, be_broken, s), 0);
    until_waiting(1);
    pid = child_start(wait_until_killed, s);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(peer_join(&p), 0);
}

/* ---- handles ------------------------------------------------------------------------*/

Test(barrier, more_processes_than_parties_take_turns)
{
    enum { MANY = 3 * PARTIES };
    peer p[MANY];

    for (int i = 0; i < MANY; i++)
        cr_assert_eq(peer_start(&p[i], take_a_number, s), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    for (int i = 0; i < PARTIES; i++)
        cr_assert_eq(s->number[i], MANY / PARTIES);
}

Test(barrier, what_makes_no_sense_is_refused)
{
    cr_assert_null(furrow_barrier_new(0, NULL));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_barrier_new");
    cr_assert_null(furrow_barrier_new(FURROW_BARRIER_PARTIES + 1, NULL));
    cr_assert_null(furrow_barrier_new(2, &(furrow_barrier_options){.timeout = -1}));
    cr_assert_eq(furrow_barrier_parties(s->barrier), PARTIES);
}

Test(barrier, a_freed_one_is_refused)
{
    cr_assert_eq(furrow_barrier_free(s->barrier), 0);
    cr_assert_eq(furrow_barrier_wait(s->barrier, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_abort(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_reset(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_enrol(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_leave(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_broken(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_n_waiting(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_parties(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_free(s->barrier), FURROW_EINVAL);
    cr_assert_eq(furrow_barrier_free(NULL), 0);
}
