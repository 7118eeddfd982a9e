/* SPDX-License-Identifier: MIT
 *
 * A process's life: made, started, joined, asked, given back.
 */
#include "procs.h"

#include <poll.h>

/* ---- what it is told ------------------------------------------------------------------*/

typedef struct told {
    note *n;
    int number;
    double real;
    char text[24];
} told;

static int tell_back(void *arg, size_t size)
{
    const told *t = arg;

    t->n->word[0] = (uint32_t)size;
    t->n->word[1] = (uint32_t)t->number;
    t->n->word[2] = t->real == 2.5;
    t->n->word[3] = (uint32_t)getpid();
    t->n->word[4] = (uintptr_t)arg % 16 == 0;
    strcpy(t->n->text[0], t->text);
    strcpy(t->n->text[1], furrow_process_name(furrow_process_current()));
    t->n->word[5] = (uint32_t)furrow_process_pid(furrow_process_current());
    t->n->word[6] =
        (uint32_t)furrow_process_authkey(furrow_process_current(), t->n->text[2]);
    return 0;
}

static furrow_process *teller(note *n)
{
    told t = {n, 7, 2.5, "argument"};

    return furrow_process_new(tell_back, &t, sizeof t, NULL);
}

/* CPython: _TestProcess.test_args_argument */
Test(process, gets_a_copy_of_its_argument)
{
    note *n = note_new();
    furrow_process *p = teller(n);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(n->word[0], sizeof(told));
    cr_assert_eq(n->word[1], 7);
    cr_assert_eq(n->word[2], 1);
    cr_assert_eq(n->word[4], 1, "aligned");
    cr_assert_str_eq(n->text[0], "argument");
}

/* CPython: _TestProcess.test_process */
Test(process, sees_its_name_and_pid)
{
    note *n = note_new();
    furrow_process *p = teller(n);

    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_code(p), 0);
    cr_assert_str_eq(n->text[1], furrow_process_name(p));
    cr_assert_eq((int)n->word[5], furrow_process_pid(p));
    cr_assert_eq(n->word[3], n->word[5]);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, has_the_key_of_its_parent)
{
    note *n = note_new();
    furrow_process *p = teller(n);
    char key[FURROW_AUTHKEY];
    int size = furrow_process_authkey(furrow_process_current(), key);

    cr_assert_geq(size, 16);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq((int)n->word[6], size);
    cr_assert_eq(memcmp(n->text[2], key, (size_t)size), 0);
}

/* CPython: _TestProcess.test_process (fork spawn forkserver) */
Test(process, has_another_key_when_it_is_given_one)
{
    note *n = note_new();
    furrow_process *p = teller(n);

    cr_assert_eq(furrow_process_set_authkey(p, "secret", 6), 0);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(furrow_process_set_authkey(p, "later", 5), FURROW_EBUSY);
    cr_assert_eq(proc_end(p), 0);
    if (!peer_threads())
        cr_assert(n->word[6] == 6 && memcmp(n->text[2], "secret", 6) == 0);
}

static int sum(void *arg, size_t size)
{
    const unsigned char *bytes = (unsigned char *)arg + sizeof(note *);
    uint32_t total = 0;

    for (size_t i = 0; i < size - sizeof(note *); i++)
        total += bytes[i];
    note_of(arg)->word[0] = total;
    return 0;
}

/* CPython: _TestProcess.test_args_argument */
Test(process, gets_megabytes_too)
{
    size_t size = 3 << 20;
    unsigned char *bytes = malloc(size + sizeof(note *));
    uint32_t total = 0;
    note *n = note_new();
    furrow_process *p;

    memcpy(bytes, &n, sizeof n);
    for (size_t i = 0; i < size; i++)
        total += bytes[sizeof n + i] = (unsigned char)(i * 7);
    p = furrow_process_new(sum, bytes, size + sizeof n, NULL);
    memset(bytes, 0, size); /* it has its own copy */
    free(bytes);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(n->word[0], total);
}

static int has_none(void *arg, size_t size)
{
    (void)arg;
    return size == 0 ? 5 : 6;
}

/* CPython: _TestProcess.test_args_argument */
Test(process, may_have_no_argument)
{
    furrow_process *p = furrow_process_new(has_none, NULL, 0, NULL);

    unsetenv("BXFI_MAP");
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 5);
}

/* ---- states ---------------------------------------------------------------------------*/

/* CPython: _TestProcess.test_process */
Test(process, is_nothing_before_it_is_started)
{
    note *n = note_new();
    furrow_process *p = proc_new(proc_waits, n);
    int code = 77;

    cr_assert_eq(furrow_process_is_alive(p), 0);
    cr_assert_eq(furrow_process_pid(p), 0);
    cr_assert_eq(furrow_process_daemon(p), 0);
    cr_assert_eq(furrow_process_exit_code(p, &code), FURROW_EEMPTY);
    cr_assert_eq(code, 77);
    cr_assert_eq(furrow_process_children(NULL, 0), 0);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, runs_after_its_start)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_waits, n);
    int code;

    cr_assert_eq(furrow_process_is_alive(p), 1);
    cr_assert_gt(furrow_process_pid(p), 0);
    cr_assert_eq(furrow_process_exit_code(p, &code), FURROW_EBUSY);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, is_over_after_a_join)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_nothing, n);

    cr_assert_eq(proc_code(p), 0);
    cr_assert_eq(furrow_process_is_alive(p), 0);
    cr_assert_eq(furrow_process_join(p, 0), 0, "again, and at once");
    cr_assert_eq(furrow_process_children(NULL, 0), 0);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_terminate, _TestProcess.test_kill */
Test(process, join_tries_once_or_until_the_deadline)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_waits, n);
    double before = left_clock();

    cr_assert_eq(furrow_process_join(p, 0), FURROW_ETIME);
    cr_assert_eq(furrow_process_join(p, furrow_in(-1)), FURROW_ETIME);
    cr_assert_eq(furrow_process_is_alive(p), 1);
    before = left_clock();
    cr_assert_eq(furrow_process_join(p, furrow_in(0.05)), FURROW_ETIME);
    cr_assert_geq(left_clock() - before, 0.05);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, starts_once)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_nothing, n);

    cr_assert_eq(furrow_process_start(p), FURROW_EBUSY);
    cr_assert_eq(proc_code(p), 0);
    cr_assert_eq(furrow_process_start(p), FURROW_EBUSY, "nor a second time");
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, join_before_the_start_is_an_error)
{
    note *n = note_new();
    furrow_process *p = proc_new(proc_nothing, n);

    cr_assert_eq(furrow_process_join(p, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_process_free(p), 0);
}

static int seven(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 7;
}

/* CPython: _TestSubclassingProcess.test_sys_exit */
Test(process, its_result_is_the_exit_code)
{
    cr_assert_eq(proc_end(proc_started(seven, note_new())), 7);
}

static int exits(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    exit(42);
}

/* CPython: _TestSubclassingProcess.test_sys_exit (fork spawn forkserver) */
Test(process, exit_gives_the_exit_code)
{
    if (!peer_threads())
        cr_assert_eq(proc_end(proc_started(exits, note_new())), 42);
}

static int exits_at_once(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    _exit(43);
}

/* CPython: _TestSubclassingProcess.test_sys_exit (fork spawn forkserver) */
Test(process, so_does_an_exit_without_handlers)
{
    if (!peer_threads())
        cr_assert_eq(proc_end(proc_started(exits_at_once, note_new())), 43);
}

static int ends_its_thread(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    pthread_exit(NULL);
}

/* CPython: _TestSubclassingProcess.test_sys_exit */
Test(process, the_end_of_its_thread_is_its_end)
{
    cr_assert_eq(proc_end(proc_started(ends_its_thread, note_new())), 0);
}

static void *finish_late(void *arg)
{
    left_sleep(0.05);
    fw_store_seqcst(&((note *)arg)->word[3], 1);
    return NULL;
}

static int leaves_a_thread(void *arg, size_t size)
{
    pthread_t t;

    (void)size;
    if (pthread_create(&t, NULL, finish_late, note_of(arg)) != 0)
        return 1;
    pthread_exit(NULL);
}

/* CPython: _TestProcess.test_wait_for_threads (fork spawn forkserver) */
Test(process, its_other_threads_are_waited_for)
{
    note *n = note_new();

    if (peer_threads())
        return;
    cr_assert_eq(proc_end(proc_started(leaves_a_thread, n)), 0);
    cr_assert_eq(fw_load_seqcst(&n->word[3]), 1);
}

/* ---- the sentinel ---------------------------------------------------------------------*/

static int readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* CPython: _TestProcess.test_sentinel */
Test(process, sentinel_needs_a_start)
{
    furrow_process *p = proc_new(proc_waits, note_new());

    cr_assert_eq(furrow_process_sentinel(p), FURROW_EINVAL);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_sentinel */
Test(process, sentinel_tells_of_the_end)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_waits, n);
    int fd = furrow_process_sentinel(p);
    struct pollfd waited = {.fd = fd, .events = POLLIN};

    cr_assert_geq(fd, 0);
    cr_assert_not(readable(fd));
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(poll(&waited, 1, 20000), 1);
    cr_assert_eq(furrow_process_is_alive(p), 0);
    cr_assert(readable(fd), "and after it was collected");
    cr_assert_eq(furrow_process_sentinel(p), fd);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* ---- the handle -----------------------------------------------------------------------*/

/* CPython: _TestProcess.test_close */
Test(process, a_running_one_is_not_given_back)
{
    note *n = note_new();
    furrow_process *p = proc_started(proc_waits, n);

    cr_assert_eq(furrow_process_free(p), FURROW_EBUSY);
    cr_assert_eq(furrow_process_is_alive(p), 1);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: _TestProcess.test_close */
Test(process, one_that_was_given_back_is_none)
{
    furrow_process *p = proc_started(proc_nothing, note_new());
    int code;

    cr_assert_eq(proc_end(p), 0);
    cr_assert_eq(furrow_process_is_alive(p), FURROW_EINVAL);
    cr_assert_eq(furrow_process_join(p, 0), FURROW_EINVAL);
    cr_assert_eq(furrow_process_start(p), FURROW_EINVAL);
    cr_assert_eq(furrow_process_kill(p), FURROW_EINVAL);
    cr_assert_eq(furrow_process_exit_code(p, &code), FURROW_EINVAL);
    cr_assert_eq(furrow_process_pid(p), FURROW_EINVAL);
    cr_assert_null(furrow_process_name(p));
    cr_assert_eq(furrow_process_free(p), FURROW_EINVAL);
}

Test(process, null_is_told_with_what_failed_first)
{
    furrow_process *p = furrow_process_new(NULL, NULL, 0, NULL);

    cr_assert_null(p);
    cr_assert_eq(furrow_process_start(p), FURROW_EINVAL);
    cr_assert_not_null(strstr(furrow_last_error()->text, "function"));
    cr_assert_eq(furrow_process_free(p), 0);
}

Test(process, bad_options_are_told)
{
    furrow_process_options bad = {.start = (furrow_start)77};
    furrow_process_options named = {.name =
                                        "0123456789012345678901234567890123456789"
                                        "01234567890123456789012345678901234567890"};

    cr_assert_null(furrow_process_new(seven, NULL, 0, &bad));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_process_new(seven, NULL, 0, &named));
    cr_assert_null(furrow_process_new(seven, NULL, 8, NULL));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_process_new_sized");
}

/* CPython: _TestProcess.test_lose_target_ref */
Test(process, leaves_nothing)
{
    left_mark before = left_now_with_heap();
    note *n = note_new();

    cr_assert_eq(proc_end(proc_started(seven, n)), 7);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

/* CPython: _TestProcess.test_many_processes */
Test(process, thirty_at_once)
{
    enum { MANY = 30 };
    furrow_process *p[MANY];
    note *n = note_new();

    fw_store_seqcst(&n->word[1], 1);
    for (int i = 0; i < MANY; i++)
        p[i] = proc_started(proc_waits, n);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(proc_end(p[i]), 0);
}

/* CPython: _TestProcess.test_many_processes (fork spawn forkserver) */
Test(process, thirty_terminated)
{
    enum { MANY = 30 };
    furrow_process *p[MANY];
    left_mark before = left_now_with_heap();
    note *n = note_new();

    if (peer_threads())
        return;
    for (int i = 0; i < MANY; i++)
        p[i] = proc_started(proc_sleeps, n);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(furrow_process_terminate(p[i]), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(proc_end(p[i]), -SIGTERM);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}

/* ---- names ----------------------------------------------------------------------------*/

/* CPython: _TestProcess.test_process */
Test(process, names_count)
{
    furrow_process *a = proc_new(seven, note_new()), *b = proc_new(seven, note_new());

    cr_assert_str_eq(furrow_process_name(a), "Process-1");
    cr_assert_str_eq(furrow_process_name(b), "Process-2");
    cr_assert_eq(furrow_process_free(a), 0);
    cr_assert_eq(furrow_process_free(b), 0);
}

/* CPython: _TestProcess.test_process */
Test(process, may_be_named)
{
    furrow_process_options o = {.name = "miller"};
    furrow_process *p = furrow_process_new(seven, NULL, 0, &o);

    cr_assert_str_eq(furrow_process_name(p), "miller");
    cr_assert_eq(furrow_process_set_name(p, "baker"), 0);
    cr_assert_str_eq(furrow_process_name(p), "baker");
    cr_assert_eq(furrow_process_set_name(p, NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_process_free(p), 0);
}
