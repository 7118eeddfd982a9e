/* SPDX-License-Identifier: MIT
 *
 * Managers of segments: they free what they made.
 */
#include "left.h"
#include "peer.h"
#include "shared_segment.h"

#include <criterion/criterion.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static int exists(const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "/dev/shm/%s", name);
    return access(path, F_OK) == 0;
}

static void set_up(void)
{
    (void)fw_segment_get();
}

TestSuite(segments, .init = set_up);

/* CPython: _TestSharedMemory.test_shared_memory_SharedMemoryManager_basics */
Test(segments, are_freed_with_the_manager)
{
    furrow_segments *m = furrow_segments_open();
    char name[5][32];

    cr_assert_not_null(m);
    for (int i = 0; i < 5; i++) {
        furrow_segment *s = furrow_segments_new(m, 32 + 16 * (size_t)i), *also;

        cr_assert_not_null(s, "%s", error_text());
        snprintf(name[i], sizeof name[i], "%s", furrow_segment_name(s));
        also = furrow_segment_attach(name[i]);
        cr_assert_eq(furrow_segment_size(also), 32 + 16 * (size_t)i);
        cr_assert_eq(furrow_segment_free(also), 0);
    }
    cr_assert_eq(furrow_segments_count(m), 5);
    cr_assert_eq(furrow_segments_close(m), 0);
    for (int i = 0; i < 5; i++) {
        cr_assert(!exists(name[i]));
        cr_assert_null(furrow_segment_attach(name[i]));
        cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    }
}

/* CPython: _TestSharedMemory.test_shared_memory_SharedMemoryManager_basics */
Test(segments, need_an_open_manager)
{
    furrow_segments *m = furrow_segments_open();

    cr_assert_eq(furrow_segments_close(m), 0);
    cr_assert_null(furrow_segments_new(m, 9));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_eq(furrow_segments_close(m), FURROW_EINVAL);
    furrow_error_clear();
    cr_assert_null(furrow_segments_new(NULL, 9));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_segments_new");
    cr_assert_eq(furrow_segments_close(NULL), 0);
}

Test(segments, are_freed_before_by_hand)
{
    furrow_segments *m = furrow_segments_open();
    furrow_segment *s = furrow_segments_new(m, 10), *t = furrow_segments_new(m, 10);

    cr_assert_eq(furrow_segments_free(m, s), 0);
    cr_assert_eq(furrow_segments_free(m, s), FURROW_EINVAL);
    cr_assert_eq(furrow_segments_count(m), 1);
    cr_assert(exists(furrow_segment_name(t)));
    cr_assert_eq(furrow_segments_close(m), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_SharedMemoryManager_reuses_resource_tracker */
Test(segments, have_the_guard_of_their_process)
{
    left_mark before = left_now(), with_one;
    furrow_segment *first = furrow_segment_new(NULL, 10, NULL);
    furrow_segments *m;

    with_one = left_now();
    cr_assert_eq(with_one.pids, before.pids + 1, "the guard");
    m = furrow_segments_open();
    cr_assert(furrow_segments_new(m, 10) && furrow_segments_new(m, 10));
    cr_assert_eq(left_now().pids, with_one.pids, "no other");
    cr_assert_eq(furrow_segments_close(m), 0);
    cr_assert_eq(left_since(&with_one, 0), 0);
    cr_assert_eq(furrow_segment_free(first), 0);
}

static int does_nothing(void *shared)
{
    (void)shared;
    return 0;
}

/* What the program has made before is neither made again nor taken by a process that it
 * starts. */
/* CPython: TestNamedResource.test_global_named_resource_spawn */
Test(segments, are_not_taken_by_a_process_that_is_started)
{
    furrow_segments *m = furrow_segments_open();
    furrow_segment *s = furrow_segments_new(m, 10);
    left_mark before = left_now();
    char name[32];
    peer p;

    cr_assert_not_null(s, "%s", error_text());
    snprintf(name, sizeof name, "%s", furrow_segment_name(s));
    cr_assert_eq(peer_start(&p, does_nothing, NULL), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert(exists(name));
    cr_assert_eq(furrow_segments_count(m), 1);
    cr_assert_eq(left_new_names(&before) + left_new_files(&before), 0);
    cr_assert_eq(furrow_segments_close(m), 0);
    cr_assert(!exists(name));
}

typedef struct names {
    char name[3][32];
    _Atomic int ready;
} names;

static int make_three(void *shared)
{
    names *n = shared;
    furrow_segments *m = furrow_segments_open();

    child_want(m);
    for (int i = 0; i < 3; i++) {
        furrow_segment *s = furrow_segments_new(m, 1000);

        child_want(s);
        snprintf(n->name[i], sizeof n->name[i], "%s", furrow_segment_name(s));
    }
    n->ready = 1;
    for (;;)
        pause();
}

/* CPython: TestResourceTracker.test_resource_tracker (fork) */
Test(segments, go_with_a_killed_manager)
{
    names *n = fw_heap_alloc(sizeof *n);
    left_mark before = left_now();
    pid_t pid = child_start(make_three, n);

    while (!n->ready)
        left_sleep(0.001);
    for (int i = 0; i < 3; i++)
        cr_assert(exists(n->name[i]));
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert_eq(left_processes_within(&before, 2), 0);
    for (int i = 0; i < 3; i++)
        cr_assert(!exists(n->name[i]));
    fw_heap_sweep();
    cr_assert_eq(left_since(&before, 0), 0);
}

static int use_of_others(void *shared)
{
    furrow_segments *m = *(furrow_segments **)shared;

    child_want(!furrow_segments_new(m, 10));
    child_want(furrow_last_error()->code == FURROW_EOWNER);
    child_want(furrow_segments_close(m) == FURROW_EOWNER);
    return 0;
}

Test(segments, belong_to_their_process)
{
    furrow_segments **m = fw_heap_alloc(sizeof(*m));

    *m = furrow_segments_open();
    cr_assert_eq(child_run(use_of_others, m), 0);
    cr_assert_eq(furrow_segments_close(*m), 0);
}

static void *make_and_free(void *manager)
{
    for (int i = 0; i < 20; i++) {
        furrow_segment *s = furrow_segments_new(manager, 10);

        if (!s || furrow_segments_new(manager, 10) == NULL ||
            furrow_segments_free(manager, s) != 0)
            return manager;
    }
    return NULL;
}

Test(segments, are_made_by_several_threads)
{
    furrow_segments *m = furrow_segments_open();
    pthread_t thread[4];
    void *failed;

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, make_and_free, m), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(thread[i], &failed), 0);
        cr_assert_null(failed, "%s", error_text());
    }
    cr_assert_eq(furrow_segments_count(m), 80);
    cr_assert_eq(furrow_segments_close(m), 0);
}
