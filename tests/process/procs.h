/* SPDX-License-Identifier: MIT
 *
 * Processes of the tests of furrow_process: by the method that FURROW_START says. What
 * they tell the test lies in the heap, at a pointer among their argument's bytes.
 */
#ifndef PROCS_H
#define PROCS_H

#include "heap.h"
#include "left.h"
#include "peer.h"

#include <criterion/criterion.h>

typedef struct note {
    _Atomic uint32_t word[64];
    char text[8][256];
} note;

static inline note *note_new(void)
{
    note *n = fw_heap_alloc(sizeof *n);

    cr_assert_not_null(n);
    unsetenv("BXFI_MAP");
    return n;
}

static inline note *note_of(const void *arg)
{
    return *(note *const *)arg;
}

static inline furrow_process *proc_new(furrow_process_function run, note *n)
{
    furrow_process *p = furrow_process_new(run, &n, sizeof n, NULL);

    cr_assert_not_null(p, "%s", furrow_last_error()->text);
    return p;
}

static inline furrow_process *proc_started(furrow_process_function run, note *n)
{
    furrow_process *p = proc_new(run, n);

    cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
    return p;
}

/* Its exit code, once it has ended. */
static inline int proc_code(furrow_process *p)
{
    int code = -1000;

    cr_assert_eq(furrow_process_join(p, furrow_in(20)), 0, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(furrow_process_exit_code(p, &code), 0);
    return code;
}

/* And gives it back. */
static inline int proc_end(furrow_process *p)
{
    int code = proc_code(p);

    cr_assert_eq(furrow_process_free(p), 0);
    return code;
}

/* The same beside the test: -1000 when something fails. */
static inline int proc_run_here(furrow_process_function run, note *n)
{
    furrow_process *p = furrow_process_new(run, &n, sizeof n, NULL);
    int code = -1000;

    if (furrow_process_start(p) == 0 && furrow_process_join(p, furrow_in(20)) == 0)
        (void)furrow_process_exit_code(p, &code);
    if (code == -1000)
        furrow_perror("proc_run_here");
    (void)furrow_process_free(p);
    return code;
}

/* Wait until a word of the note is there: 1, or 0 after 20 s. */
static inline int note_within(note *n, int i)
{
    double until = left_clock() + 20;

    while (!fw_load_seqcst(&n->word[i]) && left_clock() < until)
        left_sleep(0.0005);
    return fw_load_seqcst(&n->word[i]) != 0;
}

static inline int proc_waits(void *arg, size_t size)
{
    note *n = note_of(arg);

    (void)size;
    if (!peer_threads()) /* not beyond a test that failed */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    fw_store_seqcst(&n->word[0], 1);
    while (!fw_load_seqcst(&n->word[1]))
        left_sleep(0.0005);
    return 0;
}

static inline int proc_sleeps(void *arg, size_t size)
{
    (void)size;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fw_store_seqcst(&note_of(arg)->word[0], (uint32_t)getpid());
    for (;;)
        left_sleep(10);
    return 0;
}

static inline int proc_nothing(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 0;
}

#endif
