/* SPDX-License-Identifier: MIT
 *
 * Producers and consumers of one queue are killed at random times, and replaced. What a
 * producer's put() returned for comes exactly once; what it was putting when it died, once
 * or not at all; one message is lost with each dead consumer at most: the one that it had
 * just got and did not live to write down. A producer's messages come in his order, but for
 * one that a dead consumer was getting. In the end nothing is left.
 *
 *     kill_queue [kills [seed]]
 */
#include "child.h"
#include "dice.h"
#include "furrow.h"
#include "heap.h"
#include "verdict.h"

#include <stdint.h>

enum { PRODUCERS = 3, CONSUMERS = 3, PEERS = PRODUCERS + CONSUMERS };
enum { LIVES = 1024, MESSAGES = 2000, LARGE = 504 };

typedef struct board {
    furrow_queue *q;
    _Atomic uint64_t put[LIVES];              /* a producer's: how many have returned */
    _Atomic uint8_t got[LIVES][MESSAGES + 2]; /* how often each came */
    _Atomic uint64_t disorder, progress;
} board;

typedef struct letter {
    uint64_t from, number;
    unsigned char rest[LARGE];
} letter;

static board *shared;
static int life; /* of the producer that is started next */

static int produce(void *arg)
{
    int me = life;
    letter l = {.from = (uint64_t)me};

    (void)arg;
    for (l.number = 1; l.number <= MESSAGES; l.number++) {
        size_t size = l.number % 4 ? 16 + l.number % 90 : sizeof l;

        memset(l.rest, (int)(l.number & 255), sizeof l.rest);
        child_want(furrow_queue_put(shared->q, &l, size, furrow_in(20)) == 0);
        fw_store_seqcst(&shared->put[me], l.number);
    }
    return 0;
}

static int is_whole(const letter *l, size_t size)
{
    if (l->from >= LIVES || l->number < 1 || l->number > MESSAGES || size < 16)
        return 0;
    for (size_t i = 0; i < size - 16; i++)
        if (l->rest[i] != (l->number & 255))
            return 0;
    return 1;
}

static int note(const letter *l, size_t size, uint16_t *last)
{
    child_want(is_whole(l, size));
    (void)fw_add_seqcst(&shared->got[l->from][l->number], 1);
    (void)fw_add_seqcst(&shared->progress, 1);
    if (l->number < last[l->from])
        (void)fw_add_seqcst(&shared->disorder, 1);
    else
        last[l->from] = (uint16_t)l->number;
    return 0;
}

static int consume(void *arg)
{
    static uint16_t last[LIVES];
    letter l;
    size_t size;
    int rc;

    (void)arg;
    while ((rc = furrow_queue_get(shared->q, &l, sizeof l, &size, furrow_in(20))) == 0)
        if (note(&l, size, last) != 0)
            return 1;
    child_want(rc == FURROW_ECLOSED);
    return 0;
}

static pid_t start(int i)
{
    if (i >= PRODUCERS)
        return child_start(consume, NULL);
    if (++life == LIVES)
        fail("more than %d producers", LIVES);
    return child_start(produce, NULL);
}

/* Who ended by himself did all he had to. */
static void end_well(int i, int status)
{
    if (status != 0 && status != CHILD_SIGNAL + SIGKILL)
        fail("%s ended with %d", i < PRODUCERS ? "a producer" : "a consumer", status);
}

static unsigned hunt(unsigned kills, dice *d, pid_t *pid)
{
    unsigned consumers = 0;

    for (unsigned k = 0; k < kills; k++) {
        int i = (int)roll(d, PEERS);
        int status;

        nap_us(roll(d, 3000));
        kill(pid[i], SIGKILL);
        status = child_wait(pid[i]);
        end_well(i, status);
        consumers += i >= PRODUCERS && status != 0;
        pid[i] = start(i);
    }
    return consumers;
}

/* Everything that was put came once, but for so many. */
static void count(unsigned dead_consumers)
{
    unsigned lost = 0;

    for (int p = 1; p <= life; p++)
        for (uint64_t n = 1; n <= MESSAGES; n++) {
            unsigned times = shared->got[p][n];

            if (times > 1)
                fail("message %d/%llu came %u times", p, (unsigned long long)n, times);
            if (times && n > shared->put[p] + 1)
                fail("message %d/%llu was not put", p, (unsigned long long)n);
            lost += n <= shared->put[p] && !times;
        }
    printf("%d producers lived, %u messages lost with %u consumers, %llu late\n", life,
           lost, dead_consumers, (unsigned long long)shared->disorder);
    if (lost > dead_consumers)
        fail("%u messages are lost", lost);
    if (shared->disorder > dead_consumers)
        fail("%llu messages were late", (unsigned long long)shared->disorder);
}

static size_t blocks_now(void)
{
    furrow_heap_info info;

    if (fw_heap_sweep() != 0 || furrow_fsck() != 0 || furrow_heap_describe(&info) != 0)
        fail("the heap: %s", furrow_last_error()->text);
    return info.blocks;
}

int main(int argc, char **argv)
{
    unsigned kills = argc > 1 ? (unsigned)atoi(argv[1]) : 300, dead;
    dice d = dice_of(argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    furrow_queue_options o = {.capacity = 16};
    size_t before;
    pid_t pid[PEERS];

    shared = fw_heap_alloc(sizeof *shared);
    if (!shared)
        fail("no memory: %s", furrow_last_error()->text);
    (void)fw_heap_publish_pair(shared, NULL);
    before = blocks_now();
    shared->q = furrow_queue_new(&o);
    for (int i = 0; i < PEERS; i++)
        pid[i] = start(i);
    dead = hunt(kills, &d, pid);
    for (int i = 0; i < PRODUCERS; i++)
        end_well(i, child_wait(pid[i]));
    (void)furrow_queue_close(shared->q);
    for (int i = PRODUCERS; i < PEERS; i++)
        end_well(i, child_wait(pid[i]));
    count(dead);
    if (furrow_queue_free(shared->q) != 0 || blocks_now() != before)
        fail("blocks are left");
    printf("%u kills, %llu messages\n", kills, (unsigned long long)shared->progress);
    return 0;
}
