/* SPDX-License-Identifier: MIT
 *
 * Host programs that ignore SIGCHLD, wait for any child, have threads, have closed files.
 */
#include "children.h"
#include "procs.h"

#include <fcntl.h>

#define BUT_BY_THREAD                                                                  \
    if (peer_threads())                                                                \
    return

static int three(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 3;
}

static int killed(note *n)
{
    furrow_process *p = proc_started(proc_sleeps, n);

    cr_assert_eq(furrow_process_kill(p), 0);
    return proc_end(p);
}

Test(host, that_ignores_its_children_knows_how_they_ended)
{
    left_mark before;
    note *n;

    BUT_BY_THREAD;
    signal(SIGCHLD, SIG_IGN);
    before = left_now_with_heap();
    n = note_new();
    cr_assert_eq(proc_end(proc_started(three, n)), 3);
    cr_assert_eq(killed(n), -SIGKILL);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

static void *waits_for_any(void *arg)
{
    note *n = arg;
    struct timespec tick = {0, 100000};

    while (!fw_load_seqcst(&n->word[9]))
        if (waitpid(-1, NULL, WNOHANG) <= 0)
            nanosleep(&tick, NULL);
    return NULL;
}

Test(host, that_waits_for_any_child_takes_no_exit_code)
{
    note *n = note_new();
    pthread_t t;

    BUT_BY_THREAD;
    cr_assert_eq(pthread_create(&t, NULL, waits_for_any, n), 0);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(proc_end(proc_started(three, n)), 3);
    cr_assert_eq(killed(n), -SIGKILL);
    fw_store_seqcst(&n->word[9], 1);
    pthread_join(t, NULL);
}

/* ---- threads --------------------------------------------------------------------------*/

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int over;

static void *allocates(void *arg)
{
    FILE *null = fopen("/dev/null", "w");

    (void)arg;
    while (!over) {
        void *p;

        pthread_mutex_lock(&busy);
        p = malloc(1000);
        fprintf(null, "%p\n", p);
        fprintf(stdout, "%s", "");
        free(p);
        pthread_mutex_unlock(&busy);
    }
    fclose(null);
    return NULL;
}

static int allocates_once(void *arg, size_t size)
{
    void *volatile p = malloc(100000);

    (void)arg;
    (void)size;
    free(p);
    printf("%s", "");
    return 2;
}

/* CPython: TestForkAwareThreadLock.test_lock */
Test(host, with_busy_threads)
{
    note *n = note_new();
    pthread_t t[8];

    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, allocates, NULL), 0);
    for (int i = 0; i < 25; i++)
        cr_assert_eq(proc_end(proc_started(allocates_once, n)), 2);
    over = 1;
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
}

static void *starts_some(void *arg)
{
    int wrong = 0;

    for (int i = 0; i < 8; i++)
        wrong += proc_run_here(three, arg) != 3;
    return wrong ? arg : NULL;
}

Test(host, whose_threads_start_processes_at_once)
{
    left_mark before = left_now_with_heap();
    note *n = note_new();
    pthread_t t[4];
    void *wrong;

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, starts_some, n), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], &wrong);
        cr_assert_null(wrong);
    }
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

static void ignores(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void *logs(void *arg)
{
    while (!fw_load_seqcst((_Atomic uint32_t *)arg))
        furrow_log(FURROW_LOG_INFO, "again");
    return NULL;
}

Test(host, whose_threads_log)
{
    note *n = note_new();
    pthread_t t[2];

    furrow_log_to(ignores, NULL);
    (void)furrow_log_level(FURROW_LOG_INFO);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&t[i], NULL, logs, &n->word[9]), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(proc_end(proc_started(three, n)), 3);
    fw_store_seqcst(&n->word[9], 1);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
}

static void asks_for_children(void *unused)
{
    (void)unused;
    left_sleep(0.05);
    (void)furrow_process_children(NULL, 0);
}

static int asks_at_its_end(void *arg, size_t size)
{
    pthread_key_t key;

    (void)size;
    if (pthread_key_create(&key, asks_for_children) || pthread_setspecific(key, arg))
        return 1;
    return 0;
}

Test(host, whose_threads_ask_for_children_at_their_end)
{
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(asks_at_its_end, n)), 0);
}

/* As proc_waits(), but it does not end with the thread that started it. */
static int outlives_its_starter(void *arg, size_t size)
{
    note *n = note_of(arg);
    double until = left_clock() + CHILD_SECONDS;

    (void)size;
    fw_store_seqcst(&n->word[0], 1);
    while (!fw_load_seqcst(&n->word[1]) && left_clock() < until)
        left_sleep(0.0005);
    return 0;
}

typedef struct canceled {
    furrow_process *p;
    int alive;
} canceled;

static void *asks_while_cancelled(void *arg)
{
    canceled *c = arg;

    pthread_cancel(pthread_self());
    c->alive = furrow_process_is_alive(c->p);
    return NULL;
}

static void *starts_while_cancelled(void *arg)
{
    canceled *c = arg;

    pthread_cancel(pthread_self());
    c->alive = furrow_process_start(c->p) == 0;
    return NULL;
}

static void cancelled_in(void *(*run)(void *arg), canceled *c)
{
    pthread_t t;

    c->alive = -1;
    cr_assert_eq(pthread_create(&t, NULL, run, c), 0);
    pthread_join(t, NULL);
    cr_assert_eq(c->alive, 1);
}

Test(host, whose_threads_are_cancelled)
{
    note *n = note_new();
    canceled c = {.p = proc_new(outlives_its_starter, n)};

    if (peer_start_is("fork")) /* the copy of such a thread is cancelled, too */
        cr_assert_eq(furrow_process_start(c.p), 0);
    else
        cancelled_in(starts_while_cancelled, &c);
    cr_assert(note_within(n, 0));
    cancelled_in(asks_while_cancelled, &c);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(c.p), 0);
}

/* ---- files ----------------------------------------------------------------------------*/

static int counts_files(void *arg, size_t size)
{
    uint32_t n = 0;

    (void)size;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    fw_store_seqcst(&note_of(arg)->word[2], n);
    return proc_waits(arg, size);
}

/* CPython: _TestProcess.test_child_fd_inflation (fork spawn forkserver) */
Test(host, children_do_not_have_each_others_files)
{
    furrow_process *p[5];
    note *n[5];

    BUT_BY_THREAD;
    for (int i = 0; i < 5; i++) {
        n[i] = note_new();
        p[i] = proc_started(counts_files, n[i]);
        cr_assert(note_within(n[i], 0));
        cr_assert_eq(n[i]->word[2], n[0]->word[2]);
    }
    for (int i = 0; i < 5; i++) {
        fw_store_seqcst(&n[i]->word[1], 1);
        cr_assert_eq(proc_end(p[i]), 0);
    }
}

/* CPython: TestCloseFds.test_closefd (spawn forkserver) */
Test(host, a_program_run_anew_has_the_standard_files_and_two_of_ours)
{
    note *n = note_new();
    int extra = dup(1);

    if (!peer_anew())
        return;
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(proc_started(counts_files, n)), 0);
    cr_assert_eq(n->word[2], 5);
    close(extra);
}

static int reads_input(void *arg, size_t size)
{
    char byte;

    (void)arg;
    (void)size;
    return read(0, &byte, 1) == 0 ? 4 : 1;
}

/* CPython: TestStdinBadfiledescriptor.test_queue_in_process (fork spawn forkserver) */
Test(host, the_standard_input_of_a_child_is_empty)
{
    BUT_BY_THREAD;
    cr_assert_eq(proc_end(proc_started(reads_input, note_new())), 4);
}

/* CPython: TestStdinBadfiledescriptor.test_pool_in_process (fork spawn forkserver) */
Test(host, that_has_closed_its_standard_input)
{
    BUT_BY_THREAD;
    close(0);
    cr_assert_eq(proc_end(proc_started(reads_input, note_new())), 4);
}

static int has_an_input_at_exec(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return fcntl(0, F_GETFD) == 0 ? 4 : 1;
}

Test(host, that_has_closed_it_runs_children_that_run_programs)
{
    BUT_BY_THREAD;
    close(0);
    cr_assert_eq(proc_end(proc_started(has_an_input_at_exec, note_new())), 4);
}

static int waits_a_while(void *arg, size_t size)
{
    double until = left_clock() + 10;

    (void)size;
    fw_store_seqcst(&note_of(arg)->word[0], 1);
    while (!fw_load_seqcst(&note_of(arg)->word[1]) && left_clock() < until)
        left_sleep(0.0005);
    return 0;
}

static int starts_another(void *arg, size_t size)
{
    furrow_process *p = furrow_process_new(waits_a_while, arg, size, NULL);

    if (furrow_process_start(p) || !note_within(note_of(arg), 0))
        return 1;
    _exit(5);
}

/* A child of its child, by fork, has no copy of the child's end. */
Test(host, whose_child_has_ended_finds_its_line_at_the_end)
{
    note *n = note_new();
    furrow_process *p;
    int line;

    BUT_BY_THREAD;
    p = proc_started(starts_another, n);
    line = p->child->line;
    cr_assert_eq(fw_os_readable(&line, 1, fw_os_now() + 5 * INT64_C(1000000000)), 1u);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 5);
}

/* CPython: _TestProcess.test_error_on_stdio_flush_1, _TestProcess.test_error_on_stdio_flush_2 (fork spawn forkserver) */
Test(host, that_has_closed_its_outputs)
{
    note *n = note_new();
    int err, code;
    furrow_process *p;

    BUT_BY_THREAD;
    (void)furrow_process_pid(furrow_process_current());
    err = dup(2);
    close(1);
    close(2);
    p = proc_new(three, n);
    code = furrow_process_start(p) ? -1 : proc_code(p);
    dup2(err, 1);
    dup2(err, 2);
    cr_assert_eq(code, 3);
    cr_assert_eq(furrow_process_free(p), 0);
}

static int writes(void *arg, size_t size)
{
    FILE *out = freopen(note_of(arg)->text[0], "w", stdout);

    (void)size;
    if (!out)
        return 1;
    printf("no newline, no flush");
    return 0;
}

/* CPython: _TestSubclassingProcess.test_stderr_flush, TestStdinBadfiledescriptor.test_flushing (fork spawn forkserver) */
Test(host, what_a_child_has_printed_is_written_at_its_end)
{
    note *n = note_new();
    char text[64] = "";
    FILE *f;

    BUT_BY_THREAD;
    snprintf(n->text[0], sizeof n->text[0], "/tmp/furrow-test-%d", (int)getpid());
    cr_assert_eq(proc_end(proc_started(writes, n)), 0);
    f = fopen(n->text[0], "r");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(text, sizeof text, f));
    fclose(f);
    unlink(n->text[0]);
    cr_assert_str_eq(text, "no newline, no flush");
}
