/* SPDX-License-Identifier: MIT
 *
 * What rows of queues have in common (see queues.h).
 */
#include "queues.h"

#include "ground.h"
#include "heap.h"
#include "kin.h"
#include "participant.h"
#include "queue.h"
#include "watch.h"

#include <signal.h>
#include <string.h>

typedef struct letter {
    uint64_t number;
    char rest[QUEUE_BLOCK - 8];
} letter;

furrow_queue *queue_of(scene *s)
{
    return s->subject;
}

void queue_note(scene *s, int set, uint64_t number)
{
    s->number[set] |= 1L << number;
}

int queue_put_number(scene *s, uint64_t number, size_t size, furrow_deadline deadline)
{
    static letter l;

    l.number = number;
    memset(l.rest, (int)number, sizeof l.rest);
    return furrow_queue_put(queue_of(s), &l, size, deadline);
}

/* The next number, or -1: none; -2: something is wrong with it. */
int queue_get_number(scene *s, furrow_deadline deadline)
{
    static letter l;
    size_t size = 0;
    int rc = furrow_queue_get(queue_of(s), &l, sizeof l, &size, deadline);

    if (rc != 0)
        return rc == FURROW_EEMPTY || rc == FURROW_ECLOSED ? -1 : -2;
    if ((size != QUEUE_IN_PLACE && size != QUEUE_BLOCK) || l.number > QUEUE_VISITOR)
        return -2;
    for (size_t i = 0; i < size - 8; i++)
        if (l.rest[i] != (char)l.number)
            return -2;
    return (int)l.number;
}

/* ---- how the queue came there -----------------------------------------------------*/

static int claim_and_die(void *arg)
{
    fw_claim c;

    (void)fw_ring_claim(&queue_of(arg)->ring, fw_participant_owner(), &c);
    return raise(SIGKILL);
}

static int take_and_die(void *arg)
{
    fw_claim c;

    (void)fw_ring_take(&queue_of(arg)->ring, fw_participant_owner(), &c);
    return raise(SIGKILL);
}

static int lay_letter(scene *s, char what)
{
    uint64_t next = (uint64_t)s->number[QUEUE_NEXT];
    int got;

    switch (what) {
    case 'p':
    case 'b':
        row_want(s, queue_put_number(
                        s, next, what == 'p' ? QUEUE_IN_PLACE : QUEUE_BLOCK, 0) == 0);
        queue_note(s, QUEUE_PUT, next);
        s->number[QUEUE_NEXT]++;
        return 0;
    case 'g':
        got = queue_get_number(s, 0);
        row_want(s, got >= 0);
        queue_note(s, QUEUE_GOT, (uint64_t)got);
        return 0;
    default:
        row_want(s, kin_is_killed(what == 'c' ? claim_and_die : take_and_die, s));
        return 0;
    }
}

int queue_lay_as(scene *s, furrow_queue_options o)
{
    o.capacity = QUEUE_CAPACITY;
    o.in_place = QUEUE_IN_PLACE;
    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_queue_new(&o);
    row_want(s, s->subject != NULL);
    s->number[QUEUE_NEXT] = 1;
    watch_add(s->subject, sizeof(furrow_queue) + QUEUE_CAPACITY * 64);
    for (const char *c = s->row->layout; c && *c; c++)
        if (lay_letter(s, *c) != 0)
            return 1;
    return 0;
}

int queue_lay(scene *s)
{
    return queue_lay_as(s, (furrow_queue_options){0});
}

int queue_lay_lone(scene *s)
{
    return queue_lay_as(s, (furrow_queue_options){.producers = 1, .consumers = 1});
}

int queue_lay_joinable(scene *s)
{
    furrow_queue_options o = {.joinable = 1};
    fw_tasks *tasks;

    if (queue_lay_as(s, o) != 0)
        return 1;
    tasks = fw_queue_tasks(queue_of(s));
    watch_add(tasks, 16 * 8);
    return 0;
}

/* A line, a page of the blocks' kind; and no spinning before a sleep. */
int queue_join(scene *s)
{
    uint64_t n;

    row_want(s, fw_participant_owner() != 0);
    row_want(s, fw_heap_free(fw_heap_alloc(QUEUE_BLOCK)) == 0);
    if (s->row->rival) {
        furrow_queue *other = furrow_queue_new(NULL);

        for (int i = 0; i < 9; i++)
            (void)furrow_queue_get(other, &n, 8, NULL, furrow_in(0.0002));
        row_want(s, furrow_queue_free(other) == 0);
    }
    return 0;
}

/* ---- what is killed ---------------------------------------------------------------*/

furrow_deadline queue_patience(scene *s)
{
    return s->row->rival ? furrow_in(10) : 0;
}

int queue_put(scene *s)
{
    row_want(s, queue_put_number(s, QUEUE_MINE, s->row->size, queue_patience(s)) == 0);
    queue_note(s, QUEUE_COME, QUEUE_MINE);
    return 0;
}

int queue_make_message(scene *s)
{
    furrow_message *m = (furrow_message *)(void *)s->object;

    row_want(s, queue_join(s) == 0 && furrow_message_new(m, QUEUE_BLOCK) == 0);
    memset(m->data, QUEUE_MINE, QUEUE_BLOCK);
    *(uint64_t *)m->data = QUEUE_MINE;
    return 0;
}

int queue_put_message(scene *s)
{
    furrow_message *m = (furrow_message *)(void *)s->object;

    row_want(s, furrow_queue_put_message(queue_of(s), m, queue_patience(s)) == 0);
    queue_note(s, QUEUE_COME, QUEUE_MINE);
    return 0;
}

int queue_get(scene *s)
{
    int got = queue_get_number(s, queue_patience(s));

    row_want(s, got >= 0);
    queue_note(s, QUEUE_GOT, (uint64_t)got);
    return 0;
}

int queue_get_message(scene *s)
{
    furrow_message m;

    row_want(s, furrow_queue_get_message(queue_of(s), &m, queue_patience(s)) == 0);
    queue_note(s, QUEUE_GOT, *(uint64_t *)m.data);
    return 0;
}

/* ---- who comes then ---------------------------------------------------------------*/

int queue_recover(scene *s)
{
    fw_queue_recover(queue_of(s));
    return 0;
}

/* Beside one that is stopped: a message more, and one less. */
int queue_visit(scene *s)
{
    int got;

    row_want(s, furrow_queue_size(queue_of(s)) >= 0);
    if (queue_put_number(s, QUEUE_VISITOR, QUEUE_IN_PLACE, furrow_in(0.001)) != 0)
        return 0;
    queue_note(s, QUEUE_COME, QUEUE_VISITOR);
    got = queue_get_number(s, furrow_in(0.001));
    row_want(s, got > 0);
    queue_note(s, QUEUE_GOT, (uint64_t)got);
    return 0;
}

int queue_look(scene *s)
{
    row_want(s, furrow_queue_size(queue_of(s)) >= 0 &&
                    furrow_queue_full(queue_of(s)) >= 0);
    return 0;
}

/* Take out all: the set of what was there. Numbers put before the window are in order, but
 * for those that a dead process was getting. */
int queue_drain(scene *s, long *left)
{
    int got, last = 0, late = 0, dead = s->deaths;

    for (const char *c = s->row->layout; c && *c; c++)
        dead += *c == 't';
    for (*left = 0; (got = queue_get_number(s, 0)) != -1; *left |= 1L << got) {
        row_want(s, got > 0 && !(*left >> got & 1));
        late += got < last;
        last = got > QUEUE_NUMBERS ? last : got;
    }
    row_want(s, late <= dead);
    return 0;
}

int queue_is_conserved(scene *s, long left)
{
    long must = (s->number[QUEUE_PUT] | s->number[QUEUE_COME]) & ~s->number[QUEUE_GOT];
    long may =
        s->row->how->operate == queue_put || s->row->how->operate == queue_put_message
            ? 1L << QUEUE_MINE
            : 0;
    long missing = must & ~left;

    row_want(s, (left & ~(must | may)) == 0);
    row_want(s, missing == 0 || (!s->done && missing == (must & -must)));
    row_want(s, missing == 0 || s->row->how->operate == queue_get ||
                    s->row->how->operate == queue_get_message);
    return 0;
}

static int use_all_around(scene *s)
{
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= QUEUE_CAPACITY; i++)
            row_want(s, queue_put_number(s, i, i % 2 ? QUEUE_IN_PLACE : QUEUE_BLOCK,
                                         0) == 0);
        row_want(s, queue_put_number(s, 9, QUEUE_IN_PLACE, 0) == FURROW_EFULL);
        row_want(s, furrow_queue_size(queue_of(s)) == QUEUE_CAPACITY);
        for (int i = 1; i <= QUEUE_CAPACITY; i++)
            row_want(s, queue_get_number(s, 0) == i);
        row_want(s,
                 queue_get_number(s, 0) == -1 && furrow_queue_empty(queue_of(s)) == 1);
    }
    return 0;
}

int queue_bury(scene *s)
{
    if (ground_sweep(s) != 0)
        return 1;
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return ground_use(s);
}

int queue_end(scene *s)
{
    row_want(s, furrow_queue_free(queue_of(s)) == 0);
    return queue_bury(s);
}

int queue_survive(scene *s)
{
    long left;

    if (queue_drain(s, &left) != 0 || queue_is_conserved(s, left) != 0)
        return 1;
    return use_all_around(s) || queue_end(s);
}
