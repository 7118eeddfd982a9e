/* SPDX-License-Identifier: MIT
 *
 * Threads of several processes allocate, slice, swap and free arrays of random sizes.
 *
 * Every array holds a pattern made of its tag, and is checked before it is freed. Most
 * are freed by another thread or process than the one that made them: they meet in a
 * table of pointers, where each thread swaps its newest array for whatever lies there.
 * When all are done, the heap must hold what it held before, and be whole. Before that, all
 * threads of a process ask at once who it is.
 *
 * ThreadSanitizer sees the threads of one process only: what another process passes on
 * would look like a race, so under it there is but one.
 *
 *     heap_threads [rounds]
 */
#include "atomic.h"
#include "child.h"
#include "heap.h"
#include "participant.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    PROCESSES = FW_UNDER_TSAN ? 1 : 3,
    THREADS = FW_UNDER_TSAN ? 8 : 4,
    TABLE = 32,
    OWN = 16
};

typedef furrow_array *_Atomic table[TABLE];

static table *shared;
static int rounds = 3000;

typedef struct worker {
    pthread_t thread;
    uint64_t dice;
    furrow_array *own[OWN];
    int failed;
} worker;

static unsigned roll(worker *w, unsigned n)
{
    w->dice ^= w->dice << 13;
    w->dice ^= w->dice >> 7;
    w->dice ^= w->dice << 17;
    return (unsigned)(w->dice >> 33) % n;
}

static int complain(const char *what, const furrow_array *a)
{
    fprintf(stderr, "FAILED: %s: array %p of %zu (%s)\n", what, (const void *)a,
            a ? a->len : 0, furrow_last_error()->text);
    return 1;
}

/* Mostly small ones; some of each zone. */
static size_t random_length(worker *w)
{
    unsigned kind = roll(w, 100);

    if (kind < 60)
        return 2 + roll(w, 250);
    if (kind < 97)
        return 2 + roll(w, 20000);
    return ((size_t)1 << 17) + roll(w, 1 << 18);
}

/* The first two elements say how all are to be: tag and first index. Large arrays are
 * looked at here and there. */
static size_t stride(const furrow_array *a)
{
    return a->len < 2000 ? 1 : 509;
}

static void fill(const furrow_array *a, uint64_t tag)
{
    uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += stride(a))
        x[i] = tag + i;
}

static int is_filled(const furrow_array *a)
{
    const uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += stride(a))
        if (x[i] != x[0] + i)
            return 0;
    return 1;
}

static int is_zero(const furrow_array *a)
{
    const uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += stride(a))
        if (x[i])
            return 0;
    return 1;
}

static int make(worker *w, furrow_array **out)
{
    furrow_array *a = furrow_array_new('Q', random_length(w), NULL);

    if (!a)
        return complain("cannot make", a);
    if (!is_zero(a))
        return complain("not zeros", a);
    fill(a, w->dice);
    *out = a;
    return 0;
}

static int check_and_free(furrow_array *a)
{
    if (!is_filled(a))
        return complain("overwritten", a);
    return furrow_array_free(a) < 0 ? complain("cannot free", a) : 0;
}

/* A part of the array, which outlives it. */
static int cut(worker *w, furrow_array **at)
{
    furrow_array *a = *at;
    size_t begin = stride(a) * roll(w, 3);
    furrow_array *b = furrow_array_slice(a, begin < a->len ? begin : 0, a->len);

    if (!b)
        return complain("cannot slice", a);
    *at = b;
    if (stride(b) != stride(a)) /* looked at elsewhere: fill anew */
        fill(b, w->dice);
    return furrow_array_free(a) < 0 ? complain("cannot free", a) : 0;
}

static int swap(worker *w, furrow_array **at)
{
    *at = fw_swap_seqcst(&(*shared)[roll(w, TABLE)], *at);
    return *at && !is_filled(*at) ? complain("overwritten elsewhere", *at) : 0;
}

static int step(worker *w)
{
    furrow_array **at = &w->own[roll(w, OWN)];
    unsigned what = roll(w, 10);

    if (!*at)
        return make(w, at);
    if (what < 4)
        return swap(w, at);
    if (what < 6)
        return cut(w, at);
    furrow_array *a = *at;
    *at = NULL;
    return check_and_free(a);
}

static void *work(void *arg)
{
    worker *w = arg;

    for (int i = 0; i < rounds && !w->failed; i++)
        w->failed = step(w);
    for (int i = 0; i < OWN && !w->failed; i++)
        if (w->own[i])
            w->failed = check_and_free(w->own[i]);
    return NULL;
}

static int run_threads(void *number)
{
    static worker w[THREADS];
    int failed = 0;

    for (int i = 0; i < THREADS; i++) {
        w[i].dice = (uint64_t)(*(int *)number * THREADS + i + 1) * 0x9E3779B97F4A7C15u;
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
            return complain("no thread", NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(w[i].thread, NULL);
        failed |= w[i].failed;
    }
    return failed;
}

static int empty_table(void)
{
    int failed = 0;

    for (int i = 0; i < TABLE; i++)
        if ((*shared)[i])
            failed |= check_and_free((*shared)[i]);
    return failed;
}

/* ---- who they are -------------------------------------------------------------------*/

static void *ask(void *out)
{
    uint64_t start_time;
    int32_t pid;

    fw_participant_identity(&pid, &start_time);
    *(uint32_t *)out = start_time ? fw_participant_owner() : 0;
    return NULL;
}

/* Threads of a process that nobody has asked yet. */
static int ask_at_once(void)
{
    pthread_t thread[THREADS];
    uint32_t owner[THREADS];
    int n = 0, failed = !fw_segment_get();

    while (n < THREADS && pthread_create(&thread[n], NULL, ask, &owner[n]) == 0)
        n++;
    for (int i = 0; i < n; i++) {
        pthread_join(thread[i], NULL);
        failed |= owner[i] == 0 || owner[i] != owner[0];
    }
    return failed || n < THREADS ? complain("two numbers", NULL) : 0;
}

int main(int argc, char **argv)
{
    furrow_heap_info before, after;
    pid_t pid[PROCESSES];
    int number[PROCESSES], failed = 0;

    if (argc > 1)
        rounds = atoi(argv[1]);
    failed |= ask_at_once();
    shared = fw_heap_alloc(sizeof *shared);
    if (!shared || furrow_heap_describe(&before) < 0)
        return complain("no heap", NULL);
    for (int i = 0; i < PROCESSES; i++) {
        number[i] = i;
        if (i > 0)
            pid[i] = child_start(run_threads, &number[i]);
    }
    failed |= run_threads(&number[0]);
    for (int i = 1; i < PROCESSES; i++)
        failed |= child_wait(pid[i]);
    failed |= empty_table();
    if (furrow_fsck() < 0 || furrow_heap_describe(&after) < 0)
        failed |= complain("broken", NULL);
    if (after.blocks != before.blocks || after.large_used != before.large_used)
        failed |= complain("blocks are left", NULL);
    printf("%d processes of %d threads, %d steps each: %s\n", PROCESSES, THREADS,
           rounds, failed ? "FAILED" : "whole");
    return failed ? 1 : 0;
}
