/* SPDX-License-Identifier: MIT
 *
 * The heap: what it promises of blocks, what goes back, processes, and scribblers.
 */
#include "heap.h"
#include "child.h"
#include "counters.h"
#include "os.h"
#include "tracering.h"
#include "unit.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const size_t sizes[] = {
    0,       1,   64,      65,      1024,    1025,        4096,    4097,       100000,
    MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB, 4 * MIB - 1, 4 * MIB, 9 * MIB + 5};
enum { SIZES = sizeof sizes / sizeof *sizes };

static furrow_heap_info info_now(void)
{
    furrow_heap_info info;

    cr_assert_eq(furrow_heap_describe(&info), 0);
    return info;
}

static void want_whole(void)
{
    cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
}

/* ---- blocks -----------------------------------------------------------------------*/

static size_t alignment_of(size_t size)
{
    size_t align = 64;

    if (size >= FW_HEAP_LARGE)
        return 2 * MIB;
    if (size > 1024)
        return 4096;
    while (align < size)
        align *= 2;
    return align;
}

static int is_zero(const char *p, size_t size)
{
    return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

Test(heap, blocks_are_zeros_aligned_and_apart)
{
    char *p[SIZES];

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < SIZES; i++) {
            p[i] = fw_heap_alloc(sizes[i]);
            cr_assert_not_null(p[i]);
            cr_assert_eq((uintptr_t)p[i] % alignment_of(sizes[i]), 0, "%zu", sizes[i]);
            cr_assert(is_zero(p[i], sizes[i]), "%zu in round %d", sizes[i], round);
            memset(p[i], i + 1, sizes[i]);
        }
        want_whole();
        for (int i = SIZES; i-- > 0;) {
            if (sizes[i]) {
                cr_assert_eq(p[i][0], i + 1);
                cr_assert_eq(p[i][sizes[i] - 1], i + 1);
            }
            cr_assert_eq(fw_heap_free(p[i]), 0);
        }
        want_whole();
    }
    cr_assert_eq(info_now().blocks, 0);
    cr_assert_eq(info_now().large_used, 0);
}

/* Pieces of every order and size: nothing but whole neighbours comes of it. */
/* CPython: _TestHeap.test_heap */
Test(heap, fragments_grow_together)
{
    enum { N = 400 };
    static char *p[N];
    size_t whole;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            p[i] = fw_heap_alloc(1500 + (size_t)(i * 7919 % 60) * 4096);
        for (int i = 0; i < N; i++)
            cr_assert_eq(fw_heap_free(p[(i * 149) % N]), 0);
        want_whole();
    }
    cr_assert_eq(info_now().small_used, 0);
    whole = fw_segment_get()->zone[FW_ZONE_SMALL].units * 4096;
    p[0] = fw_heap_alloc(MIB - 1);
    cr_assert_eq((char *)p[0], fw_segment_get()->zone[FW_ZONE_SMALL].base);
    cr_assert(whole > MIB);
    cr_assert_eq(fw_heap_free(p[0]), 0);
}

Test(heap, too_large)
{
    const fw_segment *s = fw_segment_get();
    const size_t large[] = {s->size, s->size + 1, SIZE_MAX / 2, SIZE_MAX};

    for (int i = 0; i < 4; i++) {
        cr_assert_null(fw_heap_alloc(large[i]));
        cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
        cr_assert_null(fw_heap_window(large[i] / 2));
        cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    }
    want_whole();
    cr_assert_eq(info_now().blocks, 0);
}

/* Until nothing is left; then all of it again. */
/* CPython: _TestHeap.test_heap */
Test(heap, the_small_zone_full)
{
    static char *p[40000];
    int n[2];

    setenv("FURROW_HEAP", "256M", 1);
    for (int round = 0; round < 2; round++) {
        for (n[round] = 0; n[round] < 40000; n[round]++)
            if (!(p[n[round]] = fw_heap_alloc(5000)))
                break;
        cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
        cr_assert_null(fw_heap_alloc(700), "no page for a slot either");
        cr_assert_null(furrow_array_new('d', 3, NULL));
        want_whole();
        for (int i = 0; i < n[round]; i++)
            cr_assert_eq(fw_heap_free(p[i]), 0);
    }
    cr_assert(n[0] > 1000);
    cr_assert_eq(n[0], n[1]);
    cr_assert_eq(info_now().small_used, 0);
}

/* ---- what goes back ---------------------------------------------------------------*/

/* Shared memory that the system has given out, in KiB. */
static long shmem_kib(void)
{
    char text[4096];
    const char *p;

    cr_assert(fw_os_read_file("/proc/meminfo", text, sizeof text) > 0);
    p = strstr(text, "\nShmem:");
    return p ? atol(p + 7) : -1;
}

/* CPython: _TestHeap.test_heap */
Test(heap, memory_goes_back_to_the_system)
{
    char *large = fw_heap_alloc(64 * MIB), *small = fw_heap_alloc(900 * KIB);
    long before, during;

    before = shmem_kib();
    memset(large, 1, 64 * MIB);
    memset(small, 1, 900 * KIB);
    cr_assert_eq(fw_os_resident(large, 64 * MIB), 64 * MIB);
    during = shmem_kib();
    cr_assert(during - before > 32 * 1024, "%ld KiB", during - before);
    cr_assert_eq(fw_heap_free(large), 0);
    cr_assert_eq(fw_heap_free(small), 0);
    cr_assert_eq(fw_os_resident(large, 64 * MIB), 0);
    cr_assert_eq(fw_os_resident(small, 900 * KIB / 4096 * 4096), 0);
    cr_assert(during - shmem_kib() > 32 * 1024);
}

Test(heap, pinned_memory_is_wiped)
{
    char *p = fw_heap_alloc(MIB), *q;

    memset(p, 1, MIB);
    if (mlock(p, MIB) != 0)
        cr_skip_test("no memory may be locked");
    cr_assert_eq(fw_heap_free(p), 0);
    q = fw_heap_alloc(MIB);
    cr_assert_eq(q, p);
    cr_assert(is_zero(q, MIB));
}

Test(heap, numbers)
{
    furrow_heap_info before = info_now(), now;
    char *small = fw_heap_alloc(10000), *large = fw_heap_alloc(5 * MIB);
    char *slot = fw_heap_alloc(10);

    now = info_now();
    cr_assert_eq(now.blocks, before.blocks + 3);
    cr_assert_eq(now.small_used, before.small_used + 4 * 4096);
    cr_assert_eq(now.large_used, before.large_used + 6 * MIB);
    cr_assert_eq(now.promised, before.promised + 6 * MIB);
    memset(large, 1, 2 * MIB);
    cr_assert_eq(info_now().promised, before.promised + 4 * MIB);
    cr_assert_eq(fw_heap_free(small) | fw_heap_free(large) | fw_heap_free(slot), 0);
    now = info_now();
    cr_assert_eq(now.blocks, before.blocks);
    cr_assert(now.small_used <= before.small_used + 4096, "a page of slots may stay");
    cr_assert_eq(now.large_used, before.large_used);
    cr_assert_eq(now.promised, before.promised);
}

/* ---- the family -------------------------------------------------------------------*/

static int free_it(void *p)
{
    child_want(fw_heap_free(p) == 0);
    child_want(furrow_fsck() == 0);
    return 0;
}

static int free_in_grandchild(void *p)
{
    char *mine = fw_heap_alloc(3 * MIB);

    child_want(mine);
    child_want(child_run(free_it, mine) == 0);
    return child_run(free_it, p);
}

Test(heap, free_in_another_process)
{
    for (int i = 0; i < SIZES; i++) {
        char *p = fw_heap_alloc(sizes[i]);

        fw_heap_publish_pair(p, NULL);
        cr_assert_eq(child_run(i % 2 ? free_it : free_in_grandchild, p), 0);
        cr_assert_eq(fw_heap_free(p), FURROW_EINVAL, "free already");
    }
    fw_heap_sweep();
    cr_assert_eq(info_now().blocks, 0);
}

typedef struct board {
    furrow_array *_Atomic a[3];
} board;

static int make_three(void *arg)
{
    board *b = arg;
    const size_t lens[] = {3, 3000, 300000};

    for (int i = 0; i < 3; i++) {
        furrow_array *a = furrow_array_new('d', lens[i], NULL);

        child_want(a);
        for (size_t k = 0; k < lens[i]; k++)
            ((double *)a->data)[k] = (double)k;
        b->a[i] = a;
    }
    raise(SIGKILL);
    return 0;
}

Test(heap, arrays_outlive_their_maker)
{
    board *b = fw_heap_alloc(sizeof *b);
    size_t before = info_now().blocks;

    cr_assert_eq(child_run(make_three, b), CHILD_SIGNAL + SIGKILL);
    fw_heap_sweep();
    cr_assert_eq(info_now().blocks, before + 6);
    for (int i = 0; i < 3; i++) {
        furrow_array *a = b->a[i];

        for (size_t k = 0; k < a->len; k++)
            cr_assert_eq(((double *)a->data)[k], (double)k);
        cr_assert_eq(furrow_array_free(a), 0);
    }
    cr_assert_eq(info_now().blocks, before);
}

static int die_with_blocks(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIZES; i++) {
        char *p = fw_heap_alloc(sizes[i]);

        child_want(p);
        memset(p, 0xee, sizes[i]);
    }
    raise(SIGKILL);
    return 0;
}

/* What was not published goes, and is zeros for the next one. */
Test(heap, the_blocks_of_the_dead)
{
    furrow_heap_info before = info_now();
    size_t slabs = FW_SLAB_CLASSES * 4096; /* a page of each class may stay */

    for (int round = 0; round < 3; round++) {
        cr_assert_eq(child_run(die_with_blocks, NULL), CHILD_SIGNAL + SIGKILL);
        cr_assert_eq(info_now().blocks, before.blocks + SIZES);
        want_whole();
        fw_heap_sweep();
        cr_assert_eq(info_now().blocks, before.blocks);
        cr_assert_eq(info_now().large_used, before.large_used);
        cr_assert(info_now().small_used <= before.small_used + slabs);
        want_whole();
        for (int i = 0; i < SIZES; i++) {
            char *p = fw_heap_alloc(sizes[i]);

            cr_assert(is_zero(p, sizes[i]));
            cr_assert_eq(fw_heap_free(p), 0);
        }
    }
}

/* A child that could not even be swept by anybody leaves its memory to who needs it. */
static int die_with_all(void *arg)
{
    (void)arg;
    while (fw_heap_alloc(900 * KIB))
        ;
    return 0;
}

Test(heap, the_dead_make_room)
{
    char *p;

    setenv("FURROW_HEAP", "256M", 1);
    furrow_error_clear();
    cr_assert_not_null(fw_segment_get());
    cr_assert_eq(child_run(die_with_all, NULL), 0);
    p = fw_heap_alloc(900 * KIB);
    cr_assert_not_null(p, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_last_error()->code, 0, "success leaves the record");
    want_whole();
}

static int fork_from_threads(void *arg);

static void *churn(void *stop)
{
    while (!*(_Atomic int *)stop) {
        char *p = fw_heap_alloc(100), *q = fw_heap_alloc(50000);

        if (!p || !q || fw_heap_free(q) < 0 || fw_heap_free(p) < 0)
            return stop;
    }
    return NULL;
}

static int allocate_some(void *arg)
{
    (void)arg;
    alarm(10);
    for (int i = 0; i < 20; i++) {
        furrow_array *a = furrow_array_new('d', (size_t)i * 1000, NULL);

        child_want(a && furrow_array_free(a) == 0);
    }
    return 0;
}

static int fork_from_threads(void *arg)
{
    static _Atomic int stop;
    pthread_t thread[3];
    void *failed;

    (void)arg;
    for (int i = 0; i < 3; i++)
        child_want(pthread_create(&thread[i], NULL, churn, &stop) == 0);
    for (int i = 0; i < 100; i++)
        child_want(child_run(allocate_some, NULL) == 0);
    stop = 1;
    for (int i = 0; i < 3; i++)
        child_want(pthread_join(thread[i], &failed) == 0 && !failed);
    return 0;
}

Test(heap, forks_of_a_threaded_program, .timeout = 60)
{
    cr_assert_not_null(fw_segment_get());
    cr_assert_eq(child_run(fork_from_threads, NULL), 0);
    fw_heap_sweep();
    want_whole();
    cr_assert_eq(info_now().blocks, 0);
}

/* ---- passes -----------------------------------------------------------------------*/

typedef struct turning {
    _Atomic uint64_t word;
    _Atomic int stop;
} turning;

/* The word goes 1, 2, 1, ...: seldom is it what it was a moment before. It stays 3. */
static void *turn_it(void *arg)
{
    turning *t = arg;

    while (!t->stop) {
        uint64_t was = 1;

        (void)fw_cas_seqcst(&t->word, &was, 2);
        was = 2;
        (void)fw_cas_seqcst(&t->word, &was, 1);
    }
    return NULL;
}

Test(heap, a_pass_that_comes_late_fails)
{
    enum { ROUNDS = 200000 };
    turning *t = fw_heap_alloc(sizeof *t);
    char *block = fw_heap_alloc(5000);
    const fw_pass pass = {
        .block = block, .word = &t->word, .expected = 1, .desired = 3};
    int won = 0;
    pthread_t thread;

    t->word = 1;
    cr_assert_eq(pthread_create(&thread, NULL, turn_it, t), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int rc = fw_heap_pass(&pass, FW_HEAP_TO_ME);

        cr_assert(rc == 0 || rc == FURROW_EBUSY);
        cr_assert_eq(rc == 0, t->word == 3, "round %d: %d", i, rc);
        won += rc == 0;
        if (rc == 0)
            t->word = 1;
    }
    t->stop = 1;
    pthread_join(thread, NULL);
    cr_assert(won > 0 && won < ROUNDS, "%d", won);
    cr_assert_eq(fw_heap_free(block) | fw_heap_free(t), 0);
    want_whole();
}

/* ---- scribblers -------------------------------------------------------------------*/

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Allocate and free in a heap whose map is not to be trusted: any result, but an end.
 */
static int use_the_ruins(void *arg)
{
    (void)arg;
    alarm(10);
    for (int i = 0; i < SIZES; i++) {
        furrow_array *a = furrow_array_new('c', sizes[i], NULL);

        if (a)
            (void)furrow_array_free(a);
    }
    return 0;
}

static int scribble(void *arg)
{
    const fw_segment *s = fw_segment_get();
    int found = 0;

    seed += *(const uint64_t *)arg * 7919;
    for (int i = 0; i < 200; i++) {
        const fw_zone *zone = &s->zone[next_random() % FW_ZONES];
        size_t u = next_random() % 4 ? 0 : next_random() % 16;
        uint64_t word = next_random();

        if (next_random() % 2) /* nearly right */
            word = (uint64_t)(word % 5) << 60 | (word >> 8 & 0xFFFF) << 40 | word % 99;
        fw_store_relaxed(&zone->map[u], word);
        found += furrow_fsck() == FURROW_ECORRUPT;
    }
    child_want(found > 0);
    return use_the_ruins(NULL);
}

Test(heap, a_map_that_is_scribbled_on, .timeout = 60)
{
    for (uint64_t i = 0; i < 30; i++) /* each in a heap of its own */
        cr_assert_eq(child_run(scribble, &i), 0, "round %d", (int)i);
}

Test(heap, fsck_finds)
{
    const fw_segment *s = fw_segment_get();
    const fw_zone *zone = &s->zone[FW_ZONE_SMALL];
    char *p = fw_heap_alloc(5000), *slot = fw_heap_alloc(100);
    size_t u = (size_t)(p - zone->base) / 4096;
    size_t page = (size_t)(slot - zone->base) / 4096;
    uint64_t word = fw_unit_load(zone, u), slab = fw_unit_load(zone, page);
    const uint64_t bad[] = {0,
                            fw_unit_word(FW_UNIT_RUN, 0, 0),
                            fw_unit_word(FW_UNIT_RUN, 0, zone->units + 1),
                            fw_unit_word(FW_UNIT_RUN, 2, 2),
                            fw_unit_word(FW_UNIT_RUN, 0xFFFF, 2),
                            fw_unit_word(FW_UNIT_SLAB, 99, 1),
                            fw_unit_word(FW_UNIT_SLAB, 0, 2),
                            fw_unit_word(9, 0, 2)};
    uint16_t *owner = (uint16_t *)(void *)(zone->base + page * 4096);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fw_unit_store(zone, u, bad[i]);
        cr_assert_eq(furrow_fsck(), FURROW_ECORRUPT, "%d", (int)i);
        fw_unit_store(zone, u, word);
        want_whole();
    }
    *owner += 1;
    cr_assert_eq(furrow_fsck(), FURROW_ECORRUPT);
    *owner -= 1;
    s->heap->magic++;
    cr_assert_eq(furrow_fsck(), FURROW_ECORRUPT);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_fsck");
    s->heap->magic--;
    cr_assert_eq(fw_unit_load(zone, page), slab);
    want_whole();
}

/* ---- trace rings and counters -----------------------------------------------------*/

Test(tracering, the_last_ones_stay)
{
    fw_tracering *ring = fw_tracering_new(3, 8);

    cr_assert_not_null(ring);
    for (uint32_t i = 0; i < 20; i++)
        fw_tracering_begin(&ring[1], (fw_trace){.start = 1, .chunk = i})->end = 2;
    cr_assert_eq(*ring[0].head, 0);
    cr_assert_eq(*ring[1].head, 20);
    cr_assert_eq(*ring[2].head, 0);
    for (uint32_t i = 12; i < 20; i++) {
        cr_assert_eq(ring[1].record[i % 8].chunk, i);
        cr_assert_eq(ring[1].record[i % 8].end, 2);
    }
    for (int i = 0; i < 8; i++) { /* the neighbours are untouched */
        cr_assert_eq(ring[0].record[i].start, 0);
        cr_assert_eq(ring[2].record[i].start, 0);
    }
    fw_tracering_free(ring);
    fw_tracering_free(NULL);
    cr_assert_eq(info_now().blocks, 0);
}

Test(tracering, too_many)
{
    cr_assert_null(fw_tracering_new(4, SIZE_MAX / 8));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    for (int count = 1; count < 9; count++) {
        cr_assert_null(
            fw_tracering_new(count, SIZE_MAX / sizeof(fw_trace) / (size_t)count));
        cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM);
    }
}

Test(counters, count)
{
    _Atomic uint64_t counter[FW_COUNTERS] = {0};

    fw_count(&counter[FW_COUNT_steals]);
    fw_count(&counter[FW_COUNT_steals]);
    cr_assert_eq(counter[FW_COUNT_steals], 2);
    cr_assert_eq(counter[FW_COUNT_chunks], 0);
}
