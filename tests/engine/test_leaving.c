/* SPDX-License-Identifier: MIT
 *
 * A pool that is closed while another thread of the program is in the middle of a function
 * of it: what that one still looks at is there until it has left.
 */
#include "engine/pools.h"

#include "pool.h"
#include "team.h"

#include <pthread.h>

TestSuite(leaving, .init = pools_set_up);

/* ---- who closes ---------------------------------------------------------------------*/

typedef struct closer {
    furrow_pool *pool;
    pthread_t thread;
    _Atomic int returned;
    int rc;
} closer;

static void *close_it(void *arg)
{
    closer *c = arg;

    c->rc = furrow_pool_close(c->pool);
    c->returned = 1;
    return NULL;
}

/* Returns when the pool's workers have ended, or it has waited long enough for that. */
static void begin_to_close(closer *c, furrow_pool *pool)
{
    const fw_control *control = pool->team->control;
    double until = left_clock() + 10;

    *c = (closer){.pool = pool};
    cr_assert_eq(pthread_create(&c->thread, NULL, close_it, c), 0);
    while (!fw_load_seqcst(&control->stop) && left_clock() < until)
        left_sleep(0.001);
    left_sleep(0.2);
    cr_assert_eq(c->returned, 0, "somebody is in it");
}

static void has_closed(closer *c)
{
    cr_assert_eq(pthread_join(c->thread, NULL), 0);
    cr_assert_eq(c->rc, 0);
}

/* ---- who leaves ---------------------------------------------------------------------*/

typedef struct submitter {
    furrow_pool *pool;
    furrow_call call;
    furrow_future *future;
} submitter;

static void *submit_it(void *arg)
{
    submitter *s = arg;

    s->future = furrow_map_async(s->pool, &s->call);
    return NULL;
}

static void is_late(furrow_future *f)
{
    cr_assert_eq(furrow_future_wait(f, furrow_in(10)), FURROW_ECLOSED, "%s",
                 furrow_last_error()->text);
}

/* It waits for the lock of the queue. */
Test(leaving, who_queues_a_call)
{
    furrow_array *a = pools_array('i', 10);
    furrow_pool *pool = pools_open(2);
    submitter s = {.pool = pool, .call = pools_count_call(a)};
    pthread_t thread;
    fw_lock *lock = &pool->team->control->queue_lock;
    closer c;

    pools_works(pool);
    cr_assert_eq(fw_lock_lock(lock, FURROW_FOREVER), 0);
    cr_assert_eq(pthread_create(&thread, NULL, submit_it, &s), 0);
    left_sleep(0.1);
    begin_to_close(&c, pool);
    fw_lock_unlock(lock);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    has_closed(&c);
    cr_assert_not_null(s.future);
    is_late(s.future);
    furrow_future_free(s.future);
    cr_assert_eq(pools_others(a, 0, 0, a->len), 0);
    furrow_array_free(a);
    pools_leave_nothing();
}

/* What is queued when nobody takes from the queue any more. */
Test(leaving, who_waits_for_what_came_too_late)
{
    furrow_array *a = pools_array('i', 10);
    furrow_pool *pool = pools_open(2);
    submitter s = {.pool = pool, .call = pools_count_call(a)};
    closer c;

    fw_team_come_in(pool->team);
    begin_to_close(&c, pool);
    (void)submit_it(&s);
    cr_assert_not_null(s.future);
    is_late(s.future);
    fw_team_leave(pool->team);
    has_closed(&c);
    is_late(s.future);
    furrow_future_free(s.future);
    furrow_array_free(a);
    pools_leave_nothing();
}

/* Its pid may be another's by now, and so may the number of a file that is closed. */
Test(leaving, who_wakes_the_nursery)
{
    double until = left_clock() + 10;
    furrow_pool *pool;
    closer c;

    pools_need_processes();
    pool = pools_open(2);
    fw_team_come_in(pool->team);
    begin_to_close(&c, pool);
    while (!fw_os_pidfd_dead(pool->team->nursery_pidfd) && left_clock() < until)
        left_sleep(0.001);
    cr_assert(fw_os_pidfd_dead(pool->team->nursery_pidfd), "ours, and of nobody else");
    pool->team->start->notify(pool->team);
    fw_team_leave(pool->team);
    has_closed(&c);
    pools_leave_nothing();
}
