/* SPDX-License-Identifier: MIT
 *
 * Who a process is, who started it, whom it started.
 */
#include "procs.h"

/* CPython: _TestProcess.test_current */
Test(kin, this_process)
{
    furrow_process *me = furrow_process_current();
    char key[FURROW_AUTHKEY];
    int code;

    cr_assert_eq(furrow_process_is_alive(me), 1);
    cr_assert_eq(furrow_process_daemon(me), 0);
    cr_assert_str_eq(furrow_process_name(me), "MainProcess");
    cr_assert_eq(furrow_process_pid(me), getpid());
    cr_assert_gt(furrow_process_authkey(me, key), 0);
    cr_assert_eq(furrow_process_exit_code(me, &code), FURROW_EINVAL);
    cr_assert_eq(furrow_process_join(me, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_process_free(me), FURROW_EINVAL);
}

/* CPython: _TestProcess.test_parent_process_attributes */
Test(kin, the_first_has_no_parent)
{
    cr_assert_null(furrow_process_parent());
}

/* CPython: _TestProcess.test_cpu_count */
Test(kin, cpus_are_counted)
{
    cr_assert_geq(furrow_cpu_count(), 1);
}

static int looks_at_parent(void *arg, size_t size)
{
    furrow_process *parent = furrow_process_parent();
    note *n = note_of(arg);

    (void)size;
    child_want(parent != NULL);
    n->word[0] = (uint32_t)furrow_process_pid(parent);
    n->word[1] = (uint32_t)furrow_process_is_alive(parent);
    n->word[2] = (uint32_t)(furrow_process_join(parent, 0) == FURROW_ETIME);
    n->word[3] = (uint32_t)(furrow_process_sentinel(parent) >= 0);
    strcpy(n->text[0], furrow_process_name(parent));
    return 0;
}

/* CPython: _TestProcess.test_parent_process_attributes */
Test(kin, a_child_knows_its_parent)
{
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(looks_at_parent, n)), 0);
    cr_assert_eq((int)n->word[0], getpid());
    cr_assert_eq(n->word[1], 1);
    cr_assert_eq(n->word[2], 1);
    cr_assert_eq(n->word[3], 1);
    cr_assert_str_eq(n->text[0], "MainProcess");
}

static int names_parent_of_thread(void *arg, size_t size)
{
    furrow_process_options o = {.start = FURROW_START_THREAD};
    furrow_process *p = furrow_process_new(looks_at_parent, arg, size, &o);

    unsetenv("FURROW_START");
    child_want(furrow_process_start(p) == 0);
    child_want(furrow_process_join(p, furrow_in(20)) == 0);
    return furrow_process_free(p) != 0;
}

/* Not the parent of the process that it is a thread of. */
Test(kin, a_thread_of_a_child_knows_its_parent)
{
    const char *expected = peer_threads() ? "MainProcess" : "Process-1";
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(names_parent_of_thread, n)), 0);
    cr_assert_eq(n->word[1], 1);
    cr_assert_str_eq(n->text[0], expected);
}

static int watches_parent(void *arg, size_t size)
{
    furrow_process *parent = furrow_process_parent();
    note *n = note_of(arg);

    (void)size;
    n->word[1] = (uint32_t)furrow_process_is_alive(parent);
    fw_store_seqcst(&n->word[0], 1);
    n->word[2] = (uint32_t)(furrow_process_join(parent, furrow_in(15)) == 0);
    n->word[3] = (uint32_t)furrow_process_is_alive(parent);
    fw_store_seqcst(&n->word[4], 1);
    return 0;
}

static int starts_one_and_waits(void *arg, size_t size)
{
    note *n = note_of(arg);

    if (furrow_process_start(furrow_process_new(watches_parent, &n, sizeof n, NULL)))
        return 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    left_sleep(60);
    return (int)size;
}

/* CPython: _TestProcess.test_parent_process (fork spawn forkserver) */
Test(kin, a_grandchild_sees_its_parent_die)
{
    note *n = note_new();
    furrow_process *p;

    if (peer_threads())
        return;
    p = proc_started(starts_one_and_waits, n);
    cr_assert(note_within(n, 0));
    cr_assert_eq(n->word[1], 1);
    cr_assert_eq(furrow_process_kill(p), 0);
    cr_assert_eq(proc_end(p), -SIGKILL);
    cr_assert(note_within(n, 4));
    cr_assert_eq(n->word[2], 1);
    cr_assert_eq(n->word[3], 0);
}

/* CPython: _TestProcess.test_active_children */
Test(kin, children_are_listed_while_they_run)
{
    note *n = note_new();
    furrow_process *p = proc_new(proc_waits, n), *found[4] = {NULL};

    cr_assert_eq(furrow_process_children(found, 4), 0);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(furrow_process_children(found, 4), 1);
    cr_assert_eq(found[0], p);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_code(p), 0);
    cr_assert_eq(furrow_process_children(found, 4), 0);
    cr_assert_eq(furrow_process_free(p), 0);
}

typedef struct branch {
    note *n;
    char path[8];
} branch;

static int branches(void *arg, size_t size)
{
    const branch *b = arg;
    uint32_t at = fw_add_seqcst(&b->n->word[0], 1);

    (void)size;
    strcpy(b->n->text[at], b->path);
    for (char c = '0'; c < '2' && strlen(b->path) < 2; c++) {
        branch next = *b;
        furrow_process *p;

        next.path[strlen(b->path)] = c;
        p = furrow_process_new(branches, &next, sizeof next, NULL);
        if (furrow_process_start(p) || furrow_process_join(p, furrow_in(20)) ||
            furrow_process_free(p))
            return 1;
    }
    return 0;
}

/* CPython: _TestProcess.test_recursion, TestStartMethod.test_nested_startmethod */
Test(kin, children_have_children)
{
    static const char *const expected[] = {"", "0", "00", "01", "1", "10", "11"};
    branch b = {note_new(), ""};
    furrow_process *p = furrow_process_new(branches, &b, sizeof b, NULL);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(b.n->word[0], 7);
    for (int i = 0; i < 7; i++)
        cr_assert_str_eq(b.n->text[i], expected[i]);
}

static int tells_name_of_child(void *arg, size_t size)
{
    furrow_process *p = furrow_process_new(proc_nothing, NULL, 0, NULL);

    (void)size;
    strcpy(note_of(arg)->text[0], furrow_process_name(p));
    return furrow_process_free(p);
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(kin, names_tell_the_line)
{
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(tells_name_of_child, n)), 0);
    if (!peer_threads())
        cr_assert_str_eq(n->text[0], "Process-1:1");
}

typedef struct lent {
    note *n;
    furrow_process *p;
} lent;

static int meddles(void *arg, size_t size)
{
    const lent *l = arg;
    int code;

    (void)size;
    child_want(furrow_process_start(l->p) == FURROW_EOWNER);
    child_want(furrow_process_join(l->p, 0) == FURROW_EOWNER);
    child_want(furrow_process_is_alive(l->p) == FURROW_EOWNER);
    child_want(furrow_process_exit_code(l->p, &code) == FURROW_EOWNER);
    child_want(furrow_process_kill(l->p) == FURROW_EOWNER);
    child_want(furrow_process_sentinel(l->p) == FURROW_EOWNER);
    child_want(furrow_process_free(l->p) == FURROW_EOWNER);
    child_want(strcmp(furrow_process_name(l->p), "Process-1") == 0);
    return 0;
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(kin, only_its_maker_may_start_or_join_it)
{
    if (peer_threads())
        return;

    note *n = note_new();
    lent l = {n, proc_new(proc_nothing, n)};
    furrow_process *p = furrow_process_new(meddles, &l, sizeof l, NULL);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(furrow_process_free(l.p), 0);
}
