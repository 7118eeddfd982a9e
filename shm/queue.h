/* SPDX-License-Identifier: MIT
 *
 * The queue in shared memory.
 */
#ifndef FW_QUEUE_H
#define FW_QUEUE_H

#include "furrow_queue.h"
#include "ring.h"
#include "task.h"
#include "wait.h"

#include <string.h>

#define FW_QUEUE_MAGIC UINT64_C(0x3175657565755157)

enum { FW_QUEUE_JOINABLE = 1, FW_QUEUE_ONE_PUTS = 2, FW_QUEUE_ONE_GETS = 4 };

/* One block of the heap: this, the slots, and the tasks if it is joinable. All of the first
 * line but `closed` and, in the end, `magic`, is written before it is published. */
struct furrow_queue {
    _Atomic uint64_t
        magic; /* while it is live: FW_QUEUE_MAGIC and the ring's geometry */
    _Atomic uint32_t closed; /* 1: nothing is put any more */
    uint32_t traits;
    _Alignas(128) fw_bell filled;  /* whoever waits for a message listens to it, */
    _Alignas(128) fw_bell emptied; /* for room, */
    _Alignas(128) fw_bell done;    /* for all to be done */
    fw_ring ring;                  /* the last: its slots are behind it */
};

/* In fw_ringslot.size, and the block's address in the slot's bytes. */
#define FW_SLOT_BLOCK (UINT64_C(1) << 63)

static inline uint64_t fw_queue_seal(const fw_ring *r)
{
    return FW_QUEUE_MAGIC ^
           ((uint64_t)r->capacity << 32 | r->stride) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline int fw_queue_is_live(const furrow_queue *q)
{
    return fw_load_acquire(&q->magic) == fw_queue_seal(&q->ring);
}

static inline size_t fw_queue_in_place(const furrow_queue *q)
{
    return q->ring.stride - offsetof(fw_ringslot, bytes);
}

static inline int fw_queue_is_closed(const furrow_queue *q)
{
    return fw_load_seqcst(&q->closed) != 0;
}

/* The tasks behind the slots; NULL when it is not joinable. */
static inline fw_tasks *fw_queue_tasks(furrow_queue *q)
{
    if (!(q->traits & FW_QUEUE_JOINABLE))
        return NULL;
    return (fw_tasks *)(void *)((char *)(&q->ring + 1) +
                                (size_t)q->ring.capacity * q->ring.stride);
}

/* Behind a seqcst operation that brought about what they wait for: costs a load while nobody
 * does. */
static inline void fw_queue_tell(fw_bell *bell, int how_many)
{
    if (fw_load_seqcst(&bell->word) & 1)
        fw_bell_ring(bell, how_many);
}

/* 0 for a live queue, else the error. `function` is the public one. */
int fw_queue_check(const char *function, const furrow_queue *q);

/* Set free what the dead have claimed, and tell those who wait. Whoever was held up looks
 * again in any case: another one may have done it. */
void fw_queue_recover(furrow_queue *q);

/* Take the first message that is in a block, which is this process's own then, and drop those
 * before it, without waiting. 1, 0: there is none, or an error. */
int fw_queue_take_block(furrow_queue *q, furrow_message *out);

#endif
