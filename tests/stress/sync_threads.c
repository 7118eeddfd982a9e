/* SPDX-License-Identifier: MIT
 *
 * Threads use a lock, tokens, a condition, an event and a barrier all at once, and what these
 * guard is plain memory: ThreadSanitizer tells where one of them orders nothing.
 *
 * In each round every thread
 *   - raises a number under the lock (a plain one and a recursive one in turn),
 *   - takes one of two tokens and marks the place that it got, which must be empty,
 *   - puts a number into a queue of one place, or takes one, by a condition,
 *   - meets the others at the barrier, whose action reads what all have written,
 * and one thread sets the event that the others wait for before the next round.
 *
 *     sync_threads [rounds]
 */
#include "atomic.h"
#include "furrow_sync.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 6, TOKENS = 2 };

static furrow_lock *guard[2];
static furrow_semaphore *tokens, *posts;
static furrow_condition *changed;
static furrow_event *begun;
static furrow_barrier *all;
static int rounds = FW_UNDER_TSAN ? 2000 : 10000;

/* each guarded by one of them */
static long raised[2];     /* the locks */
static int box, is_full;   /* the condition's lock */
static long mine[THREADS]; /* the barrier */
static long sum;           /* its action, and who has passed */
static long posted;        /* the event */
static _Atomic int inside;

static int failed(const char *what)
{
    fprintf(stderr, "FAILED: %s (%s)\n", what, furrow_last_error()->text);
    exit(1);
}

#define must(condition) ((condition) ? 0 : failed(#condition))

static int add_up(void *unused)
{
    (void)unused;
    for (int i = 0; i < THREADS; i++)
        sum += mine[i];
    return 0;
}

static void raise_one(int which)
{
    must(furrow_lock_lock(guard[which], FURROW_FOREVER) == 0);
    if (which == 1)
        must(furrow_lock_lock(guard[1], 0) == 0);
    raised[which]++;
    if (which == 1)
        must(furrow_lock_unlock(guard[1]) == 0);
    must(furrow_lock_unlock(guard[which]) == 0);
}

static void take_a_token(void)
{
    must(furrow_semaphore_acquire(tokens, FURROW_FOREVER) == 0);
    must(fw_add_seqcst(&inside, 1) < TOKENS);
    fw_add_seqcst(&inside, -1);
    must(furrow_semaphore_release(tokens) == 0);
}

static int box_is_full(void *unused)
{
    (void)unused;
    return is_full;
}

static int box_is_empty(void *unused)
{
    (void)unused;
    return !is_full;
}

/* Even threads put, odd ones take. */
static void hand_over(int me, int what)
{
    furrow_lock *l = furrow_condition_get_lock(changed);

    must(furrow_lock_lock(l, FURROW_FOREVER) == 0);
    must(furrow_condition_wait_for(changed, me % 2 ? box_is_full : box_is_empty, NULL,
                                   FURROW_FOREVER) == 0);
    if (me % 2)
        must(box > 0);
    box = me % 2 ? 0 : what;
    is_full = !is_full;
    must(furrow_condition_notify_all(changed) == 0);
    must(furrow_lock_unlock(l) == 0);
}

/* The first one begins a round for all. */
static void wait_for_begin(int me, int round)
{
    if (me == 0) {
        posted = round;
        must(furrow_event_set(begun) == 0);
        for (int i = 1; i < THREADS; i++)
            must(furrow_semaphore_release(posts) == 0);
        return;
    }
    must(furrow_event_wait(begun, FURROW_FOREVER) == 0);
    must(posted == round);
    must(furrow_semaphore_acquire(posts, FURROW_FOREVER) == 0);
}

static void *work(void *number)
{
    int me = *(int *)number;

    for (int round = 1; round <= rounds; round++) {
        wait_for_begin(me, round);
        raise_one(round % 2);
        take_a_token();
        hand_over(me, round);
        mine[me] = round;
        must(furrow_barrier_wait(all, FURROW_FOREVER) >= 0);
        must(sum == (long)THREADS * round * (round + 1) / 2);
        if (me == 0)
            must(furrow_event_clear(begun) == 0);
        must(furrow_barrier_wait(all, FURROW_FOREVER) >= 0);
        if (me == 0)
            sum -= (long)THREADS * round; /* the second meeting's */
        must(furrow_barrier_wait(all, FURROW_FOREVER) >= 0);
        if (me == 0)
            sum -= (long)THREADS * round; /* the third's */
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    int number[THREADS];

    if (argc > 1)
        rounds = atoi(argv[1]);
    guard[0] = furrow_lock_new(NULL);
    guard[1] = furrow_lock_new(&(furrow_lock_options){.recursive = 1});
    tokens = furrow_semaphore_new(TOKENS, NULL);
    posts = furrow_semaphore_new(0, &(furrow_semaphore_options){.counting = 1});
    changed = furrow_condition_new(NULL, NULL);
    begun = furrow_event_new();
    all = furrow_barrier_new(THREADS, &(furrow_barrier_options){.action = add_up});
    must(guard[0] && guard[1] && tokens && posts && changed && begun && all);
    for (int i = 0; i < THREADS; i++) {
        number[i] = i;
        must(pthread_create(&thread[i], NULL, work, &number[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    must(raised[0] + raised[1] == (long)THREADS * rounds);
    must(furrow_semaphore_value(tokens) == TOKENS && !is_full);
    must(furrow_lock_free(guard[0]) == 0 && furrow_lock_free(guard[1]) == 0);
    must(furrow_semaphore_free(tokens) == 0 && furrow_semaphore_free(posts) == 0);
    must(furrow_condition_free(changed) == 0 && furrow_event_free(begun) == 0);
    must(furrow_barrier_free(all) == 0);
    printf("%d threads, %d rounds\n", THREADS, rounds);
    return 0;
}
