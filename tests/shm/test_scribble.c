/* SPDX-License-Identifier: MIT
 *
 * Stray stores into the heap's own words: unit maps, slab owners, hints, participants,
 * names, the pair, the lock. Whatever they hold, each function returns: with an error, or
 * with memory of the heap. None crashes, loops for ever or touches what is not the heap's.
 * (That the memory is nobody else's cannot be promised when the map itself lies.)
 *
 * Each round is a child with a heap of its own, so that a crash is one status.
 */
#include "array.h"
#include "child.h"
#include "names.h"
#include "os.h"
#include "stress/dice.h"
#include "unit.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

enum { ARRAYS = 24 };

/* ---- a scribbler ------------------------------------------------------------------------*/

/* What a stray store may write: noise, extremes, and what looks like a unit's word. */
static uint64_t any_word(dice *d)
{
    uint64_t noise = (uint64_t)roll(d, UINT32_MAX) << 32 | roll(d, UINT32_MAX);

    switch (roll(d, 6)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return noise;
    case 3:
        return noise >> roll(d, 64);
    default:
        return (uint64_t)roll(d, 5) << 60 | (uint64_t)roll(d, 16) << 56 |
               (uint64_t)(roll(d, 3) ? roll(d, 8) : roll(d, 65536)) << 40 |
               (roll(d, 4) ? roll(d, 600) : noise >> 24);
    }
}

/* A word of the heap that is its own: near what is in use, for there is most to break. */
static volatile uint64_t *any_place(const fw_segment *s, dice *d)
{
    char *heap = (char *)s->heap;

    switch (roll(d, 8)) {
    case 0: /* serial, hints, counts, pair */
        return (volatile uint64_t *)(void *)(heap + 128 + 8 * roll(d, 12));
    case 1:
        return (volatile uint64_t *)(void *)&s->heap->participant[roll(d, 4)] +
               roll(d, 8);
    case 2:
        return (volatile uint64_t *)(void *)&s->heap->name[roll(d, 2)] + roll(d, 29);
    case 3: /* owners in a slab page, if one is there */
        return (volatile uint64_t *)(void *)(s->zone[FW_ZONE_SMALL].base +
                                             FW_SMALL_UNIT * roll(d, 40)) +
               roll(d, 16);
    default:
        return (volatile uint64_t *)(void *)&s->zone[roll(d, FW_ZONES)]
            .map[roll(d, roll(d, 3) ? 40 : 2000)];
    }
}

static void scribble(const fw_segment *s, dice *d, unsigned words)
{
    while (words-- > 0)
        *any_place(s, d) = any_word(d);
}

/* ---- a program that goes on -------------------------------------------------------------*/

static furrow_array *any_array(dice *d)
{
    static const size_t lens[] = {0, 3, 100, 1000, 40000, 300000, 900000};

    return furrow_array_new('d', lens[roll(d, 7)], NULL);
}

/* What each call returns does not matter; that it returns does. */
static void use_all(furrow_array **a, dice *d)
{
    furrow_heap_info info;
    furrow_where where;

    (void)furrow_fsck();
    (void)furrow_heap_describe(&info);
    for (int i = 0; i < ARRAYS; i++) {
        furrow_array *slice = furrow_array_slice(a[i], 0, roll(d, 3));

        (void)furrow_array_format(a[i]);
        if (roll(d, 4) == 0)
            (void)furrow_array_where(a[i], &where);
        if (roll(d, 4) == 0)
            (void)furrow_array_populate(a[i]);
        (void)furrow_array_free(slice);
        if (roll(d, 2)) {
            (void)furrow_array_free(a[i]);
            a[i] = any_array(d);
        }
    }
    fw_heap_sweep();
    (void)furrow_fsck();
}

static void set_up_heap(furrow_array **a, dice *d)
{
    char name[64];
    furrow_array_options named = {.name = name};

    setenv("FURROW_HEAP", "256M", 1);
    snprintf(name, sizeof name, "/furrow-scribble-%ld", (long)getpid());
    for (int i = 0; i < ARRAYS; i++)
        a[i] = i == 3 ? furrow_array_new('d', 100, &named) : any_array(d);
    for (int i = 0; i < ARRAYS; i += 3 + (int)roll(d, 3)) {
        (void)furrow_array_free(a[i]);
        a[i] = any_array(d);
    }
    snprintf(name, sizeof name, "/dev/shm/furrow-scribble-%ld", (long)getpid());
    unlink(name); /* what becomes of the table does not matter to the next test */
}

static int one_blow(void *arg)
{
    dice d = dice_of((uint64_t)(uintptr_t)arg);
    furrow_array *a[ARRAYS];

    set_up_heap(a, &d);
    scribble(fw_segment_get(), &d, 1u << roll(&d, 8));
    use_all(a, &d);
    use_all(a, &d);
    return 0;
}

Test(scribble, blows, .timeout = 100)
{
    for (uintptr_t seed = 1; seed <= 120; seed++)
        cr_assert_eq(child_run(one_blow, (void *)seed), 0, "seed %zu", (size_t)seed);
}

typedef struct vandal {
    dice dice;
    _Atomic int stop;
} vandal;

static void *be_vandal(void *arg)
{
    vandal *v = arg;

    while (!v->stop) {
        scribble(fw_segment_get(), &v->dice, 4);
        nap_us(roll(&v->dice, 50));
    }
    return NULL;
}

static int under_a_vandal(void *arg)
{
    dice d = dice_of((uint64_t)(uintptr_t)arg + 5000);
    vandal v = {.dice = dice_of((uint64_t)(uintptr_t)arg + 9000)};
    furrow_array *a[ARRAYS];
    pthread_t thread;

    set_up_heap(a, &d);
    child_want(pthread_create(&thread, NULL, be_vandal, &v) == 0);
    for (int i = 0; i < 6; i++)
        use_all(a, &d);
    v.stop = 1;
    pthread_join(thread, NULL);
    use_all(a, &d);
    return 0;
}

Test(scribble, while_it_goes_on, .timeout = 100)
{
    for (uintptr_t seed = 1; seed <= 20; seed++)
        cr_assert_eq(child_run(under_a_vandal, (void *)seed), 0, "seed %zu",
                     (size_t)seed);
}

/* ---- what is caught ---------------------------------------------------------------------*/

/* A block whose length has grown over its neighbour is not given back with it. */
static int grown_run(void *arg)
{
    const int z = *(int *)arg;
    const size_t len = z == FW_ZONE_LARGE ? 300000 : 2000;
    furrow_array *a = furrow_array_new('d', len, NULL);
    furrow_array *b = furrow_array_new('d', len, NULL);
    const fw_segment *s = fw_segment_get();
    size_t u = fw_unit_at(&s->zone[z], a->data), v = fw_unit_at(&s->zone[z], b->data);

    child_want(u != FW_UNIT_NONE && v > u && furrow_fsck() == 0);
    ((double *)b->data)[len - 1] = 7;
    ((double *)b->data)[0] = 6;
    fw_store_relaxed(&s->zone[z].map[u], fw_unit_word(FW_UNIT_RUN, 0, v - u + 1));
    child_want(furrow_fsck() == FURROW_ECORRUPT);
    (void)furrow_array_free(a);
    child_want(((double *)b->data)[0] == 6 && ((double *)b->data)[len - 1] == 7);
    fw_store_relaxed(&s->zone[z].map[u], fw_unit_word(FW_UNIT_RUN, 0, SIZE_MAX >> 24));
    (void)fw_heap_free(s->zone[z].base + u * s->zone[z].unit);
    child_want(((double *)b->data)[0] == 6 && ((double *)b->data)[len - 1] == 7);
    return 0;
}

Test(scribble, a_run_over_its_neighbour)
{
    int z = FW_ZONE_SMALL;

    cr_assert_eq(child_run(grown_run, &z), 0);
    z = FW_ZONE_LARGE;
    cr_assert_eq(child_run(grown_run, &z), 0);
}

static int overwritten_object(void *unused)
{
    furrow_array *a = furrow_array_new('d', 1000, NULL);
    fw_array *object = fw_array_of(a);
    const fw_array good = *object;
    furrow_array *slice;

    (void)unused;
    for (size_t at = 0; at < offsetof(fw_array, format); at += 4) {
        int32_t *word = (int32_t *)(void *)((char *)object + at), old = *word;

        if (at >= offsetof(fw_array, magic) && at < offsetof(fw_array, serial))
            continue;
        *word = 0x7ffff001;
        slice = furrow_array_slice(a, 0, 1000);
        child_want(!slice ||
                   fw_heap_spans(slice->data, slice->len * slice->itemsize, 0));
        (void)furrow_array_format(a);
        *word = old;
    }
    object->kind = FW_ARRAY_FILE; /* would map over the heap */
    child_want(furrow_array_free(a) == FURROW_ECORRUPT);
    child_want(((double *)good.block)[999] == 0);
    return 0;
}

Test(scribble, an_array_object)
{
    cr_assert_eq(child_run(overwritten_object, NULL), 0);
}

/* A process that is gone, as the holder of a lock that was never taken: told after some
 * seconds, not waited for. */
static int lock_of_nobody(void *unused)
{
    furrow_array *a = furrow_array_new('d', 1000, NULL);
    pid_t nobody = fork();

    (void)unused;
    if (nobody == 0)
        _exit(0);
    waitpid(nobody, NULL, 0);
    fw_segment_get()->heap->lock.mutex.__data.__lock = (int)nobody;
    child_want(furrow_array_free(a) == FURROW_ECORRUPT);
    child_want(!furrow_array_new('d', 1000, NULL));
    return 0;
}

Test(scribble, the_lock, .timeout = 60)
{
    cr_assert_eq(child_run(lock_of_nobody, NULL), 0);
}

/* A name that leads out of /dev/shm is not followed, though the file is the right one. */
Test(scribble, a_name)
{
    char path[64] = "/tmp/furrow-scribble-XXXXXX";
    int fd = mkstemp(path);
    fw_file_id id;
    fw_name *entry;
    int i;

    cr_assert(fd >= 0);
    cr_assert_eq(fw_os_file_id(fd, &id), 0);
    i = fw_names_add("/x", &id);
    cr_assert(i >= 0);
    entry = &fw_segment_get()->heap->name[i];
    snprintf(entry->name, sizeof entry->name, "/../..%s", path);
    fw_names_remove(i);
    cr_assert_eq(access(path, F_OK), 0);
    fw_names_remove(-1);
    fw_names_remove(INT32_MAX);
    cr_assert_eq(unlink(path), 0);
    close(fd);
}
