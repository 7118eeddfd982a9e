/* SPDX-License-Identifier: MIT
 *
 * rival_ck.c - the ring of Concurrency Kit, messages in it by value; in shared memory as
 * well as in private. A producer that is killed in an mpmc ring between its two words
 * leaves all others spinning.
 */
#include "rival.h"

#include <ck_ring.h>
#include <stdalign.h>
#include <string.h>

struct message {
    char bytes[BENCH_MESSAGE];
};

CK_RING_PROTOTYPE(message, message)

typedef struct queue {
    alignas(128) ck_ring_t ring;
    alignas(128) struct message place[BENCH_RIVAL_PLACES];
} queue;

static queue *q;

static int make(void *at, size_t room)
{
    if (room < sizeof *q)
        return -1;
    q = at;
    ck_ring_init(&q->ring, BENCH_RIVAL_PLACES);
    return 0;
}

static int put_spsc(const void *message)
{
    struct message m;
    memcpy(&m, message, sizeof m);
    return ck_ring_enqueue_spsc_message(&q->ring, q->place, &m);
}

static int get_spsc(void *message)
{
    return ck_ring_dequeue_spsc_message(&q->ring, q->place, message);
}

static int put_mpmc(const void *message)
{
    struct message m;
    memcpy(&m, message, sizeof m);
    return ck_ring_enqueue_mpmc_message(&q->ring, q->place, &m);
}

static int get_mpmc(void *message)
{
    return ck_ring_dequeue_mpmc_message(&q->ring, q->place, message);
}

const bench_rival bench_rival_ck_spsc = {
    .make = make, .put = put_spsc, .get = get_spsc};
const bench_rival bench_rival_ck_mpmc = {
    .make = make, .put = put_mpmc, .get = get_mpmc};
