/* SPDX-License-Identifier: MIT
 *
 * The end of a process in good order, and what it says of itself.
 */
#include "procs.h"

#define BUT_BY_THREAD                                                                  \
    if (peer_threads())                                                                \
    return

static void tells(void *arg)
{
    note *n = arg;
    uint32_t at = fw_add_seqcst(&n->word[0], 1);

    fw_store_seqcst(&n->word[at + 1], at == 0 ? 2 : 1);
}

typedef struct ordered {
    note *n;
    uint32_t number;
} ordered;

static void tells_number(void *arg)
{
    ordered *o = arg;

    fw_store_seqcst(&o->n->word[fw_add_seqcst(&o->n->word[0], 1) + 1], o->number);
}

static int hooks(void *arg, size_t size)
{
    static ordered o[3];

    (void)size;
    for (uint32_t i = 0; i < 3; i++) {
        o[i] = (ordered){note_of(arg), i + 10};
        if (furrow_at_exit(tells_number, &o[i]))
            return 1;
    }
    return 5;
}

static int hooks_and_exits(void *arg, size_t size)
{
    exit(hooks(arg, size));
}

static void check_hooks(furrow_process_function run)
{
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(run, n)), 5);
    cr_assert_eq(n->word[0], 3);
    cr_assert_eq(n->word[1], 12);
    cr_assert_eq(n->word[2], 11);
    cr_assert_eq(n->word[3], 10);
}

/* CPython: _TestAtExit.test_atexit (fork spawn forkserver) */
Test(exit, hooks_run_the_last_one_first)
{
    BUT_BY_THREAD;
    check_hooks(hooks);
}

/* CPython: _TestAtExit.test_atexit (fork spawn forkserver) */
Test(exit, hooks_run_at_exit_too)
{
    BUT_BY_THREAD;
    check_hooks(hooks_and_exits);
}

/* CPython: _TestAtExit.test_atexit (fork spawn forkserver) */
Test(exit, a_child_does_not_run_its_parents)
{
    note *n = note_new(), *other = note_new();

    BUT_BY_THREAD;
    cr_assert_eq(furrow_at_exit(tells, other), 0);
    cr_assert_eq(proc_end(proc_started(proc_nothing, n)), 0);
    cr_assert_eq(other->word[0], 0);
}

static void tells_of_copy(void *arg)
{
    fw_store_seqcst(&((note *)arg)->word[10], (uint32_t)getpid());
}

static int forks_a_copy(void *arg, size_t size)
{
    int status = -1;
    pid_t pid;

    (void)size;
    if (furrow_at_exit(tells, note_of(arg)))
        return 1;
    pid = fork();
    if (pid == 0)
        exit(furrow_at_exit(tells_of_copy, note_of(arg)) ? 1 : 3);
    waitpid(pid, &status, 0);
    note_of(arg)->word[11] = (uint32_t)pid;
    note_of(arg)->word[12] = note_of(arg)->word[0];
    return WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 2;
}

Test(exit, a_copy_that_the_program_forks_runs_its_own_only)
{
    note *n = note_new();

    BUT_BY_THREAD;
    cr_assert_eq(proc_end(proc_started(forks_a_copy, n)), 0);
    cr_assert_eq(n->word[12], 0);
    cr_assert_eq(n->word[0], 1);
    cr_assert_eq(n->word[10], n->word[11]);
}

static int exits_with_7(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    exit(7);
}

static int waits_for_a_thread_that_exits(void *arg, size_t size)
{
    furrow_process_options o = {.start = FURROW_START_THREAD};
    furrow_process *p = furrow_process_new(exits_with_7, arg, size, &o);

    if (furrow_process_start(p))
        return 1;
    (void)furrow_process_join(p, FURROW_FOREVER);
    return 2;
}

Test(exit, by_a_thread_that_is_a_process_does_not_wait_for_that)
{
    BUT_BY_THREAD;
    cr_assert_eq(proc_end(proc_started(waits_for_a_thread_that_exits, note_new())), 7);
}

static int hook_and_dies(void *arg, size_t size)
{
    (void)size;
    if (furrow_at_exit(tells, note_of(arg)))
        return 1;
    raise(SIGKILL);
    return 0;
}

Test(exit, a_killed_one_runs_none)
{
    note *n = note_new();

    BUT_BY_THREAD;
    cr_assert_eq(proc_end(proc_started(hook_and_dies, n)), -SIGKILL);
    cr_assert_eq(n->word[0], 0);
}

Test(exit, no_hook_is_an_error)
{
    cr_assert_eq(furrow_at_exit(NULL, NULL), FURROW_EINVAL);
}

/* ---- the logger -----------------------------------------------------------------------*/

typedef struct heard {
    int count, level;
    char text[100];
} heard;

static void hear(void *ctx, int level, const char *text)
{
    heard *h = ctx;

    h->count++;
    h->level = level;
    snprintf(h->text, sizeof h->text, "%s", text);
}

/* CPython: _TestLogging.test_enable_logging */
Test(exit, messages_go_where_they_are_wanted)
{
    heard h = {0};

    cr_assert_eq(furrow_log_level(FURROW_LOG_INFO), FURROW_LOG_NONE);
    furrow_log_to(hear, &h);
    furrow_log(FURROW_LOG_WARNING, "%d of %s", 2, "them");
    cr_assert_eq(h.count, 1);
    cr_assert_eq(h.level, FURROW_LOG_WARNING);
    cr_assert_str_eq(h.text, "2 of them");
    furrow_log(FURROW_LOG_DEBUG, "too little");
    cr_assert_eq(h.count, 1);
    cr_assert_eq(furrow_log_level(FURROW_LOG_NONE), FURROW_LOG_INFO);
    furrow_log(FURROW_LOG_ERROR, "silence");
    cr_assert_eq(h.count, 1);
}

static int tells_level(void *arg, size_t size)
{
    (void)size;
    note_of(arg)->word[0] = (uint32_t)furrow_log_level(FURROW_LOG_NONE);
    return 0;
}

static void ignore(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* CPython: _TestLogging.test_level */
Test(exit, a_child_has_its_parents_level)
{
    note *n = note_new();

    furrow_log_to(ignore, NULL);
    (void)furrow_log_level(FURROW_LOG_ERROR);
    cr_assert_eq(proc_end(proc_started(tells_level, n)), 0);
    cr_assert_eq(n->word[0], FURROW_LOG_ERROR);
}
