/* SPDX-License-Identifier: MIT
 *
 * The ring of slots: rounds, ends and tombs, in one thread that plays all parts.
 */
#include "heap.h"
#include "participant.h"
#include "ring.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ME = 0x1001, OTHER = 0x1002 };

static fw_ring *ring_new(uint32_t capacity)
{
    fw_ring *r = fw_heap_alloc(sizeof *r + capacity * sizeof(fw_ringslot));

    cr_assert_not_null(r);
    r->capacity = capacity;
    r->stride = sizeof(fw_ringslot);
    return r;
}

static int put(fw_ring *r, uint64_t value)
{
    fw_claim c;

    if (!fw_ring_claim(r, ME, &c))
        return 0;
    c.slot->size = value;
    return fw_ring_publish(r, &c);
}

static uint64_t get(fw_ring *r)
{
    fw_claim c;
    uint64_t value;

    if (!fw_ring_take(r, ME, &c))
        return 0;
    value = c.slot->size;
    cr_assert(fw_ring_finish(r, &c));
    return value;
}

Test(ring, is_empty_at_first)
{
    fw_ring *r = ring_new(3);
    uint64_t end = 99;

    cr_assert_eq(get(r), 0);
    cr_assert_eq(fw_ring_count(r), 0);
    cr_assert(!fw_ring_has_some(r));
    cr_assert(fw_ring_used_up(r, &end));
    cr_assert_eq(end, 0);
    cr_assert(fw_ring_ends_at(r, end));
}

Test(ring, is_full_after_its_capacity)
{
    fw_ring *r = ring_new(3);

    for (uint64_t i = 1; i <= 3; i++)
        cr_assert(put(r, i));
    cr_assert(!put(r, 4));
    cr_assert_eq(fw_ring_count(r), 3);
}

Test(ring, keeps_the_order_over_many_rounds)
{
    for (uint32_t capacity = 1; capacity <= 5; capacity++) {
        fw_ring *r = ring_new(capacity);
        uint64_t in = 0, out = 0;

        for (int k = 0; k < 200; k++) {
            for (int i = 0; i < k % 7; i++)
                in += (uint64_t)put(r, in + 1);
            cr_assert_eq(fw_ring_count(r), in - out);
            for (int i = 0; i < k % 5 && out < in; i++)
                cr_assert_eq(get(r), ++out);
        }
        cr_assert_gt(out, 100);
    }
}

Test(ring, wraps_where_the_rounds_end)
{
    fw_ring *r = ring_new(2);
    uint64_t out = 0;

    fw_store_seqcst(&r->head, UINT64_C(0xFFFFFFFF) << 32);
    fw_store_seqcst(&r->tail, UINT64_C(0xFFFFFFFF) << 32);
    for (uint64_t i = 0; i < 2; i++)
        fw_store_seqcst(&fw_ring_slot(r, i)->word,
                        fw_slot_word(0xFFFFFFFF, FW_SLOT_FREE, 0));
    for (uint64_t i = 1; i <= 9; i++) {
        cr_assert(put(r, i));
        if (i % 2 == 0) {
            cr_assert(!put(r, 99));
            cr_assert_eq(get(r), ++out);
            cr_assert_eq(get(r), ++out);
        }
    }
    cr_assert_eq(get(r), 9);
    cr_assert_eq(get(r), 0);
}

Test(ring, finds_its_way_with_hints_far_behind)
{
    fw_ring *r = ring_new(4);

    for (uint64_t i = 1; i <= 50; i++) {
        cr_assert(put(r, i));
        cr_assert(i < 3 || get(r) == i - 2);
        fw_store_seqcst(&r->head, 0);
        fw_store_seqcst(&r->tail, 0);
    }
    cr_assert_eq(fw_ring_count(r), 2);
    cr_assert(put(r, 51) && put(r, 52) && !put(r, 53));
    for (uint64_t i = 49; i <= 52; i++)
        cr_assert_eq(get(r), i);
    cr_assert_eq(get(r), 0);
}

Test(ring, skips_what_others_have_claimed)
{
    fw_ring *r = ring_new(4);
    fw_claim slow, c;

    cr_assert(fw_ring_claim(r, OTHER, &slow));
    cr_assert(put(r, 2));
    cr_assert_eq(get(r), 2);
    cr_assert(!fw_ring_take(r, ME, &c));
    cr_assert(c.open);
    slow.slot->size = 1;
    cr_assert(fw_ring_publish(r, &slow));
    cr_assert_eq(get(r), 1);
    cr_assert(!fw_ring_take(r, ME, &c));
    cr_assert(!c.open);
}

Test(ring, goes_round_to_a_claimed_slot_and_no_further)
{
    fw_ring *r = ring_new(4);
    fw_claim slow, c;

    cr_assert(fw_ring_claim(r, OTHER, &slow));
    for (uint64_t i = 1; i <= 3; i++)
        cr_assert(put(r, i) && get(r) == i);
    cr_assert(!fw_ring_claim(r, ME, &c));
    cr_assert_eq(fw_slot_owner(c.word), OTHER);
    fw_ring_give_up(r, &slow);
    for (uint64_t i = 1; i <= 9; i++)
        cr_assert(put(r, i) && get(r) == i);
}

Test(ring, puts_a_message_back_in_its_place)
{
    fw_ring *r = ring_new(4);
    fw_claim c;

    cr_assert(put(r, 1) && put(r, 2));
    cr_assert(fw_ring_take(r, ME, &c));
    cr_assert_eq(fw_ring_count(r), 1);
    fw_ring_put_back(&c);
    cr_assert_eq(fw_ring_count(r), 2);
    cr_assert_eq(get(r), 1);
    cr_assert_eq(get(r), 2);
}

Test(ring, buries_a_dead_producer)
{
    fw_ring *r = ring_new(2);
    fw_claim c;

    cr_assert(fw_ring_claim(r, ME, &c)); /* a number that nobody ever had */
    cr_assert(put(r, 2));
    cr_assert_eq(fw_ring_recover(r), 1);
    cr_assert_eq(fw_ring_recover(r), 0);
    cr_assert_eq(get(r), 2);
    cr_assert_eq(get(r), 0);
    cr_assert(put(r, 3) && put(r, 4) && !put(r, 5));
}

Test(ring, gives_out_again_what_a_dead_consumer_took)
{
    fw_ring *r = ring_new(3);
    fw_claim c;

    cr_assert(put(r, 1) && put(r, 2));
    cr_assert(fw_ring_take(r, ME, &c));
    cr_assert_eq(get(r), 2);
    cr_assert_eq(fw_ring_recover(r), 1);
    cr_assert_eq(get(r), 1);
    cr_assert_eq(get(r), 0);
}

Test(ring, leaves_the_living_alone)
{
    fw_ring *r = ring_new(3);
    uint32_t me = fw_participant_owner();
    fw_claim put_here, take_here;

    cr_assert(put(r, 1));
    cr_assert(fw_ring_take(r, me, &take_here));
    cr_assert(fw_ring_claim(r, me, &put_here));
    cr_assert_eq(fw_ring_recover(r), 0);
    cr_assert(fw_ring_publish(r, &put_here));
    cr_assert(fw_ring_finish(r, &take_here));
}

Test(ring, a_full_ring_of_tombs_is_an_empty_one)
{
    fw_ring *r = ring_new(3);
    fw_claim c;

    for (int i = 0; i < 3; i++)
        cr_assert(fw_ring_claim(r, ME, &c));
    cr_assert(!put(r, 1));
    cr_assert_eq(fw_ring_recover(r), 3);
    cr_assert(put(r, 1));
    cr_assert_eq(get(r), 1);
    cr_assert_eq(get(r), 0);
}

Test(ring, a_lone_producer_claims_nothing)
{
    fw_ring *r = ring_new(2);
    fw_claim c;

    cr_assert(fw_ring_claim(r, 0, &c)); /* and dies */
    cr_assert(fw_ring_claim(r, 0, &c));
    c.slot->size = 1;
    cr_assert(fw_ring_publish(r, &c));
    cr_assert_eq(fw_ring_recover(r), 0);
    cr_assert_eq(get(r), 1);
    for (uint64_t i = 2; i < 9; i++) {
        cr_assert(fw_ring_claim(r, 0, &c));
        c.slot->size = i;
        cr_assert(fw_ring_publish(r, &c));
        cr_assert_eq(get(r), i);
    }
}

Test(ring, a_lone_consumer_sees_what_was_withdrawn)
{
    fw_ring *r = ring_new(2);
    fw_claim in, out;

    cr_assert(fw_ring_claim(r, 0, &in));
    cr_assert(fw_ring_publish(r, &in));
    cr_assert(fw_ring_take(r, 0, &out));
    cr_assert(fw_ring_withdraw(&in));
    cr_assert(!fw_ring_finish(r, &out));
    cr_assert(!fw_ring_take(r, 0, &out));
    cr_assert(put(r, 1));
    cr_assert_eq(get(r), 1);
}

Test(ring, what_is_taken_cannot_be_withdrawn)
{
    fw_ring *r = ring_new(2);
    fw_claim in, out;

    cr_assert(fw_ring_claim(r, 0, &in));
    cr_assert(fw_ring_publish(r, &in));
    cr_assert(fw_ring_take(r, 0, &out));
    cr_assert(fw_ring_finish(r, &out));
    cr_assert(!fw_ring_withdraw(&in));
}

Test(ring, is_used_up_when_the_last_is_emptied)
{
    fw_ring *r = ring_new(2);
    fw_claim c;
    uint64_t end;

    cr_assert(put(r, 1));
    cr_assert(!fw_ring_used_up(r, &end));
    cr_assert(fw_ring_take(r, ME, &c));
    cr_assert(!fw_ring_used_up(r, &end));
    cr_assert(fw_ring_finish(r, &c));
    cr_assert(fw_ring_used_up(r, &end));
    cr_assert(fw_ring_ends_at(r, end));
    cr_assert(put(r, 2));
    cr_assert(!fw_ring_ends_at(r, end));
}

Test(ring, a_full_ring_is_not_used_up)
{
    fw_ring *r = ring_new(1);
    uint64_t end;

    for (uint64_t i = 1; i < 5; i++) {
        cr_assert(put(r, i));
        cr_assert(!fw_ring_used_up(r, &end));
        cr_assert_eq(get(r), i);
        cr_assert(fw_ring_used_up(r, &end));
    }
}
