/* SPDX-License-Identifier: MIT
 *
 * Getting from a queue (see queue.c).
 *
 * A message is its consumer's from then on that its slot is free; a task of a joinable queue
 * is on his line before that. A block becomes this process's own as one with that.
 */
#include "message.h"
#include "participant.h"
#include "queue.h"
#include "status.h"

typedef struct getting {
    furrow_queue *q;
    uint32_t me, by; /* by: what the slot is taken by, 0 for a lone consumer */
    fw_claim claim;
    int untold;       /* slots that nobody was told of yet */
    void *buffer;     /* where the bytes go, */
    size_t capacity;  /* with so much room; */
    furrow_message m; /* or NULL: into a block. What it was */
} getting;

enum { AGAIN = 1 }; /* the message is gone: look for another */

static int begin(getting *g, furrow_queue *q, void *buffer, size_t capacity,
                 furrow_deadline deadline)
{
    g->q = q; /* field by field: to clear all of it takes longer than to get */
    g->me = fw_participant_owner_by(deadline);
    g->by = q->traits & FW_QUEUE_ONE_GETS ? 0 : g->me;
    g->untold = 0;
    g->buffer = buffer;
    g->capacity = capacity;
    g->m = (furrow_message){0};
    return g->me ? 0 : furrow_last_error()->code;
}

static void tell(getting *g)
{
    if (g->untold)
        fw_queue_tell(&g->q->emptied, g->untold);
    g->untold = 0;
}

/* A published slot: 1, 0 when there is none, or FURROW_ECLOSED when none will be. */
static int find_message(void *ctx, int thorough)
{
    getting *g = ctx;
    int closed = fw_queue_is_closed(g->q);

    if (fw_ring_take(&g->q->ring, g->by, &g->claim))
        return 1;
    if (thorough && g->claim.open) {
        fw_queue_recover(g->q);
        if (fw_ring_take(&g->q->ring, g->by, &g->claim))
            return 1;
    }
    return closed && !g->claim.open ? FURROW_ECLOSED : 0;
}

static int take(getting *g, furrow_deadline deadline)
{
    int rc = fw_ring_take(&g->q->ring, g->by, &g->claim);

    if (rc == 0) {
        tell(g);
        rc = fw_wait_until(&g->q->filled, find_message, g, deadline);
    }
    if (rc > 0)
        return 0;
    return rc == 0 ? fw_fail(FURROW_EEMPTY, "the queue is empty")
                   : fw_fail(rc, "the queue is closed, and all has been got");
}

/* The message stays where it is: others may have passed it by meanwhile. */
static void put_back(getting *g)
{
    fw_ring_put_back(&g->claim);
    fw_queue_tell(&g->q->filled, 1);
}

/* What a stray store made of it is nobody's message any more. */
static int overwritten(getting *g)
{
    (void)fw_ring_finish(&g->q->ring, &g->claim);
    g->untold++;
    return fw_fail(FURROW_ECORRUPT, "the queue is overwritten: a message is lost");
}

static int hold_task(getting *g)
{
    fw_tasks *tasks = fw_queue_tasks(g->q);

    return tasks ? fw_tasks_hold(tasks, g->me) : 0;
}

static void drop_task(getting *g)
{
    fw_tasks *tasks = fw_queue_tasks(g->q);

    if (tasks)
        (void)fw_tasks_done(tasks, g->me);
}

/* Where the bytes are to go: 0, or an error, and the message is back. */
static int room_for(getting *g, size_t size)
{
    int rc = 0;

    g->m.size = size;
    if (g->capacity != SIZE_MAX) {
        g->m.data = g->buffer;
        if (size > g->capacity)
            rc = fw_fail(FURROW_ESHORT, "a message of %zu bytes, room for %zu", size,
                         g->capacity);
    } else {
        g->m.data = fw_message_block(size);
        rc = g->m.data ? 0 : furrow_last_error()->code;
    }
    if (rc < 0)
        put_back(g);
    return rc;
}

/* A block that is of no use after all. */
static void free_room(getting *g)
{
    if (g->capacity == SIZE_MAX)
        fw_message_drop(g->m.data);
}

static int get_in_place(getting *g, size_t size)
{
    int rc;

    if (size > fw_queue_in_place(g->q))
        return overwritten(g);
    rc = room_for(g, size);
    if (rc < 0)
        return rc;
    if (size)
        memcpy(g->m.data, (char *)g->claim.slot + offsetof(fw_ringslot, bytes), size);
    rc = hold_task(g);
    if (rc < 0) {
        free_room(g);
        put_back(g);
        return rc;
    }
    g->untold++;
    if (fw_ring_finish(&g->q->ring, &g->claim))
        return 0;
    drop_task(g);
    free_room(g);
    return AGAIN;
}

/* The block is ours, and the slot is free. */
static int take_block(getting *g, void *block)
{
    fw_pass pass = {.block = block,
                    .word = &g->claim.slot->word,
                    .expected = g->claim.word,
                    .desired = fw_ring_empty_word(&g->claim)};
    int rc = hold_task(g);

    if (rc == 0) {
        rc = fw_heap_pass(&pass, FW_HEAP_TO_ME);
        if (rc < 0)
            drop_task(g);
    }
    if (rc == 0) {
        fw_ring_emptied(&g->q->ring, &g->claim);
        g->untold++;
        return 0;
    }
    if (rc == FURROW_EINVAL || rc == FURROW_EBUSY)
        return overwritten(g);
    put_back(g);
    return rc;
}

static int get_block(getting *g, size_t size)
{
    void *block;
    int rc = 0;

    if (!g->by && !fw_ring_own(&g->claim, g->me))
        return AGAIN;
    memcpy(&block, g->claim.slot->bytes, sizeof block);
    if (!fw_heap_spans(block, size, 0))
        return overwritten(g);
    if (g->capacity != SIZE_MAX) {
        rc = room_for(g, size);
        if (rc == 0 && size)
            memcpy(g->buffer, block, size);
    } else {
        g->m = (furrow_message){block, size};
    }
    rc = rc < 0 ? rc : take_block(g, block);
    if (rc == 0 && g->capacity != SIZE_MAX)
        fw_message_drop(block);
    return rc;
}

/* What was taken: 0, AGAIN, or an error. */
static int read_it(getting *g, furrow_deadline deadline)
{
    uint64_t size = g->claim.slot->size;
    furrow_deadline before;
    int rc;

    if (!(size & FW_SLOT_BLOCK) && g->capacity != SIZE_MAX)
        return get_in_place(g, size);
    before = fw_message_patient(deadline);
    rc = size & FW_SLOT_BLOCK ? get_block(g, size & ~FW_SLOT_BLOCK)
                              : get_in_place(g, size);
    fw_message_impatient(before);
    return rc;
}

static int get(getting *g, furrow_deadline deadline)
{
    int rc;

    do {
        rc = take(g, deadline);
        if (rc == 0)
            rc = read_it(g, deadline);
    } while (rc == AGAIN);
    return rc;
}

int furrow_queue_get(furrow_queue *q, void *buffer, size_t capacity, size_t *size,
                     furrow_deadline deadline)
{
    getting g;
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    if (!buffer && capacity)
        return fw_fail_null("buffer");
    rc = begin(&g, q, buffer, capacity == SIZE_MAX ? capacity - 1 : capacity, deadline);
    if (rc == 0)
        rc = get(&g, deadline);
    if (size && (rc == 0 || rc == FURROW_ESHORT))
        *size = g.m.size;
    tell(&g);
    return fw_status_in(__func__, rc);
}

/* The first may be waited for. */
static int get_all(getting *g, furrow_message *into, size_t count, size_t *n,
                   furrow_deadline deadline)
{
    int rc = 0;

    for (*n = 0; rc == 0 && *n < count; *n += rc == 0) {
        g->buffer = into[*n].data;
        g->capacity = into[*n].data ? into[*n].size : 0;
        if (*n > 0 && !fw_ring_has_some(&g->q->ring))
            break;
        rc = get(g, *n > 0 ? 0 : deadline);
        if (rc == 0 || rc == FURROW_ESHORT)
            into[*n].size = g->m.size;
    }
    return *n > 0 ? 0 : rc;
}

int furrow_queue_get_many(furrow_queue *q, furrow_message *messages, size_t count,
                          size_t *done, furrow_deadline deadline)
{
    getting g;
    size_t n = 0;
    int rc = fw_queue_check(__func__, q);

    if (done)
        *done = 0;
    if (rc < 0)
        return rc;
    if (!messages && count)
        return fw_fail_null("messages");
    rc = begin(&g, q, NULL, 0, deadline);
    if (rc == 0)
        rc = get_all(&g, messages, count, &n, deadline);
    tell(&g);
    if (done)
        *done = n;
    return fw_status_in(__func__, rc);
}

int furrow_queue_get_message(furrow_queue *q, furrow_message *out,
                             furrow_deadline deadline)
{
    getting g;
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    if (!out)
        return fw_fail_null("message");
    rc = begin(&g, q, NULL, SIZE_MAX, deadline);
    if (rc == 0)
        rc = get(&g, deadline);
    if (rc == 0)
        *out = g.m;
    tell(&g);
    return fw_status_in(__func__, rc);
}

int fw_queue_take_block(furrow_queue *q, furrow_message *out)
{
    getting g;
    int rc = begin(&g, q, NULL, SIZE_MAX, FURROW_FOREVER);

    while (rc == 0 && fw_ring_take(&q->ring, g.by, &g.claim)) {
        if (!(g.claim.slot->size & FW_SLOT_BLOCK)) { /* no memory to give back */
            (void)fw_ring_finish(&q->ring, &g.claim);
            continue;
        }
        rc = read_it(&g, FURROW_FOREVER);
        if (rc == 0) {
            *out = g.m;
            return 1;
        }
        rc = rc == AGAIN || rc == FURROW_ECORRUPT ? 0 : rc;
    }
    return rc;
}
