/* SPDX-License-Identifier: MIT
 *
 * Joinable queues: when all that was put is done.
 */
#include "queues.h"

#include "participant.h"

static const furrow_queue_options joinable = {.joinable = 1};

static int work(void *shared)
{
    party *p = shared;
    uint64_t n;
    int rc;

    while ((rc = get_number(p->q, &n, QUEUES_LONG)) == 0 && n != UINT64_MAX) {
        left_sleep(0.002);
        (void)fw_add_seqcst(&p->number[0], 1);
        child_want(furrow_queue_task_done(p->q) == 0);
    }
    child_want(rc == 0 && furrow_queue_task_done(p->q) == 0);
    return 0;
}

/* CPython: _TestQueue.test_task_done */
Test(queue_join, waits_until_all_is_done)
{
    party *p = party_new(&joinable);
    peer worker[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(peer_start(&worker[i], work, p), 0);
    cr_assert_eq(put_numbers(p->q, 0, 9, 0), 0);
    cr_assert_eq(furrow_queue_join(p->q, QUEUES_LONG), 0);
    cr_assert_eq(fw_load_seqcst(&p->number[0]), 10);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(put_number(p->q, UINT64_MAX, 0), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(peer_join(&worker[i]), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), 0);
    party_free(p);
}

/* CPython: _TestQueue.test_task_done */
Test(queue_join, refuses_more_done_than_got)
{
    party *p = party_new(&joinable);
    uint64_t n;

    cr_assert_eq(furrow_queue_task_done(p->q), FURROW_EINVAL);
    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(furrow_queue_task_done(p->q), FURROW_EINVAL);
    cr_assert_eq(get_number(p->q, &n, 0), 0);
    cr_assert_eq(furrow_queue_task_done(p->q), 0);
    cr_assert_eq(furrow_queue_task_done(p->q), FURROW_EINVAL);
    party_free(p);
}

Test(queue_join, of_an_unused_queue_returns_at_once)
{
    party *p = party_new(&joinable);

    cr_assert_eq(furrow_queue_join(p->q, 0), 0);
    party_free(p);
}

Test(queue_join, is_late_while_a_message_waits)
{
    party *p = party_new(&joinable);

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), FURROW_ETIME);
    party_free(p);
}

Test(queue_join, is_late_while_a_task_is_unfinished)
{
    party *p = party_new(&joinable);
    double start = left_clock();
    uint64_t n;

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(get_number(p->q, &n, 0), 0);
    cr_assert_eq(furrow_queue_join(p->q, furrow_in(0.15)), FURROW_ETIME);
    cr_assert_geq(seconds_since(start), 0.15);
    cr_assert_eq(furrow_queue_task_done(p->q), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), 0);
    party_free(p);
}

Test(queue_join, counts_messages_in_blocks)
{
    party *p = party_new(&joinable);
    char large[3000] = {0};

    cr_assert_eq(furrow_queue_put(p->q, large, sizeof large, 0), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), FURROW_ETIME);
    cr_assert_eq(furrow_queue_get(p->q, large, sizeof large, NULL, 0), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), FURROW_ETIME);
    cr_assert_eq(furrow_queue_task_done(p->q), 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), 0);
    party_free(p);
}

Test(queue_join, does_not_count_what_was_too_long)
{
    party *p = party_new(&joinable);
    uint64_t n = 0;

    cr_assert_eq(furrow_queue_put(p->q, "0123456789", 10, 0), 0);
    cr_assert_eq(furrow_queue_get(p->q, &n, 8, NULL, 0), FURROW_ESHORT);
    cr_assert_eq(furrow_queue_task_done(p->q), FURROW_EINVAL);
    party_free(p);
}

Test(queue_join, is_for_joinable_queues)
{
    party *p = party_new(NULL);

    cr_assert_eq(furrow_queue_join(p->q, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_queue_task_done(p->q), FURROW_EINVAL);
    party_free(p);
}

/* Each task makes two more, until they are small enough. */
static int split(void *shared)
{
    party *p = shared;
    uint64_t n;
    int rc;

    while ((rc = get_number(p->q, &n, QUEUES_LONG)) == 0) {
        for (int i = 0; i < 2 && n > 1; i++)
            child_want(put_number(p->q, n / 2, QUEUES_LONG) == 0);
        (void)fw_add_seqcst(&p->number[0], n == 1);
        child_want(furrow_queue_task_done(p->q) == 0);
    }
    child_want(rc == FURROW_ECLOSED);
    return 0;
}

Test(queue_join, is_not_fooled_by_tasks_that_make_tasks)
{
    party *p = party_new(&joinable);
    peer worker[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_start(&worker[i], split, p), 0);
    for (uint64_t k = 1; k <= 10; k++) {
        cr_assert_eq(put_number(p->q, 64, QUEUES_LONG), 0);
        cr_assert_eq(furrow_queue_join(p->q, QUEUES_LONG), 0);
        cr_assert_eq(fw_load_seqcst(&p->number[0]), 64 * k);
    }
    cr_assert_eq(furrow_queue_close(p->q), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(peer_join(&worker[i]), 0);
    party_free(p);
}

static int get_two_and_die(void *shared)
{
    party *p = shared;
    uint64_t n;

    child_want(get_number(p->q, &n, 0) == 0 && get_number(p->q, &n, 0) == 0);
    return raise(SIGKILL);
}

Test(queue_join, tells_what_died_with_its_consumer)
{
    party *p = party_new(&joinable);
    uint64_t n;

    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(put_number(p->q, i, 0), 0);
    cr_assert_eq(child_run(get_two_and_die, p), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_queue_join(p->q, 0), FURROW_ETIME);
    cr_assert(get_number(p->q, &n, 0) == 0 && n == 2);
    cr_assert_eq(furrow_queue_task_done(p->q), 0);
    cr_assert_eq(furrow_queue_join(p->q, QUEUES_LONG), FURROW_EDIED);
    cr_assert(strncmp(furrow_last_error()->text, "2 tasks", 7) == 0);
    cr_assert_eq(furrow_queue_join(p->q, 0), 0);
    party_free(p);
}

static int get_one_and_die(void *shared)
{
    party *p = shared;
    uint64_t n;

    child_want(get_number(p->q, &n, 0) == 0);
    return raise(SIGKILL);
}

Test(queue_join, tells_of_one_death_in_the_singular)
{
    party *p = party_new(&joinable);

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(child_run(get_one_and_die, p), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(furrow_queue_join(p->q, QUEUES_LONG), FURROW_EDIED);
    cr_assert_str_eq(furrow_last_error()->text,
                     "1 task died with the process that had got it");
    party_free(p);
}

static int done_by_another(void *shared)
{
    party *p = shared;

    child_want(furrow_queue_task_done(p->q) == FURROW_EINVAL);
    return 0;
}

Test(queue_join, a_task_is_its_consumers)
{
    party *p = party_new(&joinable);
    uint64_t n;

    cr_assert_eq(put_number(p->q, 1, 0), 0);
    cr_assert_eq(get_number(p->q, &n, 0), 0);
    cr_assert_eq(child_run(done_by_another, p), 0);
    cr_assert_eq(furrow_queue_task_done(p->q), 0);
    party_free(p);
}

/* What a process has unfinished has a limit. Freeing the queue needs nothing more of it, nor
 * of the heap's memory, which may be what is to be had by freeing. */
Test(queue_join, a_queue_is_freed_where_no_message_can_be_got)
{
    furrow_queue_options o = {.joinable = 1};
    party *p = party_new(&o);
    uint32_t me = fw_participant_owner();
    fw_tasks *tasks = fw_queue_tasks(p->q);
    uint64_t n;

    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(put_number(p->q, i, 0), 0);
    fw_store_seqcst(&tasks->line[me % FW_PARTICIPANTS],
                    (uint64_t)(me / FW_PARTICIPANTS) << 48 | 0xFFFFFF);
    cr_assert_eq(get_number(p->q, &n, 0), FURROW_EBUSY);
    cr_assert_eq(furrow_queue_size(p->q), 3);
    party_free(p);
}
