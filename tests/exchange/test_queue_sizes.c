/* SPDX-License-Identifier: MIT
 *
 * Messages of all sizes: in place, in blocks, with and without a copy, many at once.
 */
#include "queues.h"

static const size_t around_a_slot[] = {0,  1,   7,   8,   47,  48,  49,  63,
                                       64, 111, 112, 113, 127, 128, 129, 4096};

/* One message of that size through the queue, there and back again. */
static void pass_one(furrow_queue *q, size_t size)
{
    unsigned char in[5000], out[5000];
    size_t got = SIZE_MAX;

    fill_bytes(in, sizeof in, size);
    memset(out, 0xEE, sizeof out);
    cr_assert_eq(furrow_queue_put(q, in, size, 0), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_queue_get(q, out, sizeof out, &got, 0), 0);
    cr_assert_eq(got, size);
    cr_assert(are_bytes(out, size, size));
    cr_assert_eq(out[size], 0xEE);
}

static void pass_all(const furrow_queue_options *o)
{
    party *p = party_new(o);

    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof around_a_slot / sizeof *around_a_slot; i++)
            pass_one(p->q, around_a_slot[i]);
    party_free(p);
}

Test(queue_sizes, around_the_end_of_a_slot)
{
    furrow_queue_options o = {.capacity = 5};

    pass_all(&o);
}

Test(queue_sizes, around_the_end_of_a_smallest_slot)
{
    furrow_queue_options o = {.capacity = 1, .in_place = 1};

    pass_all(&o);
}

Test(queue_sizes, around_the_end_of_a_large_slot)
{
    furrow_queue_options o = {.capacity = 3, .in_place = 4096};

    pass_all(&o);
}

Test(queue_sizes, between_one_producer_and_one_consumer)
{
    furrow_queue_options o = {.capacity = 2, .producers = 1, .consumers = 1};

    pass_all(&o);
}

Test(queue_sizes, empty_messages_are_messages)
{
    party *p = party_new(NULL);
    size_t size = 9;

    cr_assert_eq(furrow_queue_put(p->q, NULL, 0, 0), 0);
    cr_assert_eq(furrow_queue_put(p->q, "", 0, 0), 0);
    cr_assert_eq(furrow_queue_size(p->q), 2);
    cr_assert_eq(furrow_queue_get(p->q, NULL, 0, &size, 0), 0);
    cr_assert_eq(size, 0);
    cr_assert_eq(furrow_queue_get(p->q, NULL, 0, NULL, 0), 0);
    cr_assert_eq(furrow_queue_get(p->q, NULL, 0, NULL, 0), FURROW_EEMPTY);
    party_free(p);
}

static void too_short(size_t size)
{
    party *p = party_new(NULL);
    unsigned char in[300], out[300];
    size_t got = 0;

    fill_bytes(in, sizeof in, 1);
    cr_assert_eq(furrow_queue_put(p->q, in, size, 0), 0);
    cr_assert_eq(furrow_queue_put(p->q, in, 1, 0), 0);
    cr_assert_eq(furrow_queue_get(p->q, out, size - 1, &got, 0), FURROW_ESHORT);
    cr_assert_eq(got, size);
    cr_assert_eq(furrow_queue_size(p->q), 2);
    cr_assert_eq(furrow_queue_get(p->q, out, got, &got, 0), 0);
    cr_assert(got == size && are_bytes(out, size, 1));
    cr_assert_eq(furrow_queue_get(p->q, out, 1, &got, 0), 0);
    cr_assert_eq(got, 1);
    party_free(p);
}

Test(queue_sizes, a_short_buffer_keeps_the_message)
{
    too_short(100);
}

Test(queue_sizes, a_short_buffer_keeps_the_block)
{
    too_short(300);
}

static int put_large(void *shared)
{
    party *p = shared;
    furrow_message m;

    child_want(furrow_message_new(&m, p->bytes) == 0);
    fill_bytes(m.data, m.size, 3);
    child_want(furrow_queue_put(p->q, m.data, m.size, QUEUES_LONG) == 0);
    child_want(furrow_message_free(&m) == 0);
    return 0;
}

static void large_of(size_t size)
{
    party *p = party_new(NULL);
    furrow_message m = {0};
    peer other;

    p->bytes = size;
    cr_assert_eq(peer_start(&other, put_large, p), 0);
    cr_assert_eq(furrow_queue_get_message(p->q, &m, QUEUES_LONG), 0);
    cr_assert_eq(peer_join(&other), 0);
    cr_assert_eq(m.size, size);
    cr_assert(are_bytes(m.data, size, 3));
    cr_assert_eq(furrow_message_free(&m), 0);
    party_free(p);
}

Test(queue_sizes, a_million_bytes)
{
    large_of(1000003);
}

Test(queue_sizes, a_hundred_million_bytes)
{
    large_of((size_t)100 << 20);
}

Test(queue_sizes, without_a_copy_it_is_the_same_memory)
{
    party *p = party_new(NULL);
    furrow_message in, out;
    void *data;

    cr_assert_eq(furrow_message_new(&in, 5000), 0);
    fill_bytes(in.data, 5000, 4);
    data = in.data;
    cr_assert_eq(furrow_queue_put_message(p->q, &in, 0), 0);
    cr_assert_null(in.data);
    cr_assert_eq(furrow_queue_get_message(p->q, &out, 0), 0);
    cr_assert_eq(out.data, data);
    cr_assert_eq(out.size, 5000);
    cr_assert(are_bytes(out.data, 5000, 4));
    cr_assert_eq(furrow_queue_put_message(p->q, &out, 0), 0);
    cr_assert_eq(furrow_queue_get_message(p->q, &out, 0), 0);
    cr_assert_eq(furrow_message_free(&out), 0);
    cr_assert_null(out.data);
    cr_assert_eq(furrow_message_free(&out), 0);
    party_free(p);
}

Test(queue_sizes, a_small_one_without_a_copy)
{
    party *p = party_new(NULL);
    furrow_message in, out;
    uint64_t n = 5;

    cr_assert_eq(furrow_message_new(&in, 8), 0);
    memcpy(in.data, &n, 8);
    cr_assert_eq(furrow_queue_put_message(p->q, &in, 0), 0);
    n = 0;
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 5);
    cr_assert_eq(put_number(p->q, 6, 0), 0);
    cr_assert_eq(furrow_queue_get_message(p->q, &out, 0), 0);
    cr_assert_eq(out.size, 8);
    cr_assert_eq(*(uint64_t *)out.data, 6);
    cr_assert_eq(furrow_message_free(&out), 0);
    party_free(p);
}

Test(queue_sizes, a_message_that_does_not_fit_in_stays_the_callers)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    furrow_message m;

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(furrow_message_new(&m, 100), 0);
    cr_assert_eq(furrow_queue_put_message(p->q, &m, 0), FURROW_EFULL);
    cr_assert_not_null(m.data);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert_eq(furrow_queue_put_message(p->q, &m, 0), FURROW_ECLOSED);
    cr_assert_eq(furrow_message_free(&m), 0);
    party_free(p);
}

Test(queue_sizes, refuses_a_message_from_elsewhere)
{
    party *p = party_new(NULL);
    furrow_queue_options one = {.capacity = 1};
    char mine[100];
    furrow_message m = {mine, sizeof mine};

    p->back = furrow_queue_new(&one);
    cr_assert_eq(furrow_queue_put_message(p->back, &m, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_empty(p->back), 1);
    cr_assert_eq(put_number(p->back, 1, 0), 0);
    cr_assert_eq(furrow_queue_put_message(p->q, &(furrow_message){0}, 0),
                 FURROW_EINVAL);
    party_free(p);
}

/* ---- many at once -----------------------------------------------------------------*/

enum { MANY = 10 };

Test(queue_sizes, many_are_put_and_got_in_order)
{
    party *p = party_new(NULL);
    uint64_t in[MANY], out[MANY];
    furrow_message from[MANY], into[MANY + 4] = {0};
    size_t done = 0;

    for (size_t i = 0; i < MANY; i++) {
        in[i] = i;
        from[i] = (furrow_message){&in[i], i % 2 ? 8 : 4};
        into[i] = (furrow_message){&out[i], 8};
    }
    cr_assert_eq(furrow_queue_put_many(p->q, from, MANY, &done, 0), 0);
    cr_assert_eq(done, MANY);
    cr_assert_eq(furrow_queue_get_many(p->q, into, 4, &done, 0), 0);
    cr_assert_eq(done, 4);
    cr_assert_eq(furrow_queue_get_many(p->q, into + 4, MANY, &done, 0), 0);
    cr_assert_eq(done, MANY - 4);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(into[i].size == from[i].size && (uint32_t)out[i] == i);
    cr_assert_eq(furrow_queue_get_many(p->q, into, MANY, &done, 0), FURROW_EEMPTY);
    cr_assert_eq(done, 0);
    party_free(p);
}

Test(queue_sizes, many_are_put_as_far_as_there_is_room)
{
    furrow_queue_options o = {.capacity = 3};
    party *p = party_new(&o);
    uint64_t n = 1;
    furrow_message from[5];
    size_t done = 0;

    for (int i = 0; i < 5; i++)
        from[i] = (furrow_message){&n, 8};
    cr_assert_eq(furrow_queue_put_many(p->q, from, 5, &done, furrow_in(0.01)),
                 FURROW_EFULL);
    cr_assert_eq(done, 3);
    cr_assert_eq(furrow_queue_size(p->q), 3);
    party_free(p);
}

Test(queue_sizes, many_end_at_one_that_is_too_long)
{
    party *p = party_new(NULL);
    uint64_t out[2];
    furrow_message into[2] = {{&out[0], 8}, {&out[1], 8}};
    size_t done = 0;

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(furrow_queue_put(p->q, "0123456789", 10, 0), 0);
    cr_assert_eq(furrow_queue_get_many(p->q, into, 2, &done, 0), 0);
    cr_assert_eq(done, 1);
    cr_assert_eq(into[1].size, 10);
    cr_assert_eq(furrow_queue_get_many(p->q, into, 1, &done, 0), FURROW_ESHORT);
    party_free(p);
}

static int put_in_batches(void *shared)
{
    party *p = shared;
    uint64_t n[16];
    furrow_message from[16];
    size_t done;

    for (uint64_t next = 0; next < 1600; next += 16) {
        for (uint64_t i = 0; i < 16; i++) {
            n[i] = next + i;
            from[i] = (furrow_message){&n[i], 8};
        }
        child_want(furrow_queue_put_many(p->q, from, 16, &done, QUEUES_LONG) == 0);
        child_want(done == 16);
    }
    return 0;
}

Test(queue_sizes, batches_between_two)
{
    furrow_queue_options o = {.capacity = 7};
    party *p = party_new(&o);
    uint64_t next = 0, out[5];
    furrow_message into[5];
    size_t done;
    peer other;

    cr_assert_eq(peer_start(&other, put_in_batches, p), 0);
    while (next < 1600) {
        for (int i = 0; i < 5; i++)
            into[i] = (furrow_message){&out[i], 8};
        cr_assert_eq(furrow_queue_get_many(p->q, into, 5, &done, QUEUES_LONG), 0);
        for (size_t i = 0; i < done; i++)
            cr_assert_eq(out[i], next++);
    }
    cr_assert_eq(peer_join(&other), 0);
    party_free(p);
}
