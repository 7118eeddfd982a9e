/* SPDX-License-Identifier: MIT
 *
 * Threads put and get through one queue, in place and in blocks, with copies and without,
 * one by one and many at once. Each message comes once and whole, and each producer's in his
 * order; in the end nothing is left.
 *
 *     queue_threads [messages of each producer]
 */
#include "atomic.h"
#include "furrow.h"
#include "verdict.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4, LARGE = 60 }; /* words of a message that does not fit in */

typedef struct hall {
    furrow_queue *q;
    uint64_t each;
    _Atomic uint64_t sum, count;
    int producers, consumers;
} hall;

typedef struct part {
    hall *h;
    uint64_t id;
    pthread_t thread;
} part;

typedef struct letter {
    uint64_t from, number, rest[LARGE];
} letter;

static void fill(letter *l, uint64_t from, uint64_t number)
{
    l->from = from;
    l->number = number;
    for (int i = 0; i < LARGE; i++)
        l->rest[i] = number * 3 + (uint64_t)i;
}

/* Every third is a large one. */
static size_t size_of(uint64_t number)
{
    return number % 3 ? 16 + 8 * (number % 8) : sizeof(letter);
}

static void check(const hall *h, const letter *l, size_t size, uint64_t *last)
{
    if (l->from >= (uint64_t)h->producers || size != size_of(l->number))
        fail("a message of %zu bytes from %llu", size, (unsigned long long)l->from);
    for (size_t i = 0; i < size / 8 - 2; i++)
        if (l->rest[i] != l->number * 3 + i)
            fail("message %llu is torn", (unsigned long long)l->number);
    if (l->number <= last[l->from])
        fail("message %llu of %llu comes behind %llu", (unsigned long long)l->number,
             (unsigned long long)l->from, (unsigned long long)last[l->from]);
    last[l->from] = l->number;
}

static int put_one(hall *h, const letter *l)
{
    size_t size = size_of(l->number);
    furrow_message m;

    if (l->number % 5)
        return furrow_queue_put(h->q, l, size, FURROW_FOREVER);
    if (furrow_message_new(&m, size) != 0)
        return furrow_last_error()->code;
    memcpy(m.data, l, size);
    return furrow_queue_put_message(h->q, &m, FURROW_FOREVER);
}

static void *produce(void *arg)
{
    part *p = arg;
    letter l;

    for (uint64_t i = 1; i <= p->h->each; i++) {
        fill(&l, p->id, i);
        if (put_one(p->h, &l) != 0)
            fail("put: %s", furrow_last_error()->text);
    }
    return NULL;
}

/* In turn: with a copy, without, and two at once. Returns how many, 0 in the end. */
static size_t get_some(hall *h, uint64_t turn, letter *l, size_t *size)
{
    furrow_message m[2] = {{&l[0], sizeof *l}, {&l[1], sizeof *l}};
    size_t n = 1;
    int rc;

    if (turn % 3 == 0) {
        rc = furrow_queue_get(h->q, l, sizeof *l, size, FURROW_FOREVER);
    } else if (turn % 3 == 1) {
        rc = furrow_queue_get_message(h->q, m, FURROW_FOREVER);
        if (rc == 0) {
            memcpy(l, m->data, m->size);
            *size = m->size;
            rc = furrow_message_free(m);
        }
    } else {
        rc = furrow_queue_get_many(h->q, m, 2, &n, FURROW_FOREVER);
        size[0] = m[0].size;
        size[1] = m[1].size;
    }
    if (rc != 0 && rc != FURROW_ECLOSED)
        fail("get: %s", furrow_last_error()->text);
    return rc == 0 ? n : 0;
}

static void *consume(void *arg)
{
    part *p = arg;
    uint64_t last[MOST] = {0};
    letter l[2];
    size_t size[2], n;

    for (uint64_t turn = 0; (n = get_some(p->h, turn, l, size)) > 0; turn++)
        for (size_t i = 0; i < n; i++) {
            check(p->h, &l[i], size[i], last);
            (void)fw_add_seqcst(&p->h->sum, l[i].number);
            (void)fw_add_seqcst(&p->h->count, 1);
        }
    return NULL;
}

static size_t blocks_now(void)
{
    furrow_heap_info info;

    if (furrow_heap_describe(&info) != 0)
        fail("describe: %s", furrow_last_error()->text);
    return info.blocks;
}

static void run(furrow_queue_options o, int producers, int consumers, uint64_t each)
{
    size_t before = blocks_now();
    hall h = {.each = each, .producers = producers, .consumers = consumers};
    part in[MOST], out[MOST];

    h.q = furrow_queue_new(&o);
    if (!h.q)
        fail("new: %s", furrow_last_error()->text);
    for (int i = 0; i < consumers; i++) {
        out[i] = (part){.h = &h};
        pthread_create(&out[i].thread, NULL, consume, &out[i]);
    }
    for (int i = 0; i < producers; i++) {
        in[i] = (part){.h = &h, .id = (uint64_t)i};
        pthread_create(&in[i].thread, NULL, produce, &in[i]);
    }
    for (int i = 0; i < producers; i++)
        pthread_join(in[i].thread, NULL);
    (void)furrow_queue_close(h.q);
    for (int i = 0; i < consumers; i++)
        pthread_join(out[i].thread, NULL);
    if (h.count != (uint64_t)producers * each ||
        h.sum != (uint64_t)producers * (each * (each + 1) / 2))
        fail("%llu messages came", (unsigned long long)h.count);
    if (furrow_queue_free(h.q) != 0 || furrow_fsck() != 0 || blocks_now() != before)
        fail("something is left: %s", furrow_last_error()->text);
}

int main(int argc, char **argv)
{
    uint64_t each = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000;

    run((furrow_queue_options){.capacity = 8}, 4, 4, each);
    run((furrow_queue_options){.capacity = 1}, 2, 2, each / 4);
    run((furrow_queue_options){0}, 2, 1, each);
    run((furrow_queue_options){.capacity = 8, .producers = 1}, 1, 4, each);
    run((furrow_queue_options){.capacity = 8, .consumers = 1}, 4, 1, each);
    run((furrow_queue_options){.capacity = 8, .producers = 1, .consumers = 1}, 1, 1,
        each);
    printf("%llu messages of each producer\n", (unsigned long long)each);
    return 0;
}
