/* SPDX-License-Identifier: MIT
 *
 * Queues: a ring of slots (ring.c), bells for those who wait (bell.c), and blocks of the heap
 * for what does not fit into a slot.
 *
 *   put      claim a slot ; closed? give it up ; fill ; publish ; tell who waits for messages
 *   get      take a slot ; read ; empty it ; tell who waits for room
 *   close    closed = 1 ; tell all
 *   free     closed = 1 ; get all ; magic -> 0, and with that the block is ours ; free it
 *
 * What a death in a slot leaves, whoever is held up by it sets free: a producer before whom a
 * dead one's slot stands, a consumer who finds nothing but slots that others claimed, each
 * before he goes to sleep, every 100 ms, and before he gives up.
 *
 * close() and put() are a Dekker pair: a claim comes before the close, and whoever gets sees
 * it behind that; or the producer sees the close, and gives the slot up. So who finds the
 * queue closed first, and then no message and no claim in it, knows that none will come. A
 * lone producer claims nothing: he looks behind the publication and withdraws the message,
 * unless somebody has it already.
 *
 * `magic` is changed under the heap's lock only (fw_heap_pass): one of those who free it at
 * the same time succeeds, and a kill leaves it to be freed, or it goes with the dead.
 */
#include "queue.h"

#include "message.h"
#include "status.h"

enum { CAPACITY = 1024, IN_PLACE = 112 };

int fw_queue_check(const char *function, const furrow_queue *q)
{
    if (!q)
        return fw_status_null(function, "queue");
    if (fw_queue_is_live(q))
        return 0;
    return fw_status_in(
        function, fw_fail(FURROW_EINVAL, "%p is not a live queue", (const void *)q));
}

/* ---- making -------------------------------------------------------------------------*/

static size_t stride_for(size_t in_place)
{
    size_t room = in_place ? in_place : IN_PLACE;

    if (room < sizeof(void *))
        room = sizeof(void *);
    return (offsetof(fw_ringslot, bytes) + room + 63) / 64 * 64;
}

static int check_options(const furrow_queue_options *o)
{
    if (o->capacity > INT32_MAX)
        return fw_fail(FURROW_EINVAL, "a capacity of %zu messages; at most %d",
                       o->capacity, INT32_MAX);
    if (o->in_place > INT32_MAX)
        return fw_fail(FURROW_EINVAL, "messages of %zu bytes in place; at most %d",
                       o->in_place, INT32_MAX);
    if (o->producers < 0 || o->consumers < 0)
        return fw_fail(FURROW_EINVAL, "%d producers and %d consumers", o->producers,
                       o->consumers);
    return 0;
}

static furrow_queue *make(const furrow_queue_options *o)
{
    size_t capacity = o->capacity ? o->capacity : CAPACITY;
    size_t stride = stride_for(o->in_place);
    size_t size =
        sizeof(furrow_queue) + capacity * stride + (o->joinable ? sizeof(fw_tasks) : 0);
    furrow_queue *q = fw_message_block(size);

    if (!q)
        return NULL;
    q->traits = (o->joinable ? FW_QUEUE_JOINABLE : 0u) |
                (o->producers == 1 ? FW_QUEUE_ONE_PUTS : 0u) |
                (o->consumers == 1 ? FW_QUEUE_ONE_GETS : 0u);
    q->ring.capacity = (uint32_t)capacity;
    q->ring.stride = (uint32_t)stride;
    fw_store_release(&q->magic, fw_queue_seal(&q->ring));
    (void)fw_heap_publish_pair(q, NULL);
    return q;
}

furrow_queue *furrow_queue_new_sized(const furrow_queue_options *options, size_t size)
{
    furrow_queue_options o = {0};
    furrow_queue *q = NULL;

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (check_options(&o) == 0)
        q = make(&o);
    return fw_status_new("furrow_queue_new", q);
}

extern inline furrow_queue *furrow_queue_new(const furrow_queue_options *options);

/* ---- ending -------------------------------------------------------------------------*/

static void close_it(furrow_queue *q)
{
    (void)fw_swap_seqcst(&q->closed, 1);
    fw_bell_ring(&q->filled, FW_BELL_ALL);
    fw_bell_ring(&q->emptied, FW_BELL_ALL);
    fw_bell_ring(&q->done, FW_BELL_ALL);
}

int furrow_queue_close(furrow_queue *q)
{
    int rc = fw_queue_check(__func__, q);

    if (rc == 0)
        close_it(q);
    return rc;
}

/* Messages in blocks are to be freed one by one; it takes no memory to free. */
static int drain(furrow_queue *q)
{
    furrow_message m;
    int rc;

    fw_queue_recover(q);
    while ((rc = fw_queue_take_block(q, &m)) > 0)
        (void)furrow_message_free(&m);
    return rc;
}

int furrow_queue_free(furrow_queue *q)
{
    fw_pass ending = {.block = q};
    int rc;

    if (!q)
        return 0;
    rc = fw_queue_check(__func__, q);
    if (rc < 0)
        return rc;
    ending.word = &q->magic;
    ending.expected = fw_queue_seal(&q->ring);
    close_it(q);
    rc = drain(q);
    if (rc == 0)
        rc = fw_heap_pass(&ending, FW_HEAP_TO_ME);
    if (rc == FURROW_EBUSY)
        rc = fw_fail(FURROW_EINVAL, "%p is not a live queue", (void *)q);
    return fw_status_in(__func__, rc < 0 ? rc : fw_heap_free(q));
}

/* ---- looking ------------------------------------------------------------------------*/

void fw_queue_recover(furrow_queue *q)
{
    furrow_deadline before = fw_message_patient(0);
    int slots = fw_ring_recover(&q->ring);

    fw_message_impatient(before);
    if (slots <= 0)
        return;
    fw_bell_ring(&q->filled, FW_BELL_ALL);
    fw_bell_ring(&q->emptied, FW_BELL_ALL);
}

long furrow_queue_size(furrow_queue *q)
{
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    fw_queue_recover(q);
    return (long)fw_ring_count(&q->ring);
}

int furrow_queue_empty(furrow_queue *q)
{
    int rc = fw_queue_check(__func__, q);

    if (rc < 0)
        return rc;
    if (fw_ring_has_some(&q->ring))
        return 0;
    fw_queue_recover(q);
    return !fw_ring_has_some(&q->ring);
}

int furrow_queue_full(furrow_queue *q)
{
    int rc = fw_queue_check(__func__, q);

    return rc < 0 ? rc : furrow_queue_size(q) >= (long)q->ring.capacity;
}
