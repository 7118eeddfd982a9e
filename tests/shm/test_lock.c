/* SPDX-License-Identifier: MIT
 *
 * The lock: it excludes, it keeps its deadline, and it outlives its holder.
 */
#include "child.h"
#include "heap.h"
#include "lock.h"
#include "os.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

typedef struct page {
    fw_lock lock;
    _Atomic uint32_t stage; /* of the child */
    int counter;            /* under the lock */
} page;

static page *shared;

static void set_up(void)
{
    shared =
        mmap(NULL, FW_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(shared, MAP_FAILED);
    cr_assert_eq(fw_lock_init(&shared->lock), 0);
}

TestSuite(lock, .init = set_up);

static int hold(void *arg)
{
    (void)arg;
    child_want(fw_lock_lock(&shared->lock, FURROW_FOREVER) >= 0);
    fw_store_seqcst(&shared->stage, 1);
    for (;;)
        pause();
}

static pid_t holder(void)
{
    pid_t pid = child_start(hold, NULL);

    while (!fw_load_seqcst(&shared->stage))
        ;
    fw_store_seqcst(&shared->stage, 0);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
}

Test(lock, a_deadline_is_kept)
{
    pid_t pid = holder();
    int64_t before = fw_os_now(), waited;

    cr_assert_eq(fw_lock_lock(&shared->lock, 0), FURROW_ETIME, "once");
    cr_assert_eq(fw_lock_lock(&shared->lock, furrow_in(0.05)), FURROW_ETIME);
    waited = fw_os_now() - before;
    cr_assert(waited >= 50 * 1000 * 1000 && waited < 5000 * INT64_C(1000000), "%ld",
              (long)waited);
    end(pid);
    cr_assert_eq(fw_lock_lock(&shared->lock, 0), FURROW_OWNERDIED);
    fw_lock_unlock(&shared->lock);
    cr_assert_eq(fw_lock_lock(&shared->lock, 0), 0, "told once");
    fw_lock_unlock(&shared->lock);
}

Test(lock, many_holders_die)
{
    for (int i = 0; i < 50; i++) {
        end(holder());
        cr_assert_eq(fw_lock_lock(&shared->lock, FURROW_FOREVER), FURROW_OWNERDIED);
        fw_lock_unlock(&shared->lock);
    }
}

/* A child that waits for the lock gets it when the holder dies. */
static int wait_for_it(void *arg)
{
    (void)arg;
    fw_store_seqcst(&shared->stage, 2);
    child_want(fw_lock_lock(&shared->lock, FURROW_FOREVER) == FURROW_OWNERDIED);
    fw_lock_unlock(&shared->lock);
    return 0;
}

Test(lock, a_death_wakes_the_one_who_waits)
{
    pid_t pid = holder(), waiter = child_start(wait_for_it, NULL);

    while (fw_load_seqcst(&shared->stage) != 2)
        ;
    usleep(20000);
    end(pid);
    cr_assert_eq(child_wait(waiter), 0);
}

/* A child that takes the lock once. */
static int take_it(void *arg)
{
    const struct sched_param none = {0};

    if (arg)
        sched_setscheduler(0, SCHED_IDLE, &none);
    fw_store_seqcst(&shared->stage, 3);
    child_want(fw_lock_lock(&shared->lock, FURROW_FOREVER) >= 0);
    fw_lock_unlock(&shared->lock);
    return 0;
}

static int sleeps(pid_t pid)
{
    char path[40], state = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (f)
        fclose(f);
    return state == 'S';
}

/* Start a child that takes the lock, and wait until it sleeps in that. */
static pid_t waiter(void *idle)
{
    pid_t pid;

    fw_store_seqcst(&shared->stage, 0);
    pid = child_start(take_it, idle);
    for (int i = 0; i < 5000; i++, usleep(1000))
        if (fw_load_seqcst(&shared->stage) == 3 && sleeps(pid))
            return pid;
    cr_assert(0, "the child does not wait");
    return pid;
}

/* Not only the tick does: at least one of ten comes much sooner. */
Test(lock, an_unlock_wakes_another_process)
{
    int64_t shortest = INT64_MAX;

    for (int i = 0; i < 10; i++) {
        int64_t start;
        pid_t pid;

        cr_assert_eq(fw_lock_lock(&shared->lock, 0), 0);
        pid = waiter(NULL);
        start = fw_os_now();
        fw_lock_unlock(&shared->lock);
        cr_assert_eq(child_wait(pid), 0);
        shortest = fw_os_now() - start < shortest ? fw_os_now() - start : shortest;
    }
    cr_assert_lt(shortest, 50 * 1000 * 1000);
}

/* The first of two who wait is woken and killed before it runs; meanwhile the lock is taken
 * again, by one who does not know that there is another. */
Test(lock, a_wake_that_dies_with_the_woken)
{
    fw_cpuset here = {{0}};
    pid_t woken, behind;

    fw_cpuset_add(&here, fw_os_cpu());
    cr_assert_eq(fw_os_pin(&here), 0);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(fw_lock_lock(&shared->lock, 0), 0);
        woken = waiter(shared);
        behind = waiter(NULL);
        fw_lock_unlock(&shared->lock);
        cr_assert_geq(fw_lock_lock(&shared->lock, FURROW_FOREVER), 0);
        end(woken);
        fw_lock_unlock(&shared->lock);
        cr_assert_eq(child_wait(behind), 0, "it never got the lock");
    }
}

/* Died while it repaired: the next one is told again. */
static int repair_and_die(void *arg)
{
    (void)arg;
    child_want(fw_lock_lock(&shared->lock, FURROW_FOREVER) == FURROW_OWNERDIED);
    raise(SIGKILL);
    return 0;
}

Test(lock, a_death_in_the_repair)
{
    end(holder());
    for (int i = 0; i < 3; i++)
        cr_assert_eq(child_run(repair_and_die, NULL), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(fw_lock_lock(&shared->lock, FURROW_FOREVER), FURROW_OWNERDIED);
    fw_lock_unlock(&shared->lock);
}

static void *count(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        if (fw_lock_lock(&shared->lock, FURROW_FOREVER) < 0)
            return arg;
        shared->counter++;
        fw_lock_unlock(&shared->lock);
    }
    return NULL;
}

static int count_by_two(void *arg)
{
    pthread_t other;
    void *failed;

    child_want(pthread_create(&other, NULL, count, arg) == 0);
    child_want(!count(arg));
    child_want(pthread_join(other, &failed) == 0 && !failed);
    return 0;
}

Test(lock, excludes_processes_and_threads)
{
    pid_t a = child_start(count_by_two, shared), b = child_start(count_by_two, shared);

    cr_assert_eq(child_wait(a), 0);
    cr_assert_eq(child_wait(b), 0);
    cr_assert_eq(shared->counter, 4 * 20000);
}

/* The heap's lock: the next one goes on, and what the dead one left is put in order. */
static int die_with_the_heap(void *arg)
{
    (void)arg;
    child_want(fw_heap_lock());
    raise(SIGKILL);
    return 0;
}

Test(lock, the_heap_goes_on)
{
    furrow_array *a = furrow_array_new('d', 1000, NULL), *b;

    for (int i = 0; i < 20; i++) {
        cr_assert_eq(child_run(die_with_the_heap, NULL), CHILD_SIGNAL + SIGKILL);
        b = furrow_array_new('d', 1000, NULL);
        cr_assert_not_null(b);
        cr_assert_eq(furrow_fsck(), 0, "%s", furrow_last_error()->text);
        cr_assert_eq(furrow_array_free(b), 0);
    }
    cr_assert_eq(furrow_array_free(a), 0);
}

/* Died between the two halves of a pair: the block follows its object. */
typedef struct pair {
    char *object, *block;
    int owner; /* that the object has got already; -1: none yet */
} pair;

static int die_in_the_middle(void *arg)
{
    pair *p = arg;
    fw_heap *heap = fw_heap_lock();

    child_want(heap);
    heap->pair_block = (uint64_t)(uintptr_t)p->block;
    fw_store_release(&heap->pair_object, (uint64_t)(uintptr_t)p->object);
    raise(SIGKILL);
    return 0;
}

Test(lock, a_pair_stays_together)
{
    const fw_segment *s = fw_segment_get();
    size_t sizes[] = {200, 5000, 3 << 20};

    for (int i = 0; i < 3; i++)
        for (int published = 0; published < 2; published++) {
            pair p = {.object = fw_heap_alloc(300), .block = fw_heap_alloc(sizes[i])};
            furrow_heap_info before, after;

            if (published)
                fw_heap_publish_pair(p.object, NULL);
            cr_assert_eq(child_run(die_in_the_middle, &p), CHILD_SIGNAL + SIGKILL);
            cr_assert_eq(furrow_heap_describe(&before), 0);
            cr_assert_eq(s->heap->pair_object, 0);
            fw_heap_sweep();
            cr_assert_eq(furrow_heap_describe(&after), 0);
            cr_assert_eq(after.blocks, before.blocks);
            cr_assert_eq(fw_heap_free_pair(p.object, p.block), 0);
            cr_assert_eq(furrow_fsck(), 0);
        }
}
