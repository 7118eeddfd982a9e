/* SPDX-License-Identifier: MIT
 *
 * Putting into a queue (see queue.c).
 *
 * A message that is not in place is complete, in a block of this process's, before a slot is
 * claimed for it; the block is published with the slot as one.
 */
#include "message.h"
#include "participant.h"
#include "queue.h"
#include "status.h"

typedef struct putting {
    furrow_queue *q;
    uint32_t me, by; /* by: what the slot is claimed by, 0 for a lone producer */
    fw_claim claim;
    int untold; /* messages that nobody was told of yet */
} putting;

static int begin(putting *p, furrow_queue *q, furrow_deadline deadline)
{
    *p = (putting){.q = q, .me = fw_participant_owner_by(deadline)};
    p->by = q->traits & FW_QUEUE_ONE_PUTS ? 0 : p->me;
    return p->me ? 0 : furrow_last_error()->code;
}

static void tell(putting *p)
{
    if (p->untold)
        fw_queue_tell(&p->q->filled, p->untold);
    p->untold = 0;
}

static int is_claimed(uint64_t word)
{
    return fw_slot_state(word) == FW_SLOT_CLAIMED ||
           fw_slot_state(word) == FW_SLOT_TAKEN;
}

/* A slot for it: 1, 0 when there is none, or FURROW_ECLOSED. */
static int find_room(void *ctx, int thorough)
{
    putting *p = ctx;

    if (fw_queue_is_closed(p->q))
        return FURROW_ECLOSED;
    if (fw_ring_claim(&p->q->ring, p->by, &p->claim))
        return 1;
    if (!thorough || !is_claimed(p->claim.word))
        return 0;
    fw_queue_recover(p->q);
    return fw_ring_claim(&p->q->ring, p->by, &p->claim);
}

static int closed(void)
{
    return fw_fail(FURROW_ECLOSED, "the queue is closed");
}

/* Wait for a slot, claim it. */
static int claim(putting *p, furrow_deadline deadline)
{
    int rc = find_room(p, 0);

    if (rc == 0) {
        tell(p);
        rc = fw_wait_until(&p->q->emptied, find_room, p, deadline);
    }
    if (rc == 0)
        return fw_fail(FURROW_EFULL, "the queue is full: %u messages",
                       p->q->ring.capacity);
    if (rc < 0)
        return closed();
    if (!fw_queue_is_closed(p->q))
        return 0;
    fw_ring_give_up(&p->q->ring, &p->claim);
    fw_queue_tell(&p->q->filled, FW_BELL_ALL);
    return closed();
}

/* Only a stray store can do that to a claimed slot. */
static int robbed(void)
{
    return fw_fail(FURROW_ECORRUPT, "the queue is overwritten: a slot was taken away");
}

static int put_in_place(putting *p, const void *bytes, size_t size,
                        furrow_deadline deadline)
{
    fw_ringslot *slot;
    int rc = claim(p, deadline);

    if (rc < 0)
        return rc;
    slot = p->claim.slot;
    slot->size = size;
    if (size)
        memcpy((char *)slot + offsetof(fw_ringslot, bytes), bytes, size);
    if (!fw_ring_publish(&p->q->ring, &p->claim))
        return robbed();
    if (!p->by && fw_queue_is_closed(p->q) && fw_ring_withdraw(&p->claim))
        return closed();
    p->untold++;
    return 0;
}

/* The block goes with the slot's word. */
static int publish_block(putting *p, void *block, size_t size)
{
    fw_ringslot *slot = p->claim.slot;
    fw_pass pass = {.block = block,
                    .word = &slot->word,
                    .expected = p->claim.word,
                    .desired = fw_ring_full_word(&p->claim)};
    int rc;

    slot->size = size | FW_SLOT_BLOCK;
    memcpy(slot->bytes, &block, sizeof block);
    rc = fw_heap_pass(&pass, FW_HEAP_TO_ALL);
    if (rc == 0) {
        fw_ring_filled(&p->q->ring, &p->claim);
        p->untold++;
        return 0;
    }
    fw_ring_give_up(&p->q->ring, &p->claim);
    fw_queue_tell(&p->q->filled, FW_BELL_ALL);
    return rc == FURROW_EBUSY ? robbed() : rc;
}

static int put_block(putting *p, void *block, size_t size, furrow_deadline deadline)
{
    int rc;

    p->by = p->me;
    rc = claim(p, deadline);
    return rc < 0 ? rc : publish_block(p, block, size);
}

static int put_large(putting *p, const void *bytes, size_t size,
                     furrow_deadline deadline)
{
    void *block = fw_message_block(size);
    int rc;

    if (!block)
        return furrow_last_error()->code;
    memcpy(block, bytes, size);
    rc = put_block(p, block, size, deadline);
    if (rc < 0)
        fw_message_drop(block);
    return rc;
}

static int put(putting *p, const void *bytes, size_t size, furrow_deadline deadline)
{
    furrow_deadline before;
    uint32_t by = p->by;
    int rc;

    if (!bytes && size)
        return fw_fail(FURROW_EINVAL, "%zu bytes at NULL", size);
    if (size <= fw_queue_in_place(p->q))
        return put_in_place(p, bytes, size, deadline);
    if (fw_queue_is_closed(p->q))
        return closed();
    before = fw_message_patient(deadline);
    rc = put_large(p, bytes, size, deadline);
    fw_message_impatient(before);
    p->by = by;
    return rc;
}

int furrow_queue_put(furrow_queue *q, const void *bytes, size_t size,
                     furrow_deadline deadline)
{
    putting p;
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    rc = begin(&p, q, deadline);
    if (rc == 0)
        rc = put(&p, bytes, size, deadline);
    tell(&p);
    return fw_status_in(__func__, rc);
}

int furrow_queue_put_many(furrow_queue *q, const furrow_message *messages, size_t count,
                          size_t *done, furrow_deadline deadline)
{
    putting p;
    size_t n = 0;
    int rc = fw_queue_check(__func__, q);

    if (done)
        *done = 0;
    if (rc < 0)
        return rc;
    if (!messages && count)
        return fw_fail_null("messages");
    rc = begin(&p, q, deadline);
    while (rc == 0 && n < count) {
        rc = put(&p, messages[n].data, messages[n].size, deadline);
        n += rc == 0;
    }
    tell(&p);
    if (done)
        *done = n;
    return fw_status_in(__func__, rc);
}

int furrow_queue_put_message(furrow_queue *q, furrow_message *message,
                             furrow_deadline deadline)
{
    furrow_deadline before;
    putting p;
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    if (!message || !message->data)
        return fw_fail_null("message");
    rc = begin(&p, q, deadline);
    if (rc == 0) {
        before = fw_message_patient(deadline);
        rc = put_block(&p, message->data, message->size, deadline);
        fw_message_impatient(before);
    }
    if (rc == 0)
        *message = (furrow_message){0};
    tell(&p);
    return fw_status_in(__func__, rc);
}
