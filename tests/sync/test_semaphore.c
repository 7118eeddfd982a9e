/* SPDX-License-Identifier: MIT
 *
 * furrow_semaphore: tokens that have owners, and numbers.
 */
#include "shared.h"

typedef struct stage {
    furrow_semaphore *semaphore;
    _Atomic int at, got, inside, most;
    int tokens;
} stage;

static const furrow_semaphore_options counting = {.counting = 1};
static stage *s;

static void set_up(void)
{
    s = shared_new(sizeof *s);
}

TestSuite(semaphore, .init = set_up);

static void make(unsigned value, const furrow_semaphore_options *options)
{
    s->semaphore = furrow_semaphore_new(value, options);
    cr_assert_not_null(s->semaphore);
}

#define value_is(n) cr_assert_eq(furrow_semaphore_value(s->semaphore), (n))

static void down_and_up_again(void)
{
    value_is(2);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, FURROW_FOREVER), 0);
    value_is(1);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, FURROW_FOREVER), 0);
    value_is(0);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), FURROW_ETIME);
    value_is(0);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(1);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(2);
}

/* CPython: _TestSemaphore.test_semaphore */
Test(semaphore, a_counting_one_goes_down_and_up_and_further)
{
    make(2, &counting);
    down_and_up_again();
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(3);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(4);
}

/* CPython: _TestSemaphore.test_bounded_semaphore */
Test(semaphore, an_owned_one_goes_down_and_up_and_no_further)
{
    make(2, NULL);
    down_and_up_again();
    cr_assert_eq(furrow_semaphore_release(s->semaphore), FURROW_EOWNER);
    value_is(2);
}

/* CPython: _TestSemaphore.test_bounded_semaphore */
Test(semaphore, a_bounded_counting_one_goes_down_and_up_and_no_further)
{
    make(2, &(furrow_semaphore_options){.counting = 1, .most = 2});
    down_and_up_again();
    cr_assert_eq(furrow_semaphore_release(s->semaphore), FURROW_EFULL);
    value_is(2);
}

static void waits_in_vain(double seconds, double at_least)
{
    int64_t then = fw_os_now();

    cr_assert_eq(
        furrow_semaphore_acquire(s->semaphore, seconds < 0 ? 0 : furrow_in(seconds)),
        FURROW_ETIME);
    cr_assert(shared_since(then) >= at_least && shared_since(then) < 5);
}

/* CPython: _TestSemaphore.test_timeout */
Test(semaphore, a_try_does_not_wait)
{
    make(0, &counting);
    waits_in_vain(-1, 0);
    waits_in_vain(0, 0);
}

/* CPython: _TestSemaphore.test_timeout */
Test(semaphore, a_counting_one_is_waited_for_until_the_deadline)
{
    make(0, &counting);
    waits_in_vain(0.1, 0.1);
    waits_in_vain(0.25, 0.25);
}

/* CPython: _TestSemaphore.test_timeout */
Test(semaphore, an_owned_one_is_waited_for_until_the_deadline)
{
    make(1, NULL);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    waits_in_vain(0.1, 0.1);
    waits_in_vain(0.25, 0.25);
}

/* ---- others -------------------------------------------------------------------------*/

static int take_and_give(void *shared)
{
    stage *of = shared;

    of->at++;
    child_want(furrow_semaphore_acquire(of->semaphore, furrow_in(10)) == 0);
    of->got++;
    child_want(furrow_semaphore_release(of->semaphore) == 0);
    return 0;
}

static void a_peer_uses_it(void)
{
    peer p;

    cr_assert_eq(peer_start(&p, take_and_give, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(s->got, 1);
    value_is(1);
}

/* CPython: TestSyncManagerTypes.test_semaphore */
Test(semaphore, a_counting_one_is_used_by_another)
{
    make(1, &counting);
    a_peer_uses_it();
}

/* CPython: TestSyncManagerTypes.test_bounded_semaphore */
Test(semaphore, an_owned_one_is_used_by_another)
{
    make(1, NULL);
    a_peer_uses_it();
}

enum { WAITERS = 4 };

static void waiters(peer *p)
{
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_start(&p[i], take_and_give, s), 0);
    cr_assert(shared_reaches(&s->at, WAITERS));
    shared_nap(0.02);
    cr_assert_eq(s->got, 0);
}

Test(semaphore, one_release_serves_all_who_wait_one_after_another)
{
    peer p[WAITERS];

    make(1, NULL);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    waiters(p);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    value_is(1);
}

static int take_only(void *shared)
{
    stage *of = shared;

    of->at++;
    child_want(furrow_semaphore_acquire(of->semaphore, furrow_in(10)) == 0);
    of->got++;
    return 0;
}

Test(semaphore, each_post_wakes_one)
{
    peer p[WAITERS];

    make(0, &counting);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_start(&p[i], take_only, s), 0);
    cr_assert(shared_reaches(&s->at, WAITERS));
    for (int i = 1; i <= WAITERS; i++) {
        cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
        cr_assert(shared_reaches(&s->got, i));
        cr_assert_eq(s->got, i);
    }
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    value_is(0);
}

static int go_in_and_out(void *shared)
{
    stage *of = shared;

    for (int i = 0; i < 500; i++) {
        int now;

        child_want(furrow_semaphore_acquire(of->semaphore, FURROW_FOREVER) == 0);
        now = ++of->inside;
        if (now > of->most)
            of->most = now;
        of->inside--;
        child_want(furrow_semaphore_release(of->semaphore) == 0);
    }
    return 0;
}

Test(semaphore, lets_no_more_in_than_it_has_tokens)
{
    peer p[WAITERS];

    make(2, NULL);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_start(&p[i], go_in_and_out, s), 0);
    for (int i = 0; i < WAITERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert(s->most >= 1 && s->most <= 2);
    value_is(2);
}

/* ---- owners -------------------------------------------------------------------------*/

static int has_none(void *shared)
{
    stage *of = shared;

    child_want(furrow_semaphore_release(of->semaphore) == FURROW_EOWNER);
    return 0;
}

Test(semaphore, a_process_does_not_release_what_another_has)
{
    make(3, NULL);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    cr_assert_eq(child_run(has_none, s), 0);
    value_is(0);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(1);
}

static int post(void *shared)
{
    stage *of = shared;

    return furrow_semaphore_release(of->semaphore) != 0;
}

Test(semaphore, anyone_posts_a_counting_one)
{
    peer p;

    make(0, &counting);
    cr_assert_eq(peer_start(&p, post, s), 0);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, furrow_in(10)), 0);
    cr_assert_eq(peer_join(&p), 0);
}

static int take_and_die(void *shared)
{
    stage *of = shared;

    for (int i = 0; i < of->tokens; i++)
        child_want(furrow_semaphore_acquire(of->semaphore, 0) == 0);
    of->at = 1;
    for (;;)
        pause();
}

static pid_t doomed_owner(int tokens)
{
    pid_t pid;

    s->tokens = tokens;
    pid = child_start(take_and_die, s);
    cr_assert(shared_reaches(&s->at, 1));
    return pid;
}

Test(semaphore, a_dead_owners_tokens_come_back)
{
    make(3, NULL);
    shared_kill(doomed_owner(3));
    value_is(3);
}

Test(semaphore, who_comes_next_gets_a_dead_owners_token)
{
    make(1, NULL);
    shared_kill(doomed_owner(1));
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    value_is(0);
}

Test(semaphore, who_waits_gets_a_dead_owners_token)
{
    pid_t pid;
    peer p;

    make(2, NULL);
    pid = doomed_owner(2);
    s->at = 0;
    cr_assert_eq(peer_start(&p, take_and_give, s), 0);
    cr_assert(shared_reaches(&s->at, 1));
    shared_nap(0.02);
    shared_kill(pid);
    cr_assert_eq(peer_join(&p), 0);
    value_is(2);
}

Test(semaphore, a_living_owners_tokens_stay)
{
    pid_t pid;

    make(2, NULL);
    pid = doomed_owner(1);
    kill(pid, SIGSTOP);
    value_is(1);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, furrow_in(0.25)), FURROW_ETIME);
    kill(pid, SIGCONT);
    shared_kill(pid);
    value_is(1);
}

static int keep_the_heap(void *none)
{
    (void)none;
    child_want(fw_heap_lock());
    raise(SIGSTOP);
    fw_heap_unlock(fw_segment_peek()->heap);
    return 0;
}

/* Neither has a number yet: to get one takes the heap's lock. */
static int come_late(void *none)
{
    (void)none;
    child_want(furrow_semaphore_acquire(s->semaphore, 0) == FURROW_ETIME);
    child_want(furrow_semaphore_acquire(s->semaphore, furrow_in(0.2)) == FURROW_ETIME);
    return 0;
}

Test(semaphore, a_stopped_holder_of_the_heap_holds_nobody_past_his_deadline)
{
    pid_t pid;
    int status;

    make(2, NULL);
    pid = child_start(keep_the_heap, NULL);
    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status));
    cr_assert_eq(child_run(come_late, NULL), 0);
    kill(pid, SIGCONT);
    cr_assert_eq(child_wait(pid), 0);
    value_is(2);
}

Test(semaphore, a_counting_ones_token_dies_with_who_took_it)
{
    make(2, &counting);
    shared_kill(doomed_owner(1));
    value_is(1);
}

Test(semaphore, four_thousand_tokens)
{
    make(FURROW_SEMAPHORE_TOKENS, NULL);
    shared_kill(doomed_owner(FURROW_SEMAPHORE_TOKENS - 1));
    for (int i = 0; i < FURROW_SEMAPHORE_TOKENS; i++)
        cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), 0);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), FURROW_ETIME);
    for (int i = 0; i < FURROW_SEMAPHORE_TOKENS; i++)
        cr_assert_eq(furrow_semaphore_release(s->semaphore), 0);
    value_is(FURROW_SEMAPHORE_TOKENS);
}

/* ---- handles ------------------------------------------------------------------------*/

Test(semaphore, numbers_that_make_no_sense_are_refused)
{
    cr_assert_null(furrow_semaphore_new(0, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_semaphore_new");
    cr_assert_null(furrow_semaphore_new(FURROW_SEMAPHORE_TOKENS + 1, NULL));
    cr_assert_null(
        furrow_semaphore_new(3, &(furrow_semaphore_options){.counting = 1, .most = 2}));
    cr_assert_null(furrow_semaphore_new(1u << 31, &counting));
}

Test(semaphore, a_freed_one_is_refused)
{
    make(1, NULL);
    cr_assert_eq(furrow_semaphore_free(s->semaphore), 0);
    cr_assert_eq(furrow_semaphore_acquire(s->semaphore, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), FURROW_EINVAL);
    cr_assert_eq(furrow_semaphore_value(s->semaphore), FURROW_EINVAL);
    cr_assert_eq(furrow_semaphore_free(s->semaphore), FURROW_EINVAL);
    cr_assert_eq(furrow_semaphore_free(NULL), 0);
}

Test(semaphore, a_counting_one_reaches_its_limit)
{
    make(FURROW_SEMAPHORE_MOST, &counting);
    cr_assert_eq(furrow_semaphore_release(s->semaphore), FURROW_EFULL);
    value_is(FURROW_SEMAPHORE_MOST);
}
