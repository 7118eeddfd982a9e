/* SPDX-License-Identifier: MIT
 *
 * Named segments: what they are, their names, who removes them, and other processes.
 */
#include "furrow.h"
#include "left.h"
#include "peer.h"
#include "shared_segment.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static char name[64];

static void set_up(void)
{
    (void)fw_segment_get();
    snprintf(name, sizeof name, "%s", left_name("segment") + 1);
}

TestSuite(segment, .init = set_up);

static const char *path_of(const char *of)
{
    static char path[400];

    snprintf(path, sizeof path, "/dev/shm/%s", of);
    return path;
}

static int exists(const char *of)
{
    return access(path_of(of), F_OK) == 0;
}

/* Within two seconds: the guard is another process. */
static int goes(const char *of)
{
    for (int i = 0; i < 2000 && exists(of); i++)
        left_sleep(0.001);
    return !exists(of);
}

static furrow_segment *create(size_t size)
{
    furrow_segment *s = furrow_segment_new(name, size, NULL);

    cr_assert_not_null(s, "%s", error_text());
    return s;
}

/* ---- what they are ----------------------------------------------------------------*/

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, has_its_name_and_its_size)
{
    furrow_segment *s = create(512);

    cr_assert_str_eq(furrow_segment_name(s), name);
    cr_assert_eq(furrow_segment_size(s), 512);
    ((char *)furrow_segment_data(s))[511] = 42;
    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert(!exists(name), "its maker has freed it");
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, is_a_file_of_that_many_zeros)
{
    const size_t sizes[] = {1, 100, 4096, 4097, 3 << 20};

    for (int i = 0; i < 5; i++) {
        furrow_segment *s = create(sizes[i]);
        const char *p = furrow_segment_data(s);
        struct stat status;

        cr_assert_eq(stat(path_of(name), &status), 0);
        cr_assert_eq(status.st_size, (off_t)sizes[i]);
        cr_assert_eq(status.st_mode & 07777, 0600);
        cr_assert(p[0] == 0 && memcmp(p, p + 1, sizes[i] - 1) == 0);
        cr_assert_eq((size_t)status.st_blocks * 512 >= sizes[i], 1, "memory is taken");
        cr_assert_eq(furrow_segment_free(s), 0);
    }
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, attached_is_the_same_memory)
{
    furrow_segment *s = create(512), *also = furrow_segment_attach(name);

    cr_assert_not_null(also, "%s", error_text());
    cr_assert_eq(furrow_segment_size(also), 512);
    cr_assert_neq(furrow_segment_data(s), furrow_segment_data(also));
    ((char *)furrow_segment_data(s))[0] = 42;
    cr_assert_eq(((char *)furrow_segment_data(also))[0], 42);
    cr_assert_eq(furrow_segment_free(also), 0);
    cr_assert(exists(name), "who attached it leaves the name");
    cr_assert_eq(((char *)furrow_segment_data(s))[0], 42);
    cr_assert_eq(furrow_segment_free(s), 0);
}

Test(segment, is_an_array_of_bytes)
{
    furrow_segment *s = create(100);
    furrow_array *a = furrow_segment_array(s);

    cr_assert_eq(a->type, 'B');
    cr_assert_eq(a->len, 100);
    cr_assert_eq(a->data, furrow_segment_data(s));
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int count_up(furrow_chunk c)
{
    unsigned char *p = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        p[i] = (unsigned char)(c.begin + i);
    return 0;
}

/* Workers map what was attached after they were started. They are forked, or threads. */
Test(segment, is_worked_on_by_an_older_pool)
{
    if (!peer_threads())
        setenv("FURROW_START", "fork", 1);

    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_segment *s = create(10000);
    furrow_call call = {
        .kernel = count_up, .types = ">B", .out = {furrow_segment_array(s)}};
    unsigned char *p = furrow_segment_data(s);

    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(p[i], (unsigned char)i);
    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert_eq(furrow_pool_close(pool), 0);
}

Test(segment, leaves_nothing)
{
    left_mark before;

    cr_assert_eq(furrow_segment_free(create(5)), 0); /* the guard stays */
    before = left_now();
    for (int i = 0; i < 20; i++) {
        furrow_segment *s = create(100000), *also = furrow_segment_attach(name);

        cr_assert_eq(furrow_segment_free(i % 2 ? s : also), 0);
        cr_assert_eq(furrow_segment_free(i % 2 ? also : s), 0);
    }
    cr_assert_eq(left_since(&before, 1), 0);
}

/* ---- what cannot be ---------------------------------------------------------------*/

/* CPython: _TestSharedMemory.test_invalid_shared_memory_creation */
Test(segment, of_no_size)
{
    cr_assert_null(furrow_segment_new(name, 0, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_null(furrow_segment_new(NULL, 0, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert(!exists(name));
}

/* CPython: _TestSharedMemory.test_invalid_shared_memory_creation */
Test(segment, of_a_negative_size)
{
    cr_assert_null(furrow_segment_new(name, (size_t)-2, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOMEM, "%s", error_text());
    cr_assert(!exists(name));
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, attached_without_a_name)
{
    cr_assert_null(furrow_segment_attach(NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, of_a_name_that_is_taken)
{
    furrow_segment *s = create(512);
    left_mark before = left_now();

    ((char *)furrow_segment_data(s))[0] = 7;
    cr_assert_null(furrow_segment_new(name, 100, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, EEXIST);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_segment_new");
    cr_assert_eq(left_new_files(&before) + left_heap(&before), 0);
    cr_assert(exists(name));
    cr_assert_eq(((char *)furrow_segment_data(s))[0], 7);
    cr_assert_eq(furrow_segment_size(s), 512);
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, that_nobody_has_made)
{
    left_mark before = left_now();

    cr_assert_null(furrow_segment_attach(name));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_segment_attach");
    cr_assert_eq(left_since(&before, 0), 0);
}

Test(segment, that_is_empty_yet)
{
    int fd = open(path_of(name), O_CREAT | O_EXCL | O_RDWR, 0600);

    cr_assert(fd >= 0);
    cr_assert_null(furrow_segment_attach(name));
    cr_assert_eq(furrow_last_error()->code, FURROW_ECORRUPT);
    cr_assert(exists(name), "a failed attach removes nothing");
    unlink(path_of(name));
    close(fd);
}

Test(segment, handles_that_are_none)
{
    furrow_segment *s = create(10);
    char other[64] = {0};

    furrow_error_clear();
    cr_assert_null(furrow_segment_name(NULL));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_segment_name");
    cr_assert_eq(furrow_segment_free(NULL), 0);
    cr_assert_eq(furrow_segment_free((furrow_segment *)(void *)other), FURROW_EINVAL);
    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert_eq(furrow_segment_free(s), FURROW_EINVAL);
    cr_assert_eq(furrow_segment_size(s), 0);
    cr_assert_null(furrow_segment_data(s));
    cr_assert_null(furrow_segment_array(s));
    cr_assert_eq(furrow_segment_unlink(s), FURROW_EINVAL);
}

/* ---- names ------------------------------------------------------------------------*/

/* A C string cannot hold a NUL; what else is no name is refused. */
/* CPython: _TestSharedMemory.test_shared_memory_name_with_embedded_null */
Test(segment, names_that_are_none)
{
    const char *bad[] = {"", "/", "a/b", "/a/b", "..", "/..", ".", "//x"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_null(furrow_segment_new(bad[i], 10, NULL), "%s", bad[i]);
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
        cr_assert_null(furrow_segment_attach(bad[i]), "%s", bad[i]);
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    }
}

/* CPython: TestResourceTracker.test_too_long_name_resource */
Test(segment, the_longest_name)
{
    char longest[300];
    furrow_segment *s;

    memset(longest, 'a', sizeof longest);
    snprintf(longest, sizeof longest, "%s%*s", name, 199, "");
    for (char *p = longest + strlen(name); *p; p++)
        *p = 'a';
    longest[198] = 0;
    s = furrow_segment_new(longest, 10, NULL);
    cr_assert_not_null(s, "%s", error_text());
    cr_assert(exists(longest));
    cr_assert_eq(furrow_segment_free(s), 0);
    longest[198] = 'a';
    longest[199] = 0;
    cr_assert_null(furrow_segment_new(longest, 10, NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
}

Test(segment, with_and_without_a_slash)
{
    char slashed[80];
    furrow_segment *s, *also;

    snprintf(slashed, sizeof slashed, "/%s", name);
    s = furrow_segment_new(slashed, 10, NULL);
    also = furrow_segment_attach(name);
    cr_assert(s && also);
    cr_assert_str_eq(furrow_segment_name(s), furrow_segment_name(also));
    cr_assert_eq(furrow_segment_free(s) | furrow_segment_free(also), 0);
}

/* CPython: TestSharedMemoryNames.test_that_shared_memory_name_with_colons_has_no_resource_tracker_errors */
Test(segment, names_of_any_characters)
{
    const char *odd[] = {"a:b:c", "two\nlines", "blank space", "\xc3\xa9t\xc3\xa9",
                         "%s"};

    for (int i = 0; i < 5; i++) {
        char full[128];
        furrow_segment *s;

        snprintf(full, sizeof full, "%s-%s", name, odd[i]);
        s = furrow_segment_new(full, 10, NULL);
        cr_assert_not_null(s, "%s", error_text());
        cr_assert(exists(full));
        cr_assert_str_eq(furrow_segment_name(s), full);
        cr_assert_eq(furrow_segment_free(s), 0);
        cr_assert(!exists(full));
    }
}

/* CPython: _TestSharedMemory.test_shared_memory_pickle_unpickle */
Test(segment, without_a_name_gets_one)
{
    furrow_segment *s = furrow_segment_new(NULL, 100, NULL);
    furrow_segment *t = furrow_segment_new(NULL, 100, NULL), *also;

    cr_assert(s && t, "%s", error_text());
    cr_assert_eq(strlen(furrow_segment_name(s)), 12);
    cr_assert_eq(memcmp(furrow_segment_name(s), "psm_", 4), 0);
    cr_assert_neq(strcmp(furrow_segment_name(s), furrow_segment_name(t)), 0);
    also = furrow_segment_attach(furrow_segment_name(s));
    memcpy(furrow_segment_data(s), "pickle", 6);
    cr_assert_eq(memcmp(furrow_segment_data(also), "pickle", 6), 0);
    memcpy(furrow_segment_data(also), "newval", 6);
    cr_assert_eq(memcmp(furrow_segment_data(s), "newval", 6), 0);
    cr_assert_eq(furrow_segment_free(also) | furrow_segment_free(s), 0);
    cr_assert_eq(furrow_segment_free(t), 0);
}

/* The first names that this process would take are somebody's already. */
/* CPython: _TestSharedMemory.test_shared_memory_recreate */
Test(segment, a_name_that_is_taken_is_passed_over)
{
    enum { TAKEN = 20 };
    char taken[TAKEN][FW_SEGMENT_PICKED];
    furrow_segment *s;
    uint64_t start = 0;

    cr_assert_eq(fw_os_start_time(getpid(), &start), 0);
    for (uint32_t i = 0; i < TAKEN; i++) {
        fw_shared_segment_pick(start << 32 ^ (uint64_t)(uint32_t)getpid() << 12, i,
                               taken[i]);
        close(open(path_of(taken[i] + 1), O_CREAT | O_RDWR, 0600));
    }
    s = furrow_segment_new(NULL, 100, NULL);
    for (int i = 0; i < TAKEN; i++) {
        cr_assert(exists(taken[i] + 1));
        cr_assert_neq(strcmp(furrow_segment_name(s), taken[i] + 1), 0);
        unlink(path_of(taken[i] + 1));
    }
    cr_assert_not_null(s, "%s", error_text());
    cr_assert(exists(furrow_segment_name(s)));
    cr_assert_eq(furrow_segment_free(s), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_basics */
Test(segment, is_unlinked_once)
{
    furrow_segment *uno = create(5000), *duo = furrow_segment_attach(name);

    cr_assert_eq(furrow_segment_unlink(duo), 0);
    cr_assert(!exists(name));
    cr_assert_eq(furrow_segment_unlink(duo), FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    cr_assert_eq(furrow_segment_unlink(uno), FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    ((char *)furrow_segment_data(uno))[4999] = 1;
    cr_assert_eq(((char *)furrow_segment_data(duo))[4999], 1, "the bytes stay");
    cr_assert_eq(furrow_segment_free(duo) | furrow_segment_free(uno), 0);
}

Test(segment, unlinks_nobody_elses_file)
{
    furrow_segment *s = create(10);

    unlink(path_of(name));
    close(open(path_of(name), O_CREAT | O_EXCL | O_RDWR, 0600));
    cr_assert_eq(furrow_segment_unlink(s), FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert(exists(name), "it is another one's by now");
    unlink(path_of(name));
}

/* CPython: _TestSharedMemory.test_shared_memory_pickle_unpickle_dead_object */
Test(segment, that_is_gone_cannot_be_attached)
{
    furrow_segment *s = create(10);

    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert_null(furrow_segment_attach(name));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
}

/* ---- other processes --------------------------------------------------------------*/

typedef struct meeting {
    furrow_segment *segment;
    char name[64];
} meeting;

static meeting *meet(furrow_segment *s)
{
    meeting *m = fw_heap_alloc(sizeof *m);

    m->segment = s;
    snprintf(m->name, sizeof m->name, "%s", furrow_segment_name(s));
    return m;
}

static int attach_and_write(void *shared)
{
    const meeting *m = shared;
    furrow_segment *s = furrow_segment_attach(m->name);

    child_want(s && furrow_segment_size(s) == 512);
    memcpy(furrow_segment_data(s), "howdy", 5);
    return furrow_segment_free(s) != 0;
}

/* CPython: _TestSharedMemory.test_shared_memory_across_processes */
Test(segment, is_attached_by_another_process)
{
    furrow_segment *s = create(512);
    peer p;

    cr_assert_eq(peer_start(&p, attach_and_write, meet(s)), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(memcmp(furrow_segment_data(s), "howdy", 5), 0);
    cr_assert(exists(name));
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int write_by_handle(void *shared)
{
    const meeting *m = shared;

    memcpy(furrow_segment_data(m->segment), "HELLO", 5);
    return 0;
}

/* CPython: _TestSharedMemory.test_shared_memory_across_processes */
Test(segment, is_written_through_the_handle)
{
    furrow_segment *s = create(512);
    peer p;

    cr_assert_eq(peer_start(&p, write_by_handle, meet(s)), 0);
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(memcmp(furrow_segment_data(s), "HELLO", 5), 0);
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int wait_and_write(void *shared)
{
    meeting *m = shared;
    furrow_segment *_Atomic *at = (void *)&m->segment;

    while (!*at)
        left_sleep(0.001);
    child_want(furrow_segment_data(*at));
    memcpy(furrow_segment_data(*at), "LATER", 5);
    return 0;
}

/* A peer that is older than the segment maps it when it asks for it. */
Test(segment, is_written_by_an_older_process)
{
    meeting *m = fw_heap_alloc(sizeof *m);
    furrow_segment *s;
    peer p;

    cr_assert_eq(peer_start(&p, wait_and_write, m), 0);
    s = create(512);
    *(furrow_segment * _Atomic *)(void *)&m->segment = s;
    cr_assert_eq(peer_join(&p), 0);
    cr_assert_eq(memcmp(furrow_segment_data(s), "LATER", 5), 0);
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int free_of_others(void *shared)
{
    const meeting *m = shared;

    child_want(furrow_segment_free(m->segment) == FURROW_EOWNER);
    return 0;
}

Test(segment, is_freed_by_its_process_alone)
{
    furrow_segment *s = create(512);

    cr_assert_eq(child_run(free_of_others, meet(s)), 0);
    cr_assert(exists(name));
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int attach_and_just_end(void *shared)
{
    const meeting *m = shared;

    child_want(furrow_segment_attach(m->name));
    return 0;
}

/* CPython: _TestSharedMemory.test_shared_memory_untracking (fork spawn forkserver) */
Test(segment, survives_who_attached_it)
{
    furrow_segment *s = create(512), *again;
    peer p;

    cr_assert_eq(peer_start(&p, attach_and_just_end, meet(s)), 0);
    cr_assert_eq(peer_join(&p), 0);
    again = furrow_segment_attach(name);
    cr_assert_not_null(again);
    cr_assert_eq(furrow_segment_free(again) | furrow_segment_free(s), 0);
    fw_heap_sweep();
}

/* ---- deaths -----------------------------------------------------------------------*/

static int make_and_wait(void *shared)
{
    _Atomic int *made = shared;

    child_want(furrow_segment_new(name, 10, NULL));
    *made = 1;
    for (;;)
        pause();
}

static void end_by(int signal)
{
    _Atomic int *made = fw_heap_alloc(64);
    left_mark before = left_now();
    pid_t pid = child_start(make_and_wait, (void *)made);

    while (!*made)
        left_sleep(0.001);
    cr_assert(exists(name));
    kill(pid, signal);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + signal);
    cr_assert(goes(name));
    cr_assert_eq(left_processes_within(&before, 2), 0);
    fw_heap_sweep();
    cr_assert_eq(left_heap(&before), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_cleaned_after_process_termination (fork) */
Test(segment, goes_with_a_killed_maker)
{
    end_by(SIGKILL);
}

/* CPython: _TestSharedMemory.test_shared_memory_cleaned_after_process_termination (fork) */
Test(segment, goes_with_a_terminated_maker)
{
    end_by(SIGTERM);
}

static int make_and_keep(void *shared)
{
    (void)shared;
    child_want(furrow_segment_new(name, 10, &(furrow_segment_options){.keep = 1}));
    raise(SIGKILL);
    return 0;
}

Test(segment, stays_when_it_is_to_be_kept)
{
    furrow_segment *s;

    cr_assert_eq(child_run(make_and_keep, NULL), CHILD_SIGNAL + SIGKILL);
    s = furrow_segment_attach(name);
    cr_assert_not_null(s);
    cr_assert_eq(furrow_segment_unlink(s), 0);
    cr_assert_eq(furrow_segment_free(s), 0);
}

static int attach_and_die(void *shared)
{
    const meeting *m = shared;

    child_want(furrow_segment_attach(m->name));
    raise(SIGKILL);
    return 0;
}

/* The address space of a dead process's segments is given back. */
Test(segment, of_the_dead_take_no_room)
{
    furrow_segment *s;
    meeting *m;

    setenv("FURROW_HEAP", "256M", 1);
    s = create(5 << 20);
    m = meet(s);
    for (int i = 0; i < 30; i++)
        cr_assert_eq(child_run(attach_and_die, m), CHILD_SIGNAL + SIGKILL, "%d", i);
    cr_assert_eq(furrow_segment_free(s), 0);
    cr_assert_eq(furrow_fsck(), 0);
}

/* ---- the guard --------------------------------------------------------------------*/

static pid_t guard_seen(const left_mark *before)
{
    pid_t now[LEFT_PIDS];
    int n = left_processes(now);

    for (int i = 0; i < n; i++) {
        left_process p;
        int known = 0;

        for (int k = 0; k < before->pids; k++)
            known |= before->pid[k] == now[i];
        if (!known && left_stat(now[i], &p) == 0 && !strcmp(p.name, "furrow-guard"))
            return now[i];
    }
    return 0;
}

/* It gives itself its name a moment after it is there. */
static pid_t guard_now(const left_mark *before)
{
    pid_t guard = 0;

    for (int i = 0; i < 2000 && guard == 0; i++) {
        guard = guard_seen(before);
        left_sleep(0.001);
    }
    return guard;
}

/* CPython: TestResourceTracker.test_resource_tracker_sigkill */
Test(segment, another_guard_follows_a_killed_one)
{
    left_mark before = left_now();
    furrow_segment *s = create(10), *t;
    pid_t guard = guard_now(&before), next;
    char second[80];

    cr_assert(guard > 0);
    kill(guard, SIGKILL);
    while (left_is_there(guard))
        left_sleep(0.001);
    snprintf(second, sizeof second, "%s-2", name);
    t = furrow_segment_new(second, 10, NULL);
    cr_assert_not_null(t, "%s", error_text());
    next = guard_now(&before);
    cr_assert(next > 0 && next != guard);
    cr_assert_eq(furrow_segment_free(s) | furrow_segment_free(t), 0);
}

/* CPython: TestResourceTracker.test_resource_tracker_blocked_signals */
Test(segment, the_signals_of_the_caller_stay_as_they_are)
{
    sigset_t some, before, after;

    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &some, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert_eq(furrow_segment_free(create(10)), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 64; i++)
        cr_assert_eq(sigismember(&after, i), sigismember(&before, i), "signal %d", i);
    cr_assert_eq(sigismember(&after, SIGTERM), 1);
    cr_assert_eq(sigismember(&after, SIGINT), 0);
}
