/* SPDX-License-Identifier: MIT
 *
 * Many producers and consumers: each message once, and each producer's in his order.
 */
#include "queues.h"

enum { PEERS = 4, EACH = 2000 };

typedef struct hall {
    furrow_queue *q;
    _Atomic uint64_t next_producer, got[PEERS], sum;
    _Atomic uint64_t disorder;
    size_t size;
} hall;

typedef struct letter {
    uint64_t from, number;
    unsigned char rest[400];
} letter;

static int produce(void *shared)
{
    hall *h = shared;
    letter l = {.from = fw_add_seqcst(&h->next_producer, 1)};

    for (l.number = 1; l.number <= EACH; l.number++) {
        fill_bytes(l.rest, sizeof l.rest, l.number);
        child_want(furrow_queue_put(h->q, &l, h->size, QUEUES_LONG) == 0);
    }
    return 0;
}

static int consume(void *shared)
{
    hall *h = shared;
    uint64_t last[PEERS] = {0};
    letter l;
    size_t size;
    int rc;

    while ((rc = furrow_queue_get(h->q, &l, sizeof l, &size, QUEUES_LONG)) == 0) {
        child_want(size == h->size && l.from < PEERS);
        child_want(are_bytes(l.rest, size - offsetof(letter, rest), l.number));
        if (l.number <= last[l.from])
            (void)fw_add_seqcst(&h->disorder, 1);
        last[l.from] = l.number;
        (void)fw_add_seqcst(&h->got[l.from], 1);
        (void)fw_add_seqcst(&h->sum, l.number);
    }
    child_want(rc == FURROW_ECLOSED);
    return 0;
}

static void run_hall(const furrow_queue_options *o, int producers, int consumers,
                     size_t size)
{
    hall *h = fw_heap_alloc(sizeof *h);
    peer in[PEERS], out[PEERS];

    fw_heap_publish_pair(h, NULL);
    h->q = furrow_queue_new(o);
    h->size = size;
    for (int i = 0; i < consumers; i++)
        cr_assert_eq(peer_start(&out[i], consume, h), 0);
    for (int i = 0; i < producers; i++)
        cr_assert_eq(peer_start(&in[i], produce, h), 0);
    for (int i = 0; i < producers; i++)
        cr_assert_eq(peer_join(&in[i]), 0);
    cr_assert_eq(furrow_queue_close(h->q), 0);
    for (int i = 0; i < consumers; i++)
        cr_assert_eq(peer_join(&out[i]), 0);
    for (int i = 0; i < producers; i++)
        cr_assert_eq(fw_load_seqcst(&h->got[i]), EACH);
    cr_assert_eq(fw_load_seqcst(&h->sum), (uint64_t)producers * EACH * (EACH + 1) / 2);
    cr_assert_eq(fw_load_seqcst(&h->disorder), 0);
    cr_assert_eq(furrow_queue_size(h->q), 0);
    cr_assert_eq(furrow_queue_free(h->q), 0);
    cr_assert_eq(fw_heap_free(h), 0);
    cr_assert_eq(furrow_fsck(), 0);
}

static const furrow_queue_options few = {.capacity = 8}, one = {.capacity = 1},
                                  lone = {
                                      .capacity = 8, .producers = 1, .consumers = 1};

Test(queue_peers, four_to_four_in_place)
{
    run_hall(&few, 4, 4, 64);
}

Test(queue_peers, four_to_four_in_blocks)
{
    run_hall(&few, 4, 4, sizeof(letter));
}

Test(queue_peers, one_to_one)
{
    run_hall(NULL, 1, 1, 64);
}

Test(queue_peers, four_to_one)
{
    run_hall(&few, 4, 1, 64);
}

Test(queue_peers, one_to_four)
{
    run_hall(&few, 1, 4, 64);
}

Test(queue_peers, four_to_four_through_one_slot)
{
    run_hall(&one, 4, 4, 64);
}

Test(queue_peers, two_to_two_in_a_usual_queue)
{
    run_hall(NULL, 2, 2, 64);
}

Test(queue_peers, a_lone_pair_in_place)
{
    run_hall(&lone, 1, 1, 64);
}

Test(queue_peers, a_lone_pair_in_blocks)
{
    run_hall(&lone, 1, 1, sizeof(letter));
}

static int puts_its_method(void *arg, size_t size)
{
    uint64_t method = (uint64_t)furrow_context_get(0);
    furrow_queue *q = *(furrow_queue **)arg;

    child_want(size == sizeof q);
    child_want(furrow_queue_put(q, &method, sizeof method, QUEUES_LONG) == 0);
    return 0;
}

/* CPython: TestStartMethod.test_mixed_startmethod (fork) */
Test(queue_peers, of_all_start_methods_use_the_same_queue)
{
    furrow_queue *q = furrow_queue_new(NULL);
    uint64_t method;
    size_t size;

    unsetenv("BXFI_MAP");
    for (int m = FURROW_START_FORK; m <= FURROW_START_FORKSERVER; m++) {
        furrow_process_options o = {.start = (furrow_start)m};
        furrow_process *p = furrow_process_new(puts_its_method, &q, sizeof q, &o);
        int code = -1;

        cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
        cr_assert_eq(furrow_queue_get(q, &method, sizeof method, &size, QUEUES_LONG),
                     0);
        cr_assert_eq(furrow_process_join(p, furrow_in(20)), 0);
        cr_assert(furrow_process_exit_code(p, &code) == 0 && code == 0);
        cr_assert_eq(furrow_process_free(p), 0);
    }
    cr_assert_eq(furrow_queue_free(q), 0);
}
