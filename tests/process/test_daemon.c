/* SPDX-License-Identifier: MIT
 *
 * Daemonic children, and what becomes of children when their parent ends.
 */
#include "procs.h"

static furrow_process *daemon_new(furrow_process_function run, note *n)
{
    furrow_process_options o = {.daemon = 1};

    return furrow_process_new(run, &n, sizeof n, &o);
}

/* CPython: _TestProcess.test_daemon_argument */
Test(daemon, is_an_option)
{
    furrow_process *p = daemon_new(proc_nothing, note_new());

    cr_assert_eq(furrow_process_daemon(p), 1);
    cr_assert_eq(furrow_process_set_daemon(p, 0), 0);
    cr_assert_eq(furrow_process_daemon(p), 0);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_daemon_argument */
Test(daemon, is_settled_by_the_start)
{
    furrow_process *p = proc_started(proc_nothing, note_new());

    cr_assert_eq(furrow_process_set_daemon(p, 1), FURROW_EBUSY);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(daemon, runs_and_ends_as_others_do)
{
    left_mark before = left_now_with_heap();
    note *n = note_new();
    furrow_process *p = daemon_new(proc_waits, n);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(furrow_process_is_alive(p), 1);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

Test(daemon, is_killed_as_others_are)
{
    if (peer_threads())
        return;

    left_mark before = left_now_with_heap();
    note *n = note_new();
    furrow_process *p = daemon_new(proc_sleeps, n);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(furrow_process_kill(p), 0);
    cr_assert_eq(proc_end(p), -SIGKILL);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

static int tries_a_child(void *arg, size_t size)
{
    furrow_process *p = furrow_process_new(proc_nothing, NULL, 0, NULL);
    int rc = furrow_process_start(p);

    (void)arg;
    (void)size;
    (void)furrow_process_free(p);
    return rc == FURROW_EINVAL ? 9 : 1;
}

/* CPython: _TestProcess.test_process */
Test(daemon, has_no_children)
{
    furrow_process *p = daemon_new(tries_a_child, note_new());

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 9);
}

/* ---- the parent dies ------------------------------------------------------------------*/

/* proc_sleeps() dies with who forked it, daemonic or not: this one does not. */
static int sleeps_awhile(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    left_sleep(15);
    return 0;
}

static int leaves_daemons(void *arg, size_t size)
{
    note *n = note_of(arg);

    (void)size;
    for (int i = 0; i < 3; i++)
        if (furrow_process_start(daemon_new(sleeps_awhile, n)))
            return 1;
    if (fw_load_seqcst(&n->word[5]))
        raise(SIGKILL);
    return 8;
}

static int daemons_of_one_that(uint32_t is_killed)
{
    left_mark before = left_now_with_heap();
    note *n = note_new();
    int code;

    n->word[5] = is_killed;
    code = proc_end(proc_started(leaves_daemons, n));
    cr_assert_eq(left_processes_within(&before, 5), 0);
    return code;
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(daemon, ends_with_a_parent_that_is_killed)
{
    if (!peer_threads())
        cr_assert_eq(daemons_of_one_that(1), -SIGKILL);
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(daemon, ends_with_a_parent_that_returns)
{
    if (!peer_threads())
        cr_assert_eq(daemons_of_one_that(0), 8);
}

typedef struct begun {
    furrow_process *p;
    note *n;
} begun;

static void *start_one(void *arg)
{
    begun *b = arg;

    b->p = daemon_new(proc_waits, b->n);
    (void)furrow_process_start(b->p);
    return NULL;
}

Test(daemon, outlives_the_thread_that_started_it)
{
    begun b = {.n = note_new()};
    pthread_t t;

    cr_assert_eq(pthread_create(&t, NULL, start_one, &b), 0);
    pthread_join(t, NULL);
    left_sleep(0.02);
    cr_assert_eq(furrow_process_is_alive(b.p), 1);
    fw_store_seqcst(&b.n->word[1], 1);
    cr_assert_eq(proc_end(b.p), 0);
}

static int slow(void *arg, size_t size)
{
    (void)size;
    left_sleep(0.1);
    fw_store_seqcst(&note_of(arg)->word[7], 1);
    return 0;
}

static int leaves_a_child(void *arg, size_t size)
{
    note *n = note_of(arg);

    (void)size;
    return furrow_process_start(furrow_process_new(slow, &n, sizeof n, NULL)) ? 1 : 6;
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(daemon, others_are_joined_at_the_end_of_their_parent)
{
    note *n = note_new();

    if (peer_threads())
        return;
    cr_assert_eq(proc_end(proc_started(leaves_a_child, n)), 6);
    cr_assert_eq(fw_load_seqcst(&n->word[7]), 1);
}
