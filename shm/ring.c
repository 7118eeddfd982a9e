/* SPDX-License-Identifier: MIT
 *
 * The ring of slots.
 *
 *   put      FREE(r) -> CLAIMED(r, me) ; fill ; CLAIMED(r, me) -> PUBLISHED(r)
 *   get      PUBLISHED(r) -> TAKEN(r, me) ; read ; TAKEN(r, me) -> FREE(r + 1)
 *   recover  CLAIMED(r, dead) -> TOMB(r) ; TAKEN(r, dead) -> PUBLISHED(r)
 *   pass     TOMB(r) -> FREE(r + 1), by whoever meets it
 *
 * Each arrow is one compare-and-swap of the slot's word, which says in which round the slot
 * is, what becomes of it and whose it is. A word that names an owner is changed by him, or
 * after his death by whoever is held up by it; on the exact word seen, so that any number may
 * recover at the same time, and may be killed meanwhile. Nothing else is needed:
 *
 *   tail   nobody claims a slot before he has seen all before it used in their round; so
 *          claims have no holes, and the first FREE(r) is the end of what was put.
 *   head   a slot in a later round than its position's is used up for good.
 *
 * The hints say from where to look. They only ever follow what was seen in the slots, each by
 * one compare-and-swap of the value that the search began with: they may be behind, never
 * ahead. A thread that was stopped for so long that rounds have gone half round the clock
 * finds the hint changed, and looks again, before it believes that a slot is a round behind.
 *
 * Producers meet no other one's unfinished slot, consumers skip it. The order of what one
 * thread puts is kept, for it puts the next only when the last is published, and who has
 * skipped a slot and found another looks back before he takes that: what was still claimed
 * when the other was published is of another thread. A slot that is taken by one who dies
 * is published where it was, behind what others took meanwhile. Whoever is stopped in the
 * middle holds up nobody until the ring has gone round to his slot.
 *
 * Where the caller promises one producer, FREE(r) -> PUBLISHED(r) is one swap behind the
 * filling; where one consumer, PUBLISHED(r) -> FREE(r + 1) behind the reading: there is
 * nothing to recover, and who dies before it has done nothing. Such a consumer and a producer
 * who withdraws (PUBLISHED(r) -> TOMB(r)) may meet: the swap tells the consumer.
 *
 * A slot may carry a heap block, which changes hands with the word under the heap's lock
 * (heap.h, fw_heap_pass). What a passer left undone is finished by the next holder of that
 * lock, who looks at the word: so recover() passes through the lock before it touches one.
 */
#include "ring.h"

#include "heap.h"
#include "participant.h"

static uint64_t after(const fw_ring *r, uint64_t position)
{
    uint64_t round = position >> 32;

    return (uint32_t)position + 1 < r->capacity ? position + 1 : (round + 1) << 32;
}

/* How many rounds the slot is ahead of the position. */
static int32_t ahead(uint64_t word, uint64_t position)
{
    return (int32_t)(fw_slot_round(word) - (uint32_t)(position >> 32));
}

static uint64_t look(const fw_ringslot *slot)
{
    return fw_load_seqcst(&slot->word);
}

static int change(fw_ringslot *slot, uint64_t from, uint64_t to)
{
    return fw_cas_seqcst(&slot->word, &from, to);
}

static uint64_t word_of(uint64_t position, enum fw_slot_state state, uint32_t owner)
{
    return fw_slot_word((uint32_t)(position >> 32), state, owner);
}

static uint64_t freed(uint64_t word)
{
    return fw_slot_word(fw_slot_round(word) + 1, FW_SLOT_FREE, 0);
}

static void push(_Atomic uint64_t *hint, uint64_t from, uint64_t to)
{
    if (from != to)
        (void)fw_cas_seqcst(hint, &from, to);
}

/* Behind a slot that is used up. That one is in round s means that all before its place in
 * round s - 2 are used up, too: who comes from far behind does not go all the way. */
static uint64_t beyond(const fw_ring *r, uint64_t p, uint64_t word)
{
    if (ahead(word, p) > 2)
        p = (uint64_t)(fw_slot_round(word) - 2) << 32 | (uint32_t)p;
    return after(r, p);
}

/* ---- put ----------------------------------------------------------------------------*/

/* The slot at c->at, in this round: claim it. */
static int claim_this(fw_claim *c, uint32_t me)
{
    uint64_t mine = me ? word_of(c->at, FW_SLOT_CLAIMED, me) : c->word;

    if (me && !change(c->slot, c->word, mine))
        return 0;
    c->word = mine;
    return 1;
}

/* A slot of the round before: in the way, unless nothing is in it. */
static int is_in_the_way(const fw_ring *r, const fw_claim *c)
{
    if (fw_load_seqcst(&r->tail) != c->hint)
        return 0; /* it is the position that is old */
    if (fw_slot_state(c->word) != FW_SLOT_TOMB)
        return 1;
    (void)change(c->slot, c->word, freed(c->word));
    return 0;
}

int fw_ring_claim(fw_ring *r, uint32_t me, fw_claim *c)
{
    c->at = c->hint = fw_load_seqcst(&r->tail);
    for (;;) {
        int32_t rounds;

        c->slot = fw_ring_slot(r, c->at);
        c->word = look(c->slot);
        rounds = ahead(c->word, c->at);
        if (rounds == 0 && fw_slot_state(c->word) == FW_SLOT_FREE) {
            if (claim_this(c, me))
                break;
        } else if (rounds >= 0) {
            c->at = beyond(r, c->at, c->word);
        } else if (is_in_the_way(r, c)) {
            return 0;
        } else {
            c->at = c->hint = fw_load_seqcst(&r->tail);
        }
    }
    c->next = after(r, c->at);
    return 1;
}

uint64_t fw_ring_full_word(const fw_claim *c)
{
    return word_of(c->at, FW_SLOT_PUBLISHED, 0);
}

void fw_ring_filled(fw_ring *r, const fw_claim *c)
{
    push(&r->tail, c->hint, c->next);
}

int fw_ring_publish(fw_ring *r, const fw_claim *c)
{
    int ours = 1;

    if (fw_slot_state(c->word) == FW_SLOT_FREE)
        (void)fw_swap_seqcst(&c->slot->word, fw_ring_full_word(c));
    else
        ours = change(c->slot, c->word, fw_ring_full_word(c));
    fw_ring_filled(r, c);
    return ours;
}

void fw_ring_give_up(fw_ring *r, const fw_claim *c)
{
    if (fw_slot_state(c->word) != FW_SLOT_CLAIMED)
        return;
    (void)change(c->slot, c->word, word_of(c->at, FW_SLOT_TOMB, 0));
    fw_ring_filled(r, c);
}

int fw_ring_withdraw(const fw_claim *c)
{
    return change(c->slot, fw_ring_full_word(c), word_of(c->at, FW_SLOT_TOMB, 0));
}

/* ---- get ----------------------------------------------------------------------------*/

/* Where the hint may go: to the first slot that is not used up. */
static void note_open(fw_claim *c)
{
    if (!c->open)
        c->next = c->at;
    c->open = 1;
}

enum { SEARCH_ON, SEARCH_SAME, SEARCH_FOUND, SEARCH_END };

/* One that was passed by is published now: go back to it. What is at c->at may be of the
 * same producer, who puts the next when the last is published. One that is still claimed now
 * is of another. */
static int go_back(fw_ring *r, fw_claim *c)
{
    for (uint64_t p = c->next; c->open && p != c->at; p = after(r, p)) {
        if (look(fw_ring_slot(r, p)) != word_of(p, FW_SLOT_PUBLISHED, 0))
            continue;
        c->open = p != c->next;
        c->at = p;
        return 1;
    }
    return 0;
}

/* What to do about a slot of this round. */
static int consider(fw_ring *r, fw_claim *c, uint32_t me)
{
    uint64_t mine = word_of(c->at, FW_SLOT_TAKEN, me);

    switch (fw_slot_state(c->word)) {
    case FW_SLOT_PUBLISHED:
        if (go_back(r, c))
            return SEARCH_SAME;
        if (me && !change(c->slot, c->word, mine))
            return SEARCH_SAME;
        c->word = me ? mine : c->word;
        return SEARCH_FOUND;
    case FW_SLOT_TOMB:
        (void)change(c->slot, c->word, freed(c->word));
        return SEARCH_SAME;
    case FW_SLOT_FREE:
        return SEARCH_END;
    default:
        note_open(c);
        return SEARCH_ON;
    }
}

static void begin_at_head(fw_ring *r, fw_claim *c)
{
    c->at = c->hint = fw_load_seqcst(&r->head);
    c->open = 0;
}

/* What to do about the slot at c->at. */
static int look_at(fw_ring *r, uint32_t me, fw_claim *c)
{
    int32_t rounds = ahead(c->word, c->at);

    if (rounds == 0)
        return consider(r, c, me);
    if (rounds > 0) {
        c->open = c->open && rounds <= 2;
        return SEARCH_ON;
    }
    if (fw_load_seqcst(&r->head) == c->hint)
        return SEARCH_END; /* once round, and all are open */
    begin_at_head(r, c);   /* it is the position that is old */
    return SEARCH_SAME;
}

static int search(fw_ring *r, uint32_t me, fw_claim *c)
{
    begin_at_head(r, c);
    for (;;) {
        int found;

        c->slot = fw_ring_slot(r, c->at);
        c->word = look(c->slot);
        found = look_at(r, me, c);
        if (found == SEARCH_FOUND || found == SEARCH_END)
            return found == SEARCH_FOUND;
        if (found == SEARCH_ON)
            c->at = beyond(r, c->at, c->word);
    }
}

/* A consumer that lags behind: the next message is there already. Its slot was asked for
 * when the last one was taken; ask for the one behind it, to write, for it is to be set free.
 * Whose queue is empty most of the time would only take the slot from the producer. */
static void ask_ahead(fw_ring *r, const fw_claim *c)
{
    const uint64_t next = after(r, c->at);

    if (fw_load_relaxed(&fw_ring_slot(r, next)->word) ==
        word_of(next, FW_SLOT_PUBLISHED, 0))
        fw_prefetch_write(fw_ring_slot(r, after(r, next)));
}

int fw_ring_take(fw_ring *r, uint32_t me, fw_claim *c)
{
    int found = search(r, me, c);

    if (found)
        ask_ahead(r, c);
    if (!c->open)
        c->next = found ? after(r, c->at) : c->at;
    if (!found)
        push(&r->head, c->hint, c->next);
    return found;
}

int fw_ring_own(fw_claim *c, uint32_t me)
{
    uint64_t mine = word_of(c->at, FW_SLOT_TAKEN, me);

    if (!change(c->slot, c->word, mine))
        return 0;
    c->word = mine;
    return 1;
}

uint64_t fw_ring_empty_word(const fw_claim *c)
{
    return freed(c->word);
}

void fw_ring_emptied(fw_ring *r, const fw_claim *c)
{
    push(&r->head, c->hint, c->next);
}

int fw_ring_finish(fw_ring *r, const fw_claim *c)
{
    int ours;

    if (fw_slot_state(c->word) == FW_SLOT_PUBLISHED)
        ours = fw_swap_seqcst(&c->slot->word, freed(c->word)) == c->word;
    else
        ours = change(c->slot, c->word, freed(c->word));
    fw_ring_emptied(r, c);
    return ours;
}

void fw_ring_put_back(const fw_claim *c)
{
    if (fw_slot_state(c->word) == FW_SLOT_TAKEN)
        (void)change(c->slot, c->word, word_of(c->at, FW_SLOT_PUBLISHED, 0));
}

/* ---- the dead, and how much there is ------------------------------------------------*/

/* Slots to look at between a hint, however old, and the end. */
static uint64_t most(const fw_ring *r)
{
    return (uint64_t)r->capacity * 4;
}

/* Walk from the head over what was put: each(ctx, slot, word) until it returns non-zero.
 * Returns that, or 0. */
static int walk(fw_ring *r, int (*each)(void *ctx, fw_ringslot *slot, uint64_t word),
                void *ctx)
{
    uint64_t p = fw_load_seqcst(&r->head);

    for (uint64_t i = 0; i < most(r); i++) {
        fw_ringslot *slot = fw_ring_slot(r, p);
        uint64_t word = look(slot);
        int rc;

        if (ahead(word, p) < 0 ||
            (ahead(word, p) == 0 && fw_slot_state(word) == FW_SLOT_FREE))
            return 0;
        rc = ahead(word, p) == 0 ? each(ctx, slot, word) : 0;
        if (rc != 0)
            return rc;
        p = beyond(r, p, word);
    }
    return 0;
}

typedef struct burial {
    uint32_t dead, alive; /* of whom we asked last; 0: nobody */
    int passed;           /* through the heap's lock, behind the proof of the death */
    int slots;
} burial;

static int is_dead(burial *b, uint32_t owner)
{
    if (owner == b->alive)
        return 0;
    if (owner == b->dead)
        return 1;
    if (!fw_participant_owner_gone(owner)) {
        b->alive = owner;
        return 0;
    }
    b->dead = owner;
    b->passed = 0;
    return 1;
}

/* What a dead passer left in the heap is finished by whoever has its lock next. */
static int pass_through_heap(burial *b)
{
    fw_heap *heap = b->passed ? NULL : fw_heap_lock();

    if (!heap && !b->passed)
        return furrow_last_error()->code;
    if (heap)
        fw_heap_unlock(heap);
    b->passed = 1;
    return 0;
}

static int bury(void *ctx, fw_ringslot *slot, uint64_t word)
{
    burial *b = ctx;
    enum fw_slot_state state = fw_slot_state(word), then;
    int rc;

    if ((state != FW_SLOT_CLAIMED && state != FW_SLOT_TAKEN) ||
        !is_dead(b, fw_slot_owner(word)))
        return 0;
    rc = pass_through_heap(b);
    if (rc < 0)
        return rc;
    then = state == FW_SLOT_CLAIMED ? FW_SLOT_TOMB : FW_SLOT_PUBLISHED;
    b->slots += change(slot, word, fw_slot_word(fw_slot_round(word), then, 0));
    return 0;
}

int fw_ring_recover(fw_ring *r)
{
    burial b = {0};
    int rc = walk(r, bury, &b);

    return rc < 0 ? rc : b.slots;
}

static int count(void *ctx, fw_ringslot *slot, uint64_t word)
{
    size_t *n = ctx;

    (void)slot;
    *n += fw_slot_state(word) == FW_SLOT_PUBLISHED;
    return 0;
}

size_t fw_ring_count(fw_ring *r)
{
    size_t n = 0;

    (void)walk(r, count, &n);
    return n;
}

static int is_some(void *ctx, fw_ringslot *slot, uint64_t word)
{
    (void)ctx;
    (void)slot;
    return fw_slot_state(word) == FW_SLOT_PUBLISHED;
}

int fw_ring_has_some(fw_ring *r)
{
    return walk(r, is_some, NULL);
}

int fw_ring_ends_at(fw_ring *r, uint64_t end)
{
    return look(fw_ring_slot(r, end)) == word_of(end, FW_SLOT_FREE, 0);
}

/* What is used up before the head stays so. */
int fw_ring_used_up(fw_ring *r, uint64_t *end)
{
    uint64_t p = fw_load_seqcst(&r->head);

    for (uint64_t i = 0; i < most(r); i++) {
        fw_ringslot *slot = fw_ring_slot(r, p);
        uint64_t word = look(slot);

        if (ahead(word, p) < 0)
            return 0;
        if (ahead(word, p) == 0 && fw_slot_state(word) == FW_SLOT_FREE) {
            *end = p;
            return 1;
        }
        if (ahead(word, p) == 0) {
            if (fw_slot_state(word) != FW_SLOT_TOMB)
                return 0;
            (void)change(slot, word, freed(word));
        }
        p = beyond(r, p, word);
    }
    return 0;
}
