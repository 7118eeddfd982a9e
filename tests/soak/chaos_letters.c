/* SPDX-License-Identifier: MIT
 *
 * Letters through the queue, each accounted for.
 *
 * A member notes in `sent` the number of the letter that it is about to put, and in `put`
 * that it is in the queue. Died in between, the letter may have been put: the slot's next
 * member marks it as doubtful, unless it has come. Whoever gets a letter leaves its number
 * in the mark: finding it there means that it comes twice. Marks are used again after
 * WINDOW letters; long before that the storm has settled what they say.
 */
#include "chaos.h"

#include <string.h>

typedef struct letter {
    uint32_t from, number;
    unsigned char rest[LARGE];
} letter;

static _Atomic uint32_t *mark_of(uint32_t from, uint32_t number)
{
    return &chaos->mark[from][number % WINDOW];
}

/* Past the deadline: the queue was full, or empty; or a message with a block of its own, and
 * somebody who is stopped has the heap's lock. */
static int is_late(int rc, int status)
{
    return rc == status || rc == FURROW_ETIME;
}

/* ---- put ------------------------------------------------------------------------------*/

void letters_begin_life(unsigned slot)
{
    uint32_t n = fw_load_relaxed(&me->sent), old;

    if (n == fw_load_relaxed(&me->put))
        return;
    old = fw_load_seqcst(mark_of(slot, n));
    while (old != n && !fw_cas_seqcst(mark_of(slot, n), &old, DOUBT | n))
        ;
    fw_store_seqcst(&me->put, n);
}

static int put_copy(dice *d, const letter *l, size_t size)
{
    double patience = roll(d, 4) ? 0.005 : 1;

    return furrow_queue_put(chaos->queue, l, size, furrow_in(patience));
}

static int put_without_copy(const letter *l, size_t size)
{
    furrow_message m;
    int rc = furrow_message_new(&m, size);

    if (rc < 0)
        return rc;
    memcpy(m.data, l, size);
    rc = furrow_queue_put_message(chaos->queue, &m, furrow_in(0.005));
    if (rc < 0 && furrow_message_free(&m) < 0)
        ruin_by("freeing a message", FURROW_EINVAL);
    return rc;
}

void letters_put(dice *d, unsigned slot)
{
    letter l = {.from = slot, .number = fw_load_relaxed(&me->put) + 1};
    size_t size = offsetof(letter, rest) + (roll(d, 4) ? roll(d, 100) : LARGE);
    int rc;

    memset(l.rest, (int)(l.number & 255), sizeof l.rest);
    begin(PUT);
    fw_store_seqcst(&me->sent, l.number);
    rc = roll(d, 8) ? put_copy(d, &l, size) : put_without_copy(&l, size);
    if (rc == 0)
        fw_store_seqcst(&me->put, l.number);
    else if (is_late(rc, FURROW_EFULL))
        fw_store_seqcst(&me->sent, l.number - 1);
    else
        ruin_by("put", rc);
    end(PUT, rc == 0);
}

/* ---- get ------------------------------------------------------------------------------*/

static void check_letter(const letter *l, size_t size)
{
    if (size < offsetof(letter, rest) || size > sizeof *l || l->from >= MEMBERS ||
        l->number == 0)
        ruin("a letter of %zu bytes from %u, number %u", size, l->from, l->number);
    for (size_t i = 0; i < size - offsetof(letter, rest); i++)
        if (l->rest[i] != (l->number & 255))
            ruin("letter %u/%u is torn at byte %zu", l->from, l->number, i);
}

static void note(const letter *l)
{
    static uint32_t last[MEMBERS];
    uint32_t old = fw_swap_seqcst(mark_of(l->from, l->number), l->number);

    if (old == l->number)
        ruin("letter %u/%u came twice", l->from, l->number);
    if (l->number > fw_load_seqcst(&chaos->member[l->from].sent))
        ruin("letter %u/%u was never sent", l->from, l->number);
    more(&me->got);
    if (l->number < last[l->from])
        more(&me->late);
    else
        last[l->from] = l->number;
}

int letters_get_one(furrow_deadline deadline)
{
    letter l;
    size_t size;
    int rc = furrow_queue_get(chaos->queue, &l, sizeof l, &size, deadline);

    if (rc < 0)
        return rc;
    check_letter(&l, size);
    note(&l);
    if ((rc = furrow_queue_task_done(chaos->queue)) < 0)
        ruin_by("task_done", rc);
    return 0;
}

static int get_without_copy(furrow_deadline deadline)
{
    furrow_message m;
    int rc = furrow_queue_get_message(chaos->queue, &m, deadline);

    if (rc < 0)
        return rc;
    check_letter(m.data, m.size);
    note(m.data);
    if ((rc = furrow_queue_task_done(chaos->queue)) < 0)
        ruin_by("task_done", rc);
    if ((rc = furrow_message_free(&m)) < 0)
        ruin_by("freeing a message", rc);
    return 0;
}

static void join_sometimes(dice *d)
{
    int rc;

    if (roll(d, 64))
        return;
    rc = furrow_queue_join(chaos->queue, furrow_in(0.002));
    if (rc == FURROW_EDIED)
        more(&me->dead);
    else if (rc != 0 && rc != FURROW_ETIME)
        ruin_by("join", rc);
}

void letters_get(dice *d)
{
    furrow_deadline deadline = furrow_in(roll(d, 4) ? 0.005 : 1);
    int rc;

    begin(GET);
    rc = roll(d, 8) ? letters_get_one(deadline) : get_without_copy(deadline);
    if (rc < 0 && !is_late(rc, FURROW_EEMPTY))
        ruin_by("get", rc);
    end(GET, rc == 0);
    join_sometimes(d);
}

/* ---- settle ---------------------------------------------------------------------------*/

static void settle(ledger *l, unsigned slot, uint32_t number)
{
    uint32_t mark = fw_load_seqcst(mark_of(slot, number));

    if (mark == (DOUBT | number))
        l->absent++;
    else if (mark != number)
        l->lost++;
}

void letters_settle(ledger *l, uint32_t keep)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        uint32_t put = fw_load_seqcst(&chaos->member[i].put);

        if (put - l->settled[i] > WINDOW)
            ruin("%u letters of one member within a second", put - l->settled[i]);
        while (l->settled[i] + keep < put)
            settle(l, i, ++l->settled[i]);
    }
}
