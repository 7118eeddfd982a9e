/* SPDX-License-Identifier: MIT
 *
 * The end of a queue: nothing is put any more, what is there is got, and then all are told.
 */
#include "queues.h"

/* CPython: _TestQueue.test_closed_queue_put_get_exceptions */
Test(queue_close, put_and_get_fail)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert_eq(put_number(p->q, 1, FURROW_FOREVER), FURROW_ECLOSED);
    cr_assert_eq(get_number(p->q, &n, FURROW_FOREVER), FURROW_ECLOSED);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_get");
    party_free(p);
}

/* CPython: _TestQueue.test_closed_queue_empty_exceptions */
Test(queue_close, empty_fails_when_it_is_freed)
{
    furrow_queue *q = furrow_queue_new(NULL);

    cr_assert_eq(put_number(q, 1, 0), 0);
    cr_assert_eq(furrow_queue_close(q), 0);
    cr_assert_eq(furrow_queue_empty(q), 0);
    cr_assert_eq(furrow_queue_free(q), 0);
    cr_assert_eq(furrow_queue_empty(q), FURROW_EINVAL);
}

/* CPython: TestSimpleQueue.test_empty_exceptions */
Test(queue_close, emptiness_of_a_closed_one_that_is_gone_is_an_error)
{
    furrow_queue *q = furrow_queue_new(NULL);

    cr_assert_eq(furrow_queue_close(q), 0);
    cr_assert_eq(furrow_queue_empty(q), 1);
    cr_assert_eq(furrow_queue_free(q), 0);
    cr_assert_eq(furrow_queue_empty(q), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_queue_empty");
}

/* CPython: TestSimpleQueue.test_close */
Test(queue_close, may_be_closed_twice)
{
    party *p = party_new(NULL);

    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    party_free(p);
}

Test(queue_close, of_another_is_seen_here)
{
    party *p = party_new(NULL);
    peer other;

    cr_assert_eq(peer_start(&other, (int (*)(void *))furrow_queue_close, p->q), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(put_number(p->q, 1, 0), FURROW_ECLOSED);
    cr_assert_eq(furrow_queue_empty(p->q), 1);
    party_free(p);
}

Test(queue_close, what_is_in_it_can_still_be_got)
{
    party *p = party_new(NULL);
    uint64_t n = 0;

    cr_assert(put_number(p->q, 1, 0) == 0 && put_number(p->q, 2, 0) == 0);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert_eq(furrow_queue_size(p->q), 2);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 1);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 2);
    cr_assert_eq(get_number(p->q, &n, FURROW_FOREVER), FURROW_ECLOSED);
    party_free(p);
}

static int get_until_closed(void *shared)
{
    party *p = shared;
    uint64_t n;
    int rc;

    while ((rc = get_number(p->q, &n, QUEUES_LONG)) == 0)
        (void)fw_add_seqcst(&p->number[0], n);
    child_want(rc == FURROW_ECLOSED);
    return 0;
}

Test(queue_close, ends_all_consumers)
{
    party *p = party_new(NULL);
    peer other[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_start(&other[i], get_until_closed, p), 0);
    for (uint64_t i = 1; i <= 100; i++)
        cr_assert_eq(put_number(p->q, i, QUEUES_LONG), 0);
    left_sleep(0.01);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_join(&other[i]), 0);
    cr_assert_eq(fw_load_seqcst(&p->number[0]), 5050);
    party_free(p);
}

static int put_into_full(void *shared)
{
    party *p = shared;

    child_want(put_number(p->q, 2, QUEUES_LONG) == FURROW_ECLOSED);
    return 0;
}

Test(queue_close, ends_a_producer_that_waits_for_room)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    peer other;

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(peer_start(&other, put_into_full, p), 0);
    left_sleep(0.02);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(furrow_queue_size(p->q), 1);
    party_free(p);
}

/* Counts what it put before it was told. */
static int put_until_closed(void *shared)
{
    party *p = shared;
    int rc;

    while ((rc = put_number(p->q, 1, QUEUES_LONG)) == 0)
        (void)fw_add_seqcst(&p->number[1], 1);
    child_want(rc == FURROW_ECLOSED);
    return 0;
}

static void close_amid(const furrow_queue_options *o)
{
    for (int k = 0; k < 30; k++) {
        party *p = party_new(o);
        int producers = o->producers == 1 ? 1 : 2;
        peer putter[2], getter;

        for (int i = 0; i < producers; i++)
            cr_assert_eq(peer_start(&putter[i], put_until_closed, p), 0);
        cr_assert_eq(peer_start(&getter, get_until_closed, p), 0);
        while (fw_load_seqcst(&p->number[1]) < (uint64_t)k)
            left_sleep(0.0001);
        cr_assert_eq(furrow_queue_close(p->q), 0);
        cr_assert_eq(peer_join(&getter), 0);
        for (int i = 0; i < producers; i++)
            cr_assert_eq(peer_join(&putter[i]), 0);
        cr_assert_eq(furrow_queue_size(p->q), 0);
        cr_assert_eq(fw_load_seqcst(&p->number[0]), fw_load_seqcst(&p->number[1]));
        party_free(p);
    }
}

Test(queue_close, amid_puts_loses_none_that_succeeded)
{
    furrow_queue_options o = {.capacity = 4};

    close_amid(&o);
}

Test(queue_close, amid_lone_ones_loses_none_that_succeeded)
{
    furrow_queue_options o = {.capacity = 4, .producers = 1, .consumers = 1};

    close_amid(&o);
}
