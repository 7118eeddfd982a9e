/* SPDX-License-Identifier: MIT
 *
 * Processes that are interrupted, terminated, killed or crash.
 */
#include "interrupt.h"
#include "procs.h"

static int ended_by(int (*how)(furrow_process *p))
{
    left_mark before = left_now_with_heap();
    note *n = note_new();
    furrow_process *p = proc_started(proc_sleeps, n);
    int code;

    cr_assert(note_within(n, 0));
    cr_assert_eq(how(p), 0);
    code = proc_end(p);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
    return code;
}

#define BUT_BY_THREAD                                                                  \
    if (peer_threads())                                                                \
    return

/* CPython: _TestProcess.test_interrupt_no_handler (fork spawn forkserver) */
Test(signal, interrupt_ends_it)
{
    BUT_BY_THREAD;
    cr_assert_eq(ended_by(furrow_process_interrupt), -SIGINT);
}

/* CPython: _TestProcess.test_terminate (fork spawn forkserver) */
Test(signal, terminate_ends_it)
{
    BUT_BY_THREAD;
    cr_assert_eq(ended_by(furrow_process_terminate), -SIGTERM);
}

/* CPython: _TestProcess.test_kill (fork spawn forkserver) */
Test(signal, kill_ends_it)
{
    BUT_BY_THREAD;
    cr_assert_eq(ended_by(furrow_process_kill), -SIGKILL);
}

static void handler(int signal)
{
    (void)signal;
    _exit(50);
}

static int handles(void *arg, size_t size)
{
    signal(SIGINT, handler);
    return proc_sleeps(arg, size);
}

/* CPython: _TestProcess.test_interrupt (fork spawn forkserver) */
Test(signal, interrupt_meets_its_handler)
{
    note *n = note_new();
    furrow_process *p;

    BUT_BY_THREAD;
    p = proc_started(handles, n);
    cr_assert(note_within(n, 0));
    cr_assert_eq(furrow_process_interrupt(p), 0);
    cr_assert_eq(proc_end(p), 50);
}

/* CPython: _TestProcess.test_terminate (thread) */
Test(signal, a_thread_is_spared)
{
    note *n = note_new();
    furrow_process *p;

    if (!peer_threads())
        return;
    p = proc_started(proc_waits, n);
    cr_assert_eq(furrow_process_interrupt(p), FURROW_ENOTSUP);
    cr_assert_eq(furrow_process_terminate(p), FURROW_ENOTSUP);
    cr_assert_eq(furrow_process_kill(p), FURROW_ENOTSUP);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: _TestProcess.test_terminate (fork spawn forkserver) */
Test(signal, one_that_has_ended_stays_as_it_ended)
{
    furrow_process *p;

    BUT_BY_THREAD;
    p = proc_started(proc_nothing, note_new());
    cr_assert_eq(furrow_process_join(p, furrow_in(20)), 0);
    cr_assert_eq(furrow_process_kill(p), 0);
    cr_assert_eq(proc_end(p), 0);
}

static int crashes(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    signal(SIGABRT, SIG_DFL);
    abort();
}

Test(signal, a_crash_has_its_signal)
{
    BUT_BY_THREAD;
    cr_assert_eq(proc_end(proc_started(crashes, note_new())), -SIGABRT);
}

static int looks_at_signals(void *arg, size_t size)
{
    note *n = note_of(arg);
    struct sigaction now;
    sigset_t blocked;

    (void)size;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int s = 1; s < 32; s++) {
        if (s == SIGKILL || s == SIGSTOP)
            continue;
        sigaction(s, NULL, &now);
        n->word[2] += now.sa_handler != SIG_DFL;
        n->word[3] += sigismember(&blocked, s) == 1;
    }
    return 0;
}

Test(signal, a_child_begins_with_none_handled_and_none_blocked)
{
    note *n = note_new();
    sigset_t all;

    BUT_BY_THREAD;
    signal(SIGUSR1, handler);
    signal(SIGPIPE, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    cr_assert_eq(proc_end(proc_started(looks_at_signals, n)), 0);
    cr_assert_eq(n->word[2], 0);
    cr_assert_eq(n->word[3], 0);
}

static void *interrupts(void *arg)
{
    interrupt(*(pthread_t *)arg, 5);
    return NULL;
}

/* CPython: TestIgnoreEINTR.test_ignore */
Test(signal, a_join_goes_on_after_signals)
{
    pthread_t me = pthread_self(), t;
    note *n = note_new();
    furrow_process *p;

    p = proc_started(proc_waits, n);
    interrupt_allow(NULL);
    cr_assert_eq(pthread_create(&t, NULL, interrupts, &me), 0);
    cr_assert_eq(furrow_process_join(p, furrow_in(0.03)), FURROW_ETIME);
    pthread_join(t, NULL);
    cr_assert_eq(atomic_load(interrupt_count), 5);
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(proc_end(p), 0);
}

static int allocates_and_dies(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    (void)fw_heap_alloc(1000);
    (void)fw_heap_alloc(100000);
    raise(SIGKILL);
    return 0;
}

Test(signal, what_a_killed_child_did_not_publish_goes_with_it)
{
    left_mark before;
    note *n;

    BUT_BY_THREAD;
    before = left_now_with_heap();
    n = note_new();
    cr_assert_eq(proc_end(proc_started(allocates_and_dies, n)), -SIGKILL);
    cr_assert_eq(fw_heap_free(n), 0);
    cr_assert_eq(left_since(&before, 2), 0);
}
