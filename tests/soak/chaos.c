/* SPDX-License-Identifier: MIT
 *
 * The chaos soak: processes that share one of each kind of object, and a storm.
 *
 *     chaos [SECONDS]      (12)
 *
 * Twenty members (chaos_member.c) use a joinable queue, two locks, semaphores of both kinds,
 * an event, a barrier, a synchronised value and a list at random, while the storm
 * (chaos_storm.c) kills about 200 of them a second, stops others, and replaces the dead.
 * Every letter is accounted for (chaos_letters.c); each kind of object has to go on all the
 * time (chaos_watch.c). What a death may leave is bounded by what the dead were in the middle
 * of. At the end all is there again: tokens, blocks, participants' lines, names; no process.
 */
#include "chaos.h"
#include "heap.h"
#include "reaper.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

board *chaos;
member *me;

/* ---- what is there before and after -----------------------------------------------------*/

typedef struct inventory {
    size_t blocks;
    unsigned participants, names;
} inventory;

static inventory take_inventory(void)
{
    const fw_heap *heap = fw_segment_get()->heap;
    inventory now = {0};
    furrow_heap_info info;

    if (fw_heap_sweep() < 0 || furrow_heap_describe(&info) < 0 || furrow_fsck() < 0)
        ruin_by("the heap", FURROW_ECORRUPT);
    now.blocks = info.blocks;
    for (int i = 0; i < FW_PARTICIPANTS; i++)
        now.participants += fw_load_relaxed(&heap->participant[i].live);
    for (int i = 0; i < FW_NAMES; i++)
        now.names += fw_load_relaxed(&heap->name[i].used);
    return now;
}

static int nothing(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 0;
}

/* The server of forkservers is made at the first start, and stays. */
static void wake_the_server(void)
{
    furrow_process_options options = {.start = FURROW_START_FORKSERVER};
    furrow_process *p = furrow_process_new(nothing, NULL, 0, &options);

    if (!p || furrow_process_start(p) < 0 ||
        furrow_process_join(p, furrow_in(20)) < 0 || furrow_process_free(p) < 0)
        ruin_by("the forkserver", -1);
}

/* ---- the objects ----------------------------------------------------------------------*/

static void *need(void *object)
{
    if (!object)
        ruin_by("an object", -1);
    return object;
}

static furrow_list *new_list(void)
{
    furrow_item item[ITEMS];

    for (int i = 0; i < ITEMS; i++)
        item[i] = furrow_item_int(0);
    return furrow_list_new(item, ITEMS, &(furrow_list_options){.room = ITEM_ROOM});
}

static void make_objects(void)
{
    chaos = need(fw_heap_alloc(sizeof *chaos));
    if (fw_heap_publish_pair(chaos, NULL) < 0)
        ruin_by("the board", -1);
    me = &chaos->member[MEMBERS];
    chaos->queue = need(
        furrow_queue_new(&(furrow_queue_options){.capacity = CAPACITY, .joinable = 1}));
    chaos->pair[0].lock = need(furrow_lock_new(NULL));
    chaos->pair[1].lock =
        need(furrow_lock_new(&(furrow_lock_options){.recursive = 1, .automatic = 1}));
    chaos->owned = need(furrow_semaphore_new(TOKENS, NULL));
    chaos->counting = need(furrow_semaphore_new(
        0, &(furrow_semaphore_options){.counting = 1, .most = MOST}));
    chaos->event = need(furrow_event_new());
    chaos->barrier = need(furrow_barrier_new(PARTIES, NULL));
    chaos->value = need(furrow_synchronized_new('q', WIDTH, NULL));
    chaos->list = need(new_list());
}

static void free_objects(void)
{
    int rc = furrow_queue_free(chaos->queue);

    for (int i = 0; i < 2; i++)
        rc |= furrow_lock_free(chaos->pair[i].lock);
    rc |= furrow_semaphore_free(chaos->owned) | furrow_semaphore_free(chaos->counting);
    rc |= furrow_event_free(chaos->event) | furrow_barrier_free(chaos->barrier);
    rc |= furrow_synchronized_free(chaos->value) | furrow_list_free(chaos->list);
    if (rc != 0 || fw_heap_free(chaos) != 0)
        ruin_by("freeing", rc);
}

/* ---- the account ----------------------------------------------------------------------*/

/* `is` is at least what has been done, and at most by so many more that died on it. */
static void between(const char *what, int64_t is, int64_t least, int64_t most)
{
    if (is < least || is > most)
        doom("%s: %lld, not from %lld to %lld", what, (long long)is, (long long)least,
             (long long)most);
}

static void empty_the_queue(void)
{
    int rc;

    do {
        begin(GET);
        rc = letters_get_one(furrow_in(0.3));
        end(GET, rc == 0);
    } while (rc == 0);
    if (rc != FURROW_EEMPTY || furrow_queue_size(chaos->queue) != 0)
        doom("the queue is not empty: %d", rc);
    rc = furrow_queue_join(chaos->queue, furrow_in(5));
    if (rc == FURROW_EDIED)
        rc = furrow_queue_join(chaos->queue, furrow_in(5));
    if (rc != 0)
        doom("all is got, and not done: %s", furrow_last_error()->text);
}

static void check_letters(const tally *t, ledger *l)
{
    int64_t sent = 0;

    empty_the_queue();
    for (unsigned i = 0; i < MEMBERS; i++) {
        me = &chaos->member[i];
        letters_begin_life(i); /* its last member's letter may be in doubt, too */
        sent += chaos->member[i].put;
    }
    me = &chaos->member[MEMBERS];
    letters_settle(l, 0);
    between("letters lost", (int64_t)l->lost, 0, (int64_t)t->dead[GET]);
    between("letters late", (int64_t)watch_sum_of(offsetof(member, late)), 0,
            (int64_t)t->dead[GET]);
    between("letters in doubt", (int64_t)l->absent, 0, (int64_t)t->dead[PUT]);
    between("letters got", (int64_t)watch_sum_of(offsetof(member, got)),
            sent - (int64_t)(l->lost + l->absent) - (int64_t)t->dead[GET],
            sent - (int64_t)(l->lost + l->absent));
}

static void check_numbers(const tally *t)
{
    int64_t v = 0, raised = (int64_t)watch_sum(RAISE), taken = (int64_t)watch_sum(TAKE);

    for (int i = 0; i < 2; i++) {
        int64_t done = (int64_t)watch_sum(i ? AUTO : LOCK);

        between("a guarded number", (int64_t)chaos->pair[i].a, done,
                done + (int64_t)t->dead[i ? AUTO : LOCK]);
    }
    if (furrow_synchronized_get(chaos->value, &v, furrow_in(5)) < 0)
        doom("value: %s", furrow_last_error()->text);
    between("the value", v, (int64_t)watch_sum(VALUE),
            (int64_t)(watch_sum(VALUE) + t->dead[VALUE]));
    between("the semaphore", furrow_semaphore_value(chaos->counting),
            raised - taken - (int64_t)t->dead[TAKE],
            raised - taken + (int64_t)t->dead[RAISE]);
    between("tokens", furrow_semaphore_value(chaos->owned), TOKENS, TOKENS);
    if (furrow_barrier_reset(chaos->barrier) < 0)
        doom("barrier: %s", furrow_last_error()->text);
    between("parties at the barrier", furrow_barrier_n_waiting(chaos->barrier), 0, 0);
    between("a barrier that is broken", furrow_barrier_broken(chaos->barrier), 0, 0);
}

/* ---- the whole ------------------------------------------------------------------------*/

static int64_t longest(void)
{
    int64_t ms = 0;

    for (unsigned i = 0; i < MEMBERS; i++)
        for (int a = PUT; a < ACTS; a++)
            if (chaos->member[i].longest[a] > ms)
                ms = chaos->member[i].longest[a];
    return ms;
}

static void print_result(double seconds, const tally *t, const ledger *l)
{
    typedef unsigned long long number;

    printf(
        "chaos: %.0f s, %llu kills, %llu by SIGTERM, %llu stops, %llu ends; letters: "
        "%llu put, %llu got, %llu late, %llu in doubt, %llu gone with a consumer (of "
        "%llu killed in get); %llu locks, %llu told of a death; %llu tokens, %llu "
        "signals, %llu events, %llu barriers, %llu broken, %llu values, %llu items; "
        "longest %lld ms; 0 lost, 0 hangs\n",
        seconds, (number)t->kills, (number)t->terms, (number)t->stops, (number)t->ends,
        (number)watch_sum(PUT), (number)watch_sum_of(offsetof(member, got)),
        (number)watch_sum_of(offsetof(member, late)), (number)l->absent,
        (number)l->lost, (number)t->dead[GET],
        (number)(watch_sum(LOCK) + watch_sum(AUTO)),
        (number)watch_sum_of(offsetof(member, told)), (number)watch_sum(OWNED),
        (number)watch_sum(TAKE), (number)watch_sum(EVENT), (number)watch_sum(BARRIER),
        (number)watch_sum_of(offsetof(member, broken)), (number)watch_sum(VALUE),
        (number)watch_sum(LIST), (long long)longest());
    fflush(stdout);
}

static int be_chaos(double seconds)
{
    static tally t;
    static ledger l;
    inventory before, after;
    double start;

    wake_the_server();
    before = take_inventory();
    make_objects();
    start = seconds_now();
    storm_run(start + seconds, &t, &l);
    storm_end(&t);
    check_letters(&t, &l);
    check_numbers(&t);
    print_result(seconds_now() - start, &t, &l);
    free_objects();
    after = take_inventory();
    if (after.blocks != before.blocks || after.participants != before.participants ||
        after.names != before.names)
        ruin("left: %zu blocks (%zu before), %u participants (%u), %u names (%u)",
             after.blocks, before.blocks, after.participants, before.participants,
             after.names, before.names);
    printf(
        "chaos: the heap is sound; blocks %zu, participants %u, names %u as before\n",
        after.blocks, after.participants, after.names);
    return t.kills == 0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 12;

    if (furrow_init() < 0 || !(seconds >= 1)) {
        fprintf(stderr, "usage: chaos [SECONDS]\n");
        return 2;
    }
    return reaper_run("chaos", be_chaos, seconds);
}
