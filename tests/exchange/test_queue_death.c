/* SPDX-License-Identifier: MIT
 *
 * Processes that die while they use a queue: always processes, whatever the start method.
 */
#include "queues.h"
#include "participant.h"

static int claim_and_die(void *shared)
{
    party *p = shared;
    fw_claim c;

    child_want(fw_ring_claim(&p->q->ring, fw_participant_owner(), &c));
    return raise(SIGKILL);
}

static int take_and_die(void *shared)
{
    party *p = shared;
    fw_claim c;

    child_want(fw_ring_take(&p->q->ring, fw_participant_owner(), &c));
    return raise(SIGKILL);
}

static void run_dead(int (*run)(void *shared), party *p)
{
    cr_assert_eq(child_run(run, p), CHILD_SIGNAL + SIGKILL);
}

Test(queue_death, a_dead_producers_slot_is_passed_over)
{
    party *p = party_new(NULL);
    uint64_t n;

    run_dead(claim_and_die, p);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EEMPTY);
    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 1);
    cr_assert_eq(furrow_queue_empty(p->q), 1);
    party_free(p);
}

Test(queue_death, a_dead_producer_in_the_last_slot_leaves_it_to_the_next)
{
    furrow_queue_options one = {.capacity = 1};
    party *p = party_new(&one);
    uint64_t n;

    for (uint64_t i = 0; i < 5; i++) {
        run_dead(claim_and_die, p);
        cr_assert_eq(put_number(p->q, i, 0), 0);
        cr_assert(get_number(p->q, &n, 0) == 0 && n == i);
    }
    party_free(p);
}

Test(queue_death, a_dead_consumers_message_is_given_to_another)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert(put_number(p->q, 1, 0) == 0 && put_number(p->q, 2, 0) == 0);
    run_dead(take_and_die, p);
    cr_assert_eq(furrow_queue_size(p->q), 2);
    cr_assert(get_number(p->q, &n, 0) == 0);
    cr_assert(get_number(p->q, &n, 0) == 0);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EEMPTY);
    party_free(p);
}

Test(queue_death, the_only_message_is_given_to_another)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert_eq(put_number(p->q, 7, 0), 0);
    run_dead(take_and_die, p);
    cr_assert_eq(furrow_queue_empty(p->q), 0);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 7);
    party_free(p);
}

Test(queue_death, what_a_dead_consumer_took_does_not_end_a_closed_queue)
{
    party *p = party_new(NULL);
    uint64_t n;

    cr_assert_eq(put_number(p->q, 7, 0), 0);
    run_dead(take_and_die, p);
    cr_assert_eq(furrow_queue_close(p->q), 0);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 7);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_ECLOSED);
    party_free(p);
}

static int wait_for_seven(void *shared)
{
    party *p = shared;
    uint64_t n;

    child_want(get_number(p->q, &n, QUEUES_LONG) == 0 && n == 7);
    return 0;
}

static int take_wait_and_die(void *shared)
{
    party *p = shared;
    fw_claim c;

    child_want(fw_ring_take(&p->q->ring, fw_participant_owner(), &c));
    (void)fw_add_seqcst(&p->number[0], 1);
    left_sleep(0.05);
    return raise(SIGKILL);
}

Test(queue_death, of_a_consumer_is_seen_by_one_that_sleeps)
{
    party *p = party_new(NULL);
    pid_t dying, waiting;

    cr_assert_eq(put_number(p->q, 7, 0), 0);
    dying = child_start(take_wait_and_die, p);
    while (fw_load_seqcst(&p->number[0]) == 0)
        left_sleep(0.001);
    waiting = child_start(wait_for_seven, p);
    cr_assert_eq(child_wait(dying), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(child_wait(waiting), 0);
    party_free(p);
}

static int sleep_in_get(void *shared)
{
    party *p = shared;
    uint64_t n;

    return get_number(p->q, &n, FURROW_FOREVER);
}

Test(queue_death, of_a_sleeper_takes_no_message_along)
{
    party *p = party_new(NULL);
    pid_t pid = child_start(sleep_in_get, p);

    left_sleep(0.02);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(put_numbers(p->q, 0, 9, 0), 0);
    cr_assert_eq(get_numbers(p->q, 0, 9, 0), 0);
    party_free(p);
}

static int get_message_and_die(void *shared)
{
    party *p = shared;
    furrow_message m;

    child_want(furrow_queue_get_message(p->q, &m, 0) == 0);
    return raise(SIGKILL);
}

static int make_message_and_die(void *shared)
{
    furrow_message m;

    (void)shared;
    child_want(furrow_message_new(&m, 3000) == 0);
    return raise(SIGKILL);
}

Test(queue_death, of_who_has_a_message_frees_it)
{
    party *p = party_new(NULL);
    char large[3000] = {0};
    left_mark before = left_now();

    run_dead(make_message_and_die, p);
    cr_assert_eq(furrow_queue_put(p->q, large, sizeof large, 0), 0);
    run_dead(get_message_and_die, p);
    cr_assert_eq(furrow_queue_empty(p->q), 1);
    cr_assert_eq(fw_heap_sweep(), 0);
    cr_assert_eq(left_since(&before, 0), 0);
    party_free(p);
}

static int put_block_and_die(void *shared)
{
    party *p = shared;
    char large[3000];

    fill_bytes(large, sizeof large, 9);
    child_want(furrow_queue_put(p->q, large, sizeof large, 0) == 0);
    return raise(SIGKILL);
}

Test(queue_death, what_was_put_outlives_its_producer)
{
    party *p = party_new(NULL);
    char large[3000];

    run_dead(put_block_and_die, p);
    cr_assert_eq(fw_heap_sweep(), 0);
    cr_assert_eq(furrow_queue_get(p->q, large, sizeof large, NULL, 0), 0);
    cr_assert(are_bytes(large, sizeof large, 9));
    party_free(p);
}

static int claim_and_stop(void *shared)
{
    party *p = shared;
    fw_claim c;

    child_want(fw_ring_claim(&p->q->ring, fw_participant_owner(), &c));
    c.slot->size = 0;
    raise(SIGSTOP);
    child_want(fw_ring_publish(&p->q->ring, &c));
    return 0;
}

Test(queue_death, a_stopped_producer_holds_up_nobody_and_is_not_taken_for_dead)
{
    furrow_queue_options o = {.capacity = 4};
    party *p = party_new(&o);
    pid_t pid = child_start(claim_and_stop, p);
    uint64_t n;
    int status;

    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status));
    for (uint64_t i = 0; i < 3; i++) {
        cr_assert_eq(put_number(p->q, i, 0), 0);
        cr_assert(get_number(p->q, &n, 0) == 0 && n == i);
    }
    cr_assert_eq(put_number(p->q, 3, 0), FURROW_EFULL);
    cr_assert_eq(kill(pid, SIGCONT), 0);
    cr_assert_eq(child_wait(pid), 0);
    cr_assert_eq(furrow_queue_get(p->q, NULL, 0, NULL, 0), 0);
    cr_assert(put_number(p->q, 3, 0) == 0 && get_number(p->q, &n, 0) == 0 && n == 3);
    party_free(p);
}

/* ---- blocks that could not be freed in time ------------------------------------------*/

static int keep_the_heap(void *shared)
{
    party *p = shared;
    fw_heap *heap;

    while (fw_load_seqcst(&p->number[0]) == 0)
        left_sleep(0.001);
    left_sleep(0.05);
    heap = fw_heap_lock();
    child_want(heap);
    raise(SIGSTOP);
    fw_heap_unlock(heap);
    return 0;
}

static uint64_t blocks_in_use(void)
{
    furrow_heap_info info;

    cr_assert_eq(furrow_heap_describe(&info), 0);
    return info.blocks;
}

/* A put of a large message to a full queue whose deadline passes while the holder of the
 * heap's lock is stopped: the holder's pid. The message's block cannot be freed then. */
static pid_t put_past_a_stopped_holder(party *p)
{
    char large[3000] = {0};
    pid_t pid = child_start(keep_the_heap, p);
    int64_t then = fw_os_now();
    int status;

    fw_store_seqcst(&p->number[0], 1);
    cr_assert_eq(furrow_queue_put(p->q, large, sizeof large, furrow_in(1)),
                 FURROW_EFULL);
    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status) && fw_os_now() - then < 5000000000);
    return pid;
}

Test(queue_death, a_block_that_could_not_be_freed_is_freed_with_the_next)
{
    furrow_queue_options o = {.capacity = 1};
    party *p = party_new(&o);
    furrow_message m;
    uint64_t before;
    pid_t pid;

    cr_assert_eq(put_number(p->q, 7, 0), 0);
    before = blocks_in_use();
    pid = put_past_a_stopped_holder(p);
    cr_assert_eq(kill(pid, SIGCONT), 0);
    cr_assert_eq(child_wait(pid), 0);
    cr_assert_eq(furrow_message_new(&m, 10), 0);
    cr_assert_eq(furrow_message_free(&m), 0);
    cr_assert_eq(fw_heap_sweep(), 0);
    cr_assert_eq(blocks_in_use(), before);
    party_free(p);
}

static int knows_of_no_block(void *shared)
{
    furrow_message m;

    (void)shared;
    child_want(furrow_message_new(&m, 10) == 0);
    child_want(furrow_message_free(&m) == 0);
    return 0;
}

Test(queue_death, a_forked_child_frees_no_block_of_its_parents)
{
    furrow_queue_options o = {.capacity = 1};
    party *p = party_new(&o);
    uint64_t before;
    pid_t pid;

    cr_assert_eq(put_number(p->q, 7, 0), 0);
    pid = put_past_a_stopped_holder(p);
    cr_assert_eq(kill(pid, SIGCONT), 0);
    cr_assert_eq(child_wait(pid), 0);
    before = blocks_in_use();
    cr_assert_eq(child_wait(child_start(knows_of_no_block, p)), 0);
    cr_assert_eq(fw_heap_sweep(), 0);
    cr_assert_eq(blocks_in_use(), before);
    party_free(p);
}
