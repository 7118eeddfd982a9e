/* SPDX-License-Identifier: MIT
 *
 * What the suites of queues share: a queue and a few counters in the heap, for peers to find
 * by one pointer.
 */
#ifndef QUEUES_H
#define QUEUES_H

#include "furrow.h"
#include "heap.h"
#include "left.h"
#include "peer.h"
#include "queue.h"

#include <criterion/criterion.h>
#include <stdint.h>

#define QUEUES_LONG furrow_in(10) /* what is to come, comes before that */

typedef struct party {
    furrow_queue *q, *back;
    _Atomic uint64_t number[8];
    size_t bytes;
} party;

/* A party with a queue of these options (NULL: the usual ones). */
static inline party *party_new(const furrow_queue_options *o)
{
    party *p = fw_heap_alloc(sizeof *p);

    cr_assert_not_null(p);
    fw_heap_publish_pair(p, NULL);
    p->q = furrow_queue_new(o);
    cr_assert_not_null(p->q, "%s", furrow_last_error()->text);
    return p;
}

static inline void party_free(party *p)
{
    cr_assert_eq(furrow_queue_free(p->q), 0);
    cr_assert_eq(furrow_queue_free(p->back), 0);
    cr_assert_eq(fw_heap_free(p), 0);
    cr_assert_eq(furrow_fsck(), 0);
}

static inline int put_number(furrow_queue *q, uint64_t n, furrow_deadline deadline)
{
    return furrow_queue_put(q, &n, sizeof n, deadline);
}

static inline int get_number(furrow_queue *q, uint64_t *n, furrow_deadline deadline)
{
    size_t size = 0;
    int rc = furrow_queue_get(q, n, sizeof *n, &size, deadline);

    return rc == 0 && size != sizeof *n ? 1 : rc;
}

/* The numbers from `first` to `last` are put in this order, and got in it: 0 when they all
 * were. */
static inline int put_numbers(furrow_queue *q, uint64_t first, uint64_t last,
                              furrow_deadline deadline)
{
    int rc = 0;

    for (uint64_t i = first; rc == 0 && i <= last; i++)
        rc = put_number(q, i, deadline);
    return rc;
}

static inline int get_numbers(furrow_queue *q, uint64_t first, uint64_t last,
                              furrow_deadline deadline)
{
    uint64_t n = 0;
    int rc = 0;

    for (uint64_t i = first; rc == 0 && i <= last; i++) {
        rc = get_number(q, &n, deadline);
        rc = rc == 0 && n != i ? 1 : rc;
    }
    return rc;
}

/* Bytes that tell when one is missing, doubled or another's. */
static inline void fill_bytes(void *at, size_t size, uint64_t seed)
{
    unsigned char *p = at;

    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)((i * 31 + seed * 17) ^ (i >> 8));
}

static inline int are_bytes(const void *at, size_t size, uint64_t seed)
{
    const unsigned char *p = at;

    for (size_t i = 0; i < size; i++)
        if (p[i] != (unsigned char)((i * 31 + seed * 17) ^ (i >> 8)))
            return 0;
    return 1;
}

static inline double seconds_since(double start)
{
    return left_clock() - start;
}

#endif
