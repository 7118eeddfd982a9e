/* SPDX-License-Identifier: MIT
 *
 * Queues: what is put is got, in order, as long as there is room.
 */
#include "queues.h"

static const furrow_queue_options six = {.capacity = 6};

/* CPython: _TestQueue.test_put */
Test(queue, holds_its_capacity_and_no_more)
{
    party *p = party_new(&six);

    cr_assert_eq(furrow_queue_empty(p->q), 1);
    cr_assert_eq(furrow_queue_full(p->q), 0);
    for (uint64_t i = 1; i <= 6; i++) {
        cr_assert_eq(put_number(p->q, i, i % 2 ? FURROW_FOREVER : 0), 0);
        cr_assert_eq(furrow_queue_empty(p->q), 0);
        cr_assert_eq(furrow_queue_full(p->q), i == 6);
    }
    cr_assert_eq(put_number(p->q, 7, 0), FURROW_EFULL);
    party_free(p);
}

static int get_six(void *shared)
{
    party *p = shared;
    uint64_t n;

    child_want(get_number(p->q, &n, QUEUES_LONG) == 0 && n == 0); /* go */
    child_want(get_numbers(p->back, 1, 6, QUEUES_LONG) == 0);
    return 0;
}

/* CPython: _TestQueue.test_put */
Test(queue, is_emptied_by_another)
{
    party *p = party_new(&six);
    peer other;

    p->back = furrow_queue_new(&six);
    cr_assert_eq(peer_start(&other, get_six, p), 0);
    cr_assert_eq(put_numbers(p->back, 1, 6, 0), 0);
    cr_assert_eq(furrow_queue_full(p->back), 1);
    cr_assert_eq(put_number(p->q, 0, 0), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(furrow_queue_empty(p->back), 1);
    cr_assert_eq(furrow_queue_full(p->back), 0);
    party_free(p);
}

/* CPython: _TestQueue.test_put, _TestQueue.test_timeout */
Test(queue, put_waits_until_its_deadline)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    double start = left_clock();

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(put_number(p->q, 2, furrow_in(0.2)), FURROW_EFULL);
    cr_assert_geq(seconds_since(start), 0.2);
    cr_assert_eq(put_number(p->q, 2, furrow_in(-1)), FURROW_EFULL);
    cr_assert_eq(furrow_queue_size(p->q), 1);
    party_free(p);
}

static int put_five(void *shared)
{
    party *p = shared;

    child_want(put_numbers(p->q, 1, 5, QUEUES_LONG) == 0);
    return 0;
}

/* CPython: _TestQueue.test_get */
Test(queue, gets_in_order_what_another_put)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n = 0;

    cr_assert_eq(peer_start(&other, put_five, p), 0);
    cr_assert_eq(get_numbers(p->q, 1, 5, QUEUES_LONG), 0);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EEMPTY);
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}

/* CPython: _TestQueue.test_get, _TestQueue.test_timeout */
Test(queue, get_waits_until_its_deadline)
{
    party *p = party_new(NULL);
    double start = left_clock();
    uint64_t n;

    cr_assert_eq(get_number(p->q, &n, furrow_in(0.2)), FURROW_EEMPTY);
    cr_assert_geq(seconds_since(start), 0.2);
    cr_assert_eq(get_number(p->q, &n, furrow_in(-1)), FURROW_EEMPTY);
    party_free(p);
}

/* CPython: _TestQueue.test_get */
Test(queue, get_at_once_tells_that_nothing_is_there)
{
    party *p = party_new(NULL);
    uint64_t n = 77;

    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EEMPTY);
    cr_assert_eq(n, 77);
    cr_assert_eq(furrow_last_error()->code, FURROW_EEMPTY);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_get");
    party_free(p);
}

/* CPython: _TestQueue.test_qsize */
Test(queue, tells_its_size)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert_eq(furrow_queue_size(p->q), 0);
    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(furrow_queue_size(p->q), 1);
    cr_assert_eq(put_number(p->q, 5, 0), 0);
    cr_assert_eq(furrow_queue_size(p->q), 2);
    cr_assert_eq(get_number(p->q, &n, 0), 0);
    cr_assert_eq(furrow_queue_size(p->q), 1);
    cr_assert_eq(get_number(p->q, &n, 0), 0);
    cr_assert_eq(furrow_queue_size(p->q), 0);
    party_free(p);
}

static int put_ten_more(void *shared)
{
    party *p = shared;

    child_want(put_numbers(p->q, 10, 19, 0) == 0);
    return 0;
}

/* CPython: _TestQueue.test_fork */
Test(queue, is_used_on_by_who_was_started_after_the_first_put)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n = 0;

    cr_assert_eq(put_numbers(p->q, 0, 9, 0), 0);
    cr_assert_eq(peer_start(&other, put_ten_more, p), 0);
    cr_assert_eq(get_numbers(p->q, 0, 19, QUEUES_LONG), 0);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EEMPTY);
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}

Test(queue, works_at_once_in_a_fresh_process)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n;

    cr_assert_eq(peer_start(&other, put_five, p), 0);
    cr_assert_eq(get_number(p->q, &n, QUEUES_LONG), 0);
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}

Test(queue, a_put_that_fails_takes_no_slot)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    uint64_t n = 0;

    cr_assert_eq(furrow_queue_put(p->q, NULL, 8, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_size(p->q), 0);
    cr_assert_eq(put_number(p->q, 5, 0), 0);
    cr_assert_eq(furrow_queue_full(p->q), 1);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 5);
    party_free(p);
}

Test(queue, tells_whoever_puts_that_there_is_no_memory)
{
    party *p = party_new(NULL);
    uint64_t n = 0;

    cr_assert_eq(furrow_queue_put(p->q, &n, SIZE_MAX / 2, 0), FURROW_ENOMEM);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_put");
    cr_assert_eq(furrow_queue_empty(p->q), 1);
    cr_assert_eq(put_number(p->q, 5, 0), 0);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 5);
    party_free(p);
}

static int put_one(void *shared)
{
    party *p = shared;

    child_want(put_number(p->q, 1, 0) == 0);
    child_want(furrow_queue_empty(p->q) == 0);
    return 0;
}

Test(queue, is_not_empty_behind_a_put)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n;

    for (int k = 0; k < 20; k++) {
        cr_assert_eq(peer_start(&other, put_one, p), 0);
        cr_assert_eq(peer_join(&other), 0);
        cr_assert_eq(furrow_queue_empty(p->q), 0);
        cr_assert_eq(get_number(p->q, &n, 0), 0);
        cr_assert_eq(furrow_queue_empty(p->q), 1);
    }
    party_free(p);
}

static int put_hundred(void *shared)
{
    party *p = shared;

    child_want(put_numbers(p->q, 0, 99, 0) == 0);
    return 0;
}

Test(queue, who_has_put_ends_without_a_consumer)
{
    party *p = party_new(NULL);
    peer other;

    cr_assert_eq(peer_start(&other, put_hundred, p), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(furrow_queue_size(p->q), 100);
    cr_assert_eq(get_numbers(p->q, 0, 99, 0), 0);
    party_free(p);
}

static int get_then_put(void *shared)
{
    party *p = shared;
    uint64_t n;

    child_want(get_number(p->q, &n, QUEUES_LONG) == 0);
    child_want(put_number(p->back, n + 1, QUEUES_LONG) == 0);
    return 0;
}

Test(queue, wakes_a_consumer_that_sleeps)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n = 0;

    p->back = furrow_queue_new(NULL);
    cr_assert_eq(peer_start(&other, get_then_put, p), 0);
    left_sleep(0.02);
    cr_assert_eq(put_number(p->q, 41, 0), 0);
    cr_assert_eq(get_number(p->back, &n, QUEUES_LONG), 0);
    cr_assert_eq(n, 42);
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}

Test(queue, wakes_a_producer_that_sleeps)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    peer other;

    cr_assert_eq(peer_start(&other, put_five, p), 0);
    left_sleep(0.02);
    cr_assert_eq(get_numbers(p->q, 1, 5, QUEUES_LONG), 0);
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}

/* CPython: TestSimpleQueue.test_empty */
Test(queue, simple_use_is_empty_before_and_behind)
{
    party *p = party_new(NULL);
    peer other;
    uint64_t n;

    cr_assert_eq(furrow_queue_empty(p->q), 1);
    cr_assert_eq(peer_start(&other, put_five, p), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(furrow_queue_empty(p->q), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(get_number(p->q, &n, FURROW_FOREVER), 0);
    cr_assert_eq(furrow_queue_empty(p->q), 1);
    party_free(p);
}

static int answer_in(void *shared)
{
    party *p = shared;
    furrow_queue *inner;
    size_t size;

    child_want(furrow_queue_get(p->q, &inner, sizeof inner, &size, QUEUES_LONG) == 0);
    child_want(size == sizeof inner);
    return put_number(inner, 42, QUEUES_LONG);
}

/* CPython: _TestContainers.test_nested_queue */
Test(queue, carries_a_queue)
{
    party *p = party_new(NULL);
    furrow_queue *inner = furrow_queue_new(NULL);
    peer other;
    uint64_t n = 0;

    cr_assert_eq(peer_start(&other, answer_in, p), 0);
    cr_assert_eq(furrow_queue_put(p->q, &inner, sizeof inner, 0), 0);
    cr_assert_eq(get_number(inner, &n, QUEUES_LONG), 0);
    cr_assert_eq(n, 42);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(furrow_queue_free(inner), 0);
    party_free(p);
}

Test(queue, leaves_nothing_behind)
{
    left_mark before = left_now_with_heap();

    for (int k = 0; k < 20; k++) {
        party *p = party_new(k % 2 ? &six : NULL);
        char large[1000] = {0};

        for (int i = 0; i < k % 6; i++)
            cr_assert_eq(furrow_queue_put(p->q, large, sizeof large, 0), 0);
        party_free(p);
    }
    cr_assert_eq(left_since(&before, 0), 0);
}

/* ---- mistakes ---------------------------------------------------------------------*/

Test(queue, refuses_what_is_no_queue)
{
    static _Alignas(128) char zeros[2048];
    furrow_queue *none = (furrow_queue *)(void *)zeros;
    uint64_t n = 0;

    cr_assert_eq(put_number(none, 1, 0), FURROW_EINVAL);
    cr_assert_eq(get_number(none, &n, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_size(none), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_close(none), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_free(none), FURROW_EINVAL);
}

Test(queue, keeps_the_message_of_a_failed_constructor)
{
    furrow_queue_options wrong = {.capacity = SIZE_MAX};
    furrow_queue *q = furrow_queue_new(&wrong);

    cr_assert_null(q);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_new");
    cr_assert_eq(put_number(q, 1, 0), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_new");
    cr_assert_eq(furrow_queue_free(q), 0);
}

Test(queue, refuses_impossible_options)
{
    cr_assert_null(furrow_queue_new(&(furrow_queue_options){.in_place = SIZE_MAX}));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_queue_new(&(furrow_queue_options){.producers = -1}));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_queue_new(
        &(furrow_queue_options){.capacity = INT32_MAX, .in_place = INT32_MAX}));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
}

Test(queue, is_not_freed_twice)
{
    party *p = party_new(NULL);
    furrow_queue *q = p->q;

    cr_assert_eq(furrow_queue_free(q), 0);
    cr_assert_eq(furrow_queue_free(q), FURROW_EINVAL);
    cr_assert_eq(put_number(q, 1, 0), FURROW_EINVAL);
    p->q = NULL;
    cr_assert_eq(fw_heap_free(p), 0);
}

Test(queue, tells_that_it_was_overwritten)
{
    party *p = party_new(NULL);
    uint32_t capacity = p->q->ring.capacity;

    p->q->ring.capacity = capacity + 1;
    cr_assert_eq(put_number(p->q, 1, 0), FURROW_EINVAL);
    p->q->ring.capacity = capacity;
    party_free(p);
}

Test(queue, drops_a_message_whose_length_cannot_be_true)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert(put_number(p->q, 1, 0) == 0 && put_number(p->q, 2, 0) == 0);
    fw_ring_slot(&p->q->ring, 0)->size = 100000;
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_ECORRUPT);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 2);
    party_free(p);
}
