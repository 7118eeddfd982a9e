/* SPDX-License-Identifier: MIT
 *
 * A ring of slots for messages, between any number of producers and consumers, each of whom
 * may be killed at any instruction.
 *
 *   a slot's word
 *    63                              32 31    28 27                                  0
 *   +----------------------------------+--------+-------------------------------------+
 *   | round                            | state  | owner (fw_participant_owner())      |
 *   +----------------------------------+--------+-------------------------------------+
 *
 * A position is the number of a message: its round in the upper half, its slot in the lower.
 * The ring does not look into its slots: what lies behind the word is the caller's.
 */
#ifndef FW_RING_H
#define FW_RING_H

#include "atomic.h"

#include <stddef.h>

enum fw_slot_state {
    FW_SLOT_FREE,    /* of this round: to be claimed by a producer; nobody's */
    FW_SLOT_CLAIMED, /* a producer writes */
    FW_SLOT_PUBLISHED,
    FW_SLOT_TAKEN, /* a consumer reads */
    FW_SLOT_TOMB   /* its producer died, or gave up: nothing is in it */
};

typedef struct fw_ringslot {
    _Alignas(64) _Atomic uint64_t word;
    uint64_t size; /* the caller's, as all behind it */
    char bytes[48];
} fw_ringslot;
_Static_assert(sizeof(fw_ringslot) == 64, "one cache line, or the first of several");

/* In shared memory, the slots behind it. Zeros but for the geometry. */
typedef struct fw_ring {
    _Alignas(
        128) _Atomic uint64_t tail; /* hint: a position, all before it were claimed */
    _Alignas(
        128) _Atomic uint64_t head;  /* hint: a position, all before it are used up */
    _Alignas(128) uint32_t capacity; /* slots: at least 1 */
    uint32_t stride;                 /* bytes from one to the next, a multiple of 64 */
} fw_ring;

/* A slot that this thread is about to fill, or to empty. */
typedef struct fw_claim {
    fw_ringslot *slot;
    uint64_t at, word; /* its position, and its word as it is while it is ours */
    uint64_t hint;     /* what the hint was when the search began */
    uint64_t next;     /* what it is to be when this is done */
    int open;          /* take() found nothing, but slots that others claimed */
} fw_claim;

static inline uint64_t fw_slot_word(uint32_t round, enum fw_slot_state state,
                                    uint32_t owner)
{
    return (uint64_t)round << 32 | (uint64_t)state << 28 | owner;
}
static inline uint32_t fw_slot_round(uint64_t word)
{
    return (uint32_t)(word >> 32);
}
static inline enum fw_slot_state fw_slot_state(uint64_t word)
{
    return (enum fw_slot_state)(word >> 28 & 15);
}
static inline uint32_t fw_slot_owner(uint64_t word)
{
    return (uint32_t)word & 0xFFFFFFF;
}

static inline fw_ringslot *fw_ring_slot(fw_ring *r, uint64_t position)
{
    uint32_t i = (uint32_t)position < r->capacity ? (uint32_t)position : 0;

    return (fw_ringslot *)(void *)((char *)(r + 1) + (size_t)i * r->stride);
}

/* `me` is the owner to claim by; 0 where at most one thread at a time puts (claim) or gets
 * (take): then the word is not changed before the end, and nobody ever has to recover it. */

/* The next free slot. 1, or 0: the ring is full, `c` says which slot stands in the way. */
int fw_ring_claim(fw_ring *r, uint32_t me, fw_claim *c);

/* The first published slot. 1, or 0: there is none. */
int fw_ring_take(fw_ring *r, uint32_t me, fw_claim *c);

/* Where `me` was 0: claim the taken slot after all. 1, or 0: it is not there any more. */
int fw_ring_own(fw_claim *c, uint32_t me);

/* The word that the slot is to have when it is filled, or emptied. Who stores it by other
 * means calls fw_ring_filled(), or fw_ring_emptied(), behind that. */
uint64_t fw_ring_full_word(const fw_claim *c);
uint64_t fw_ring_empty_word(const fw_claim *c);
void fw_ring_filled(fw_ring *r, const fw_claim *c);
void fw_ring_emptied(fw_ring *r, const fw_claim *c);

/* The slot is filled: a seqcst operation. 0: it was not ours any more. */
int fw_ring_publish(fw_ring *r, const fw_claim *c);

/* The slot is emptied: likewise. 0: what was read from it was withdrawn before. */
int fw_ring_finish(fw_ring *r, const fw_claim *c);

/* Back to what it was: a claimed one holds nothing, a taken one its message. */
void fw_ring_give_up(fw_ring *r, const fw_claim *c);
void fw_ring_put_back(const fw_claim *c);

/* Withdraw what was just published. 1, or 0: somebody has it already. */
int fw_ring_withdraw(const fw_claim *c);

/* Set free what the dead have claimed, up to the tail. Returns how many slots, or a
 * negative error. Takes the heap's lock when there is one to set free. */
int fw_ring_recover(fw_ring *r);

/* Messages that are in it, taken ones not counted. Exact while nobody puts or gets. */
size_t fw_ring_count(fw_ring *r);

/* Is there at least one? */
int fw_ring_has_some(fw_ring *r);

/* Is all that was ever put used up? Then *end is where the next message will be, and there
 * was none more while fw_ring_ends_at(). */
int fw_ring_used_up(fw_ring *r, uint64_t *end);
int fw_ring_ends_at(fw_ring *r, uint64_t end);

#endif
