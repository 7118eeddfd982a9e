/* SPDX-License-Identifier: MIT
 *
 * furrow_lock: it excludes, knows its holder, keeps deadlines, and tells a death.
 */
#include "shared.h"

typedef struct stage {
    furrow_lock *lock;
    _Atomic int at, go;
    int seen, count, plain;
    pid_t pid;
    furrow_lock_info info;
} stage;

static const furrow_lock_options recursive = {.recursive = 1};
static const furrow_lock_options automatic = {.automatic = 1};
static stage *s;

static void set_up(void)
{
    s = shared_new(sizeof *s);
}

TestSuite(lock, .init = set_up);

static void make(const furrow_lock_options *options)
{
    s->lock = furrow_lock_new(options);
    cr_assert_not_null(s->lock);
}

/* ---- alone --------------------------------------------------------------------------*/

/* CPython: _TestLock.test_lock */
Test(lock, is_taken_once_and_given_back)
{
    make(NULL);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_lock_locked(s->lock), 1);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_ETIME);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), FURROW_EOWNER);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_lock_unlock");
}

/* CPython: _TestLock.test_rlock */
Test(lock, a_recursive_one_is_given_back_as_often_as_it_was_taken)
{
    make(&recursive);
    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), 0);
        cr_assert_eq(furrow_lock_count(s->lock), i);
    }
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_locked(s->lock), 1);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), FURROW_EOWNER);
}

static int leaves_in_the_middle(furrow_lock *l)
{
    int held = 0;

    for (int rc = furrow_lock_lock(l, FURROW_FOREVER); rc >= 0;
         rc = -furrow_lock_unlock(l) - 1)
        held = furrow_lock_count(l) == 1;
    return held;
}

/* CPython: _TestLock.test_lock_context */
Test(lock, guards_a_block)
{
    make(NULL);
    cr_assert(leaves_in_the_middle(s->lock));
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
}

/* CPython: _TestLock.test_rlock_context */
Test(lock, a_recursive_one_guards_a_block_within_a_block)
{
    make(&recursive);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(furrow_lock_count(s->lock), 2);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
}

Test(lock, its_holder_does_not_wait_for_himself)
{
    make(NULL);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), FURROW_EINVAL);
    cr_assert_eq(furrow_lock_lock(s->lock, furrow_in(5)), FURROW_EINVAL);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
}

Test(lock, nothing_is_to_be_put_in_order_without_a_death)
{
    make(NULL);
    cr_assert_eq(furrow_lock_consistent(s->lock), FURROW_EOWNER);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(furrow_lock_consistent(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
}

/* ---- who has it ---------------------------------------------------------------------*/

/* CPython: _TestLock.test_repr_lock */
Test(lock, tells_that_nobody_has_it_and_that_i_have_it)
{
    make(NULL);
    cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
    cr_assert(s->info.pid == 0 && s->info.tid == 0 && s->info.count == 0);
    cr_assert(!s->info.mine && !s->info.recursive && !s->info.broken);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
    cr_assert(s->info.pid == getpid() && s->info.tid == gettid() && s->info.mine);
    cr_assert_eq(s->info.count, 1);
}

static int hold_until_go(void *shared)
{
    stage *of = shared;
    int locks = of->count ? of->count : 1;

    for (int i = 0; i < locks; i++)
        child_want(furrow_lock_lock(of->lock, FURROW_FOREVER) == 0);
    of->seen = furrow_lock_locked(of->lock);
    of->plain = gettid();
    of->pid = getpid();
    of->at = 1;
    child_want(shared_reaches(&of->go, 1));
    for (int i = 0; i < locks; i++)
        child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

static void held_by_a_peer(peer *p)
{
    cr_assert_eq(peer_start(p, hold_until_go, s), 0);
    cr_assert(shared_reaches(&s->at, 1));
}

static void let_go(peer *p)
{
    s->go = 1;
    cr_assert_eq(peer_join(p), 0);
}

/* CPython: _TestLock.test_repr_lock */
Test(lock, tells_that_another_has_it)
{
    peer p;

    make(NULL);
    held_by_a_peer(&p);
    cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
    cr_assert(!s->info.mine && s->info.tid == s->plain);
    cr_assert_eq(s->info.pid, s->pid);
    let_go(&p);
}

/* CPython: _TestLock.test_repr_rlock */
Test(lock, a_recursive_one_tells_how_often_i_have_it)
{
    make(&recursive);
    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
        cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
        cr_assert(s->info.count == i && s->info.mine && s->info.recursive);
    }
}

/* CPython: _TestLock.test_repr_rlock */
Test(lock, a_recursive_one_tells_that_another_has_it)
{
    peer p;

    make(&recursive);
    s->count = 3;
    held_by_a_peer(&p);
    cr_assert_eq(furrow_lock_count(s->lock), 0);
    cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
    cr_assert(!s->info.mine && s->info.count == 3 && s->info.tid == s->plain);
    let_go(&p);
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
}

/* CPython: _TestLock.test_lock_locked_2processes */
Test(lock, another_sees_that_it_is_locked)
{
    peer p;

    make(NULL);
    held_by_a_peer(&p);
    cr_assert_eq(furrow_lock_locked(s->lock), 1);
    cr_assert_eq(s->seen, 1);
    let_go(&p);
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
}

/* CPython: _TestLock.test_rlock_locked_2processes */
Test(lock, another_sees_that_a_recursive_one_is_locked)
{
    peer p;

    make(&recursive);
    held_by_a_peer(&p);
    cr_assert_eq(furrow_lock_locked(s->lock), 1);
    cr_assert_eq(s->seen, 1);
    let_go(&p);
}

static int try_what_only_its_holder_may(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, 0) == FURROW_ETIME);
    child_want(furrow_lock_unlock(of->lock) == FURROW_EOWNER);
    child_want(furrow_lock_consistent(of->lock) == FURROW_EOWNER);
    child_want(furrow_lock_free(of->lock) == FURROW_EBUSY);
    return 0;
}

static void another_may_not(const furrow_lock_options *options)
{
    peer p;

    make(options);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(peer_start(&p, try_what_only_its_holder_may, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
}

Test(lock, only_its_holder_unlocks_it)
{
    another_may_not(NULL);
}

Test(lock, only_its_holder_unlocks_a_recursive_one)
{
    another_may_not(&recursive);
}

static int use_it(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == 0);
    of->plain++;
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

static void a_peer_uses_it(const furrow_lock_options *options)
{
    peer p;

    make(options);
    cr_assert_eq(peer_start(&p, use_it, s), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(s->plain, 1);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
}

/* CPython: TestSyncManagerTypes.test_lock */
Test(lock, is_used_by_another)
{
    a_peer_uses_it(NULL);
}

/* CPython: TestSyncManagerTypes.test_rlock */
Test(lock, a_recursive_one_is_used_by_another)
{
    a_peer_uses_it(&recursive);
}

enum { RACERS = 4, ROUNDS = 2000 };

static int raise_often(void *shared)
{
    stage *of = shared;

    for (int i = 0; i < ROUNDS; i++) {
        child_want(furrow_lock_lock(of->lock, FURROW_FOREVER) == 0);
        of->plain++;
        child_want(furrow_lock_unlock(of->lock) == 0);
    }
    return 0;
}

Test(lock, lets_one_in_at_a_time)
{
    peer p[RACERS];

    make(NULL);
    for (int i = 0; i < RACERS; i++)
        cr_assert_eq(peer_start(&p[i], raise_often, s), 0);
    for (int i = 0; i < RACERS; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(s->plain, RACERS * ROUNDS);
}

/* ---- time ---------------------------------------------------------------------------*/

Test(lock, a_deadline_is_kept_and_not_early)
{
    peer p;
    int64_t then;

    make(NULL);
    held_by_a_peer(&p);
    then = fw_os_now();
    cr_assert_eq(furrow_lock_lock(s->lock, furrow_in(0.25)), FURROW_ETIME);
    cr_assert(shared_since(then) >= 0.25 && shared_since(then) < 5);
    then = fw_os_now();
    cr_assert_eq(furrow_lock_lock(s->lock, furrow_in(-1)), FURROW_ETIME);
    cr_assert(shared_since(then) < 5);
    let_go(&p);
}

/* Deadlines are points of the clock that nobody can set. */
Test(lock, a_deadline_is_on_the_monotonic_clock)
{
    struct timespec t;
    int64_t now;

    clock_gettime(CLOCK_MONOTONIC, &t);
    now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    cr_assert(furrow_in(3) >= now + 3000000000 && furrow_in(3) < now + 13000000000);
    cr_assert_eq(furrow_in(1e300), FURROW_FOREVER);
}

static int stop_holding(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_lock(of->lock, FURROW_FOREVER) == 0);
    of->at = 1;
    child_want(raise(SIGSTOP) == 0);
    child_want(furrow_lock_unlock(of->lock) == 0);
    return 0;
}

Test(lock, a_stopped_holder_keeps_it_and_nobody_waits_past_his_deadline)
{
    pid_t pid;

    make(NULL);
    pid = child_start(stop_holding, s);
    cr_assert(shared_reaches(&s->at, 1));
    cr_assert_eq(furrow_lock_lock(s->lock, furrow_in(0.15)), FURROW_ETIME);
    shared_nap(0.01);
    kill(pid, SIGCONT);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), 0);
    cr_assert_eq(child_wait(pid), 0);
}

/* ---- death --------------------------------------------------------------------------*/

static int hold_until_killed(void *shared)
{
    stage *of = shared;
    int locks = of->count ? of->count : 1;

    for (int i = 0; i < locks; i++)
        child_want(furrow_lock_lock(of->lock, FURROW_FOREVER) >= 0);
    of->at = 1;
    for (;;)
        pause();
}

static pid_t doomed_holder(void)
{
    pid_t pid;

    s->at = 0;
    pid = child_start(hold_until_killed, s);
    cr_assert(shared_reaches(&s->at, 1));
    return pid;
}

Test(lock, the_next_one_is_told_of_a_dead_holder)
{
    make(NULL);
    shared_kill(doomed_holder());
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_OWNERDIED);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    cr_assert_eq(furrow_lock_consistent(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
}

static int be_told(void *shared)
{
    stage *of = shared;
    int64_t then;

    of->go = 1;
    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == FURROW_OWNERDIED);
    then = fw_os_now();
    child_want(furrow_lock_consistent(of->lock) == 0);
    child_want(furrow_lock_unlock(of->lock) == 0);
    of->info.pid = (long)(then / 1000);
    return 0;
}

Test(lock, one_who_waits_is_told_at_once)
{
    pid_t holder;
    int64_t then;
    peer p;

    make(NULL);
    holder = doomed_holder();
    cr_assert_eq(peer_start(&p, be_told, s), 0);
    cr_assert(shared_reaches(&s->go, 1));
    shared_nap(0.02);
    then = fw_os_now();
    shared_kill(holder);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_lt(s->info.pid - (long)(then / 1000), 3000000);
}

static int be_refused(void *shared)
{
    stage *of = shared;

    of->go++;
    child_want(furrow_lock_lock(of->lock, furrow_in(10)) == FURROW_EBROKEN);
    return 0;
}

Test(lock, what_is_not_put_in_order_is_broken_for_all)
{
    peer p[3];

    make(NULL);
    shared_kill(doomed_holder());
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_OWNERDIED);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_start(&p[i], be_refused, s), 0);
    cr_assert(shared_reaches(&s->go, 3));
    shared_nap(0.02);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_join(&p[i]), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_EBROKEN);
    cr_assert_eq(furrow_lock_lock(s->lock, FURROW_FOREVER), FURROW_EBROKEN);
    cr_assert_eq(furrow_lock_describe(s->lock, &s->info), 0);
    cr_assert(s->info.broken);
    cr_assert_eq(furrow_lock_free(s->lock), 0);
}

Test(lock, a_death_while_putting_in_order_is_told_again)
{
    make(NULL);
    for (int i = 0; i < 3; i++)
        shared_kill(doomed_holder());
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_OWNERDIED);
}

Test(lock, an_automatic_one_tells_and_goes_on)
{
    make(&automatic);
    shared_kill(doomed_holder());
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_OWNERDIED);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
}

Test(lock, a_recursive_one_begins_anew_after_a_death)
{
    make(&recursive);
    s->count = 3;
    shared_kill(doomed_holder());
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_OWNERDIED);
    cr_assert_eq(furrow_lock_count(s->lock), 1);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(furrow_lock_consistent(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_locked(s->lock), 0);
}

static int fork_does_not_inherit(void *shared)
{
    stage *of = shared;

    child_want(furrow_lock_count(of->lock) == 0);
    child_want(furrow_lock_unlock(of->lock) == FURROW_EOWNER);
    child_want(furrow_lock_lock(of->lock, 0) == FURROW_ETIME);
    return 0;
}

Test(lock, a_forked_child_does_not_hold_what_its_parent_holds)
{
    make(&recursive);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(child_run(fork_does_not_inherit, s), 0);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
}

/* ---- handles ------------------------------------------------------------------------*/

Test(lock, is_not_freed_while_it_is_held)
{
    make(NULL);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), 0);
    cr_assert_eq(furrow_lock_free(s->lock), FURROW_EBUSY);
    cr_assert_eq(furrow_lock_unlock(s->lock), 0);
    cr_assert_eq(furrow_lock_free(s->lock), 0);
    cr_assert_eq(furrow_lock_free(NULL), 0);
}

Test(lock, a_freed_one_is_refused)
{
    make(NULL);
    cr_assert_eq(furrow_lock_free(s->lock), 0);
    cr_assert_eq(furrow_lock_lock(s->lock, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_lock_unlock(s->lock), FURROW_EINVAL);
    cr_assert_eq(furrow_lock_locked(s->lock), FURROW_EINVAL);
    cr_assert_eq(furrow_lock_free(s->lock), FURROW_EINVAL);
}

Test(lock, null_keeps_the_first_message)
{
    furrow_error_clear();
    cr_assert_eq(furrow_lock_lock(NULL, 0), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->text, "lock is NULL");
    cr_assert_null(furrow_array_new('!', 1, NULL));
    cr_assert_eq(furrow_lock_unlock(NULL), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_new");
}

Test(lock, ten_thousand_come_and_go)
{
    furrow_heap_info before, after;

    make(NULL);
    cr_assert_eq(furrow_heap_describe(&before), 0);
    for (int i = 0; i < 10000; i++) {
        furrow_lock *l = furrow_lock_new(i % 2 ? &recursive : NULL);

        cr_assert(l && furrow_lock_lock(l, 0) == 0 && furrow_lock_unlock(l) == 0);
        cr_assert_eq(furrow_lock_free(l), 0);
    }
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert_eq(before.blocks, after.blocks);
    cr_assert_eq(furrow_fsck(), 0);
}
