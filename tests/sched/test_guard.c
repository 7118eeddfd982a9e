/* SPDX-License-Identifier: MIT
 *
 * The guard: names in /dev/shm do not outlive a killed owner, nor does the guard.
 *
 * The owner is a child without a heap before it, as a program of its own: none of the
 * test's processes shares its heap or could sweep for it.
 */
#include "child.h"
#include "furrow_shm.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char name[64];

/* Between the owner and the test; not of the heap. */
static struct {
    _Atomic int ready;
} * shared;

static void set_up(void)
{
    snprintf(name, sizeof name, "/furrow-%d-guard", (int)getpid());
    shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(shared, MAP_FAILED);
}

TestSuite(guard, .init = set_up);

static int exists(const char *suffix)
{
    char path[100];
    struct stat st;

    snprintf(path, sizeof path, "/dev/shm%s%s", name, suffix);
    return lstat(path, &st) == 0;
}

static furrow_array *create(const char *suffix, int keep)
{
    char whole[100];
    furrow_array_options options = {.name = whole, .keep = keep};

    snprintf(whole, sizeof whole, "%s%s", name, suffix);
    return furrow_array_new('d', 100, &options);
}

/* How many processes of this test's session there are that are no zombies. */
static int processes(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    int n = 0;

    while ((e = readdir(proc))) {
        char path[300], text[512], state, *p;
        int session;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        if (atoi(e->d_name) <= 0 || !(f = fopen(path, "r")))
            continue;
        p = fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
        fclose(f);
        if (p && sscanf(p + 1, " %c %*d %*d %d", &state, &session) == 2 &&
            session == getsid(0) && state != 'Z')
            n++;
    }
    closedir(proc);
    return n;
}

static int soon(int (*is_so)(int arg), int arg)
{
    for (int ms = 0; ms < 20000 && !is_so(arg); ms += 5)
        usleep(5000);
    return is_so(arg);
}

static int names_are_gone(int unused)
{
    (void)unused;
    return !exists("") && !exists("-2");
}

static int processes_are(int n)
{
    return processes() == n;
}

static int owner(void *arg)
{
    (void)arg;
    child_want(create("", 0) && create("-2", 0) && create("-kept", 1));
    shared->ready = 1;
    for (;;)
        pause();
}

static void wait_until_ready(pid_t pid)
{
    for (int ms = 0; ms < 20000 && !shared->ready; ms++)
        usleep(1000);
    cr_assert(shared->ready, "%d", (int)pid);
    shared->ready = 0;
}

static void want_clean(int before)
{
    char path[100];

    cr_assert(soon(names_are_gone, 0));
    cr_assert(soon(processes_are, before), "%d, before: %d", processes(), before);
    cr_assert(exists("-kept"), "was to be kept");
    snprintf(path, sizeof path, "/dev/shm%s-kept", name);
    cr_assert_eq(unlink(path), 0);
}

/* CPython: _TestSharedMemory.test_shared_memory_cleaned_after_process_termination */
/* CPython: TestResourceTracker.test_resource_tracker */
Test(guard, a_killed_owner)
{
    int before = processes();
    pid_t pid = child_start(owner, NULL);

    wait_until_ready(pid);
    cr_assert(exists("") && exists("-2"));
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    want_clean(before);
}

/* Ctrl-C, a hang-up, and what a batch system sends go to the whole group: the guard is
 * not to die of it before it has worked. */
static int own_in_a_group(void *arg)
{
    setpgid(0, 0);
    return owner(arg);
}

/* CPython: TestResourceTracker.test_resource_tracker_sigint */
/* CPython: TestResourceTracker.test_resource_tracker_sigterm */
Test(guard, an_interrupted_group)
{
    const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGKILL};

    for (int i = 0; i < 5; i++) {
        int before = processes();
        pid_t pid = child_start(own_in_a_group, NULL);

        wait_until_ready(pid);
        kill(-pid, signals[i]);
        cr_assert_eq(child_wait(pid), CHILD_SIGNAL + signals[i]);
        want_clean(before);
    }
}

/* The guard is slow to begin; the owner is not killed before its names are guarded. */
static void dawdle(void)
{
    usleep(100000);
}

static int own_in_a_group_with_a_slow_guard(void *arg)
{
    pthread_atfork(NULL, NULL, dawdle);
    return own_in_a_group(arg);
}

Test(guard, a_group_that_is_killed_at_once)
{
    int before = processes();
    pid_t pid = child_start(own_in_a_group_with_a_slow_guard, NULL);

    wait_until_ready(pid);
    kill(-pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    want_clean(before);
}

static int leave_without_free(void *arg)
{
    (void)arg;
    child_want(create("", 0) && create("-2", 0) && create("-kept", 1));
    return 0;
}

Test(guard, an_owner_that_just_ends)
{
    int before = processes();

    cr_assert_eq(child_run(leave_without_free, NULL), 0);
    want_clean(before);
}

/* The owner is somebody's child who does not wait for it: a zombie is dead, too. */
Test(guard, an_owner_nobody_waits_for)
{
    int before = processes();
    pid_t pid = child_start(owner, NULL);

    wait_until_ready(pid);
    kill(pid, SIGKILL);
    want_clean(before);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
}

/* Its child goes on, with the same heap: the owner's names go, the child's stay. */
static int heir(void *arg)
{
    (void)arg;
    child_want(create("-heir", 0));
    shared->ready = 1;
    for (;;)
        pause();
}

static int owner_with_heir(void *arg)
{
    pid_t pid;

    (void)arg;
    child_want(create("", 0) && create("-2", 0) && create("-kept", 1));
    pid = fork();
    if (pid == 0)
        _exit(heir(NULL));
    *(_Atomic pid_t *)(void *)((char *)shared + 64) = pid;
    for (;;)
        pause();
}

Test(guard, an_heir_keeps_its_own)
{
    int before = processes();
    pid_t pid = child_start(owner_with_heir, NULL);

    wait_until_ready(pid);
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    cr_assert(soon(names_are_gone, 0));
    cr_assert(exists("-heir"));
    kill(*(_Atomic pid_t *)(void *)((char *)shared + 64), SIGKILL);
    want_clean(before);
    cr_assert(!exists("-heir"));
}

/* The host may have closed everything it did not open, and not want children's signals.
 */
static int odd_host(void *arg)
{
    signal(SIGCHLD, SIG_IGN);
    child_want(create("", 0));
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    child_want(waitpid(-1, NULL, 0) == -1 &&
               errno == ECHILD); /* the guard is no child */
    child_want(create("-2", 0) && create("-kept", 1));
    return arg != NULL;
}

Test(guard, an_odd_host)
{
    int before = processes();

    cr_assert_eq(child_run(odd_host, NULL), 0);
    want_clean(before);
}

/* One guard for a process, however many names it gives. */
static int many_names(void *arg)
{
    int before, after;

    (void)arg;
    child_want(create("", 0) && create("-kept", 1));
    before = processes();
    for (int i = 0; i < 20; i++) {
        furrow_array *a = create("-2", 0);

        child_want(a && furrow_array_free(a) == 0);
    }
    after = processes();
    child_want(before == after);
    return 0;
}

Test(guard, one_for_all_names)
{
    int before = processes();

    cr_assert_eq(child_run(many_names, NULL), 0);
    want_clean(before);
}

/* Every process that names something has a word for its guard: it goes with the process.
 */
static size_t blocks(void)
{
    furrow_heap_info info;

    return furrow_heap_describe(&info) == 0 ? info.blocks : 0;
}

static size_t blocks_before;

static int blocks_are_back(int unused)
{
    (void)unused;
    return blocks() <= blocks_before;
}

static int names_and_ends(void *unused)
{
    furrow_array *a = create("", 0);

    (void)unused;
    child_want(a && furrow_array_free(a) == 0);
    return 0;
}

static int has_children_that_name(void *unused)
{
    (void)unused;
    blocks_before = blocks();
    for (int i = 0; i < 5; i++)
        child_want(child_run(names_and_ends, NULL) == 0);
    child_want(soon(blocks_are_back, 0));
    return 0;
}

Test(guard, leaves_no_block)
{
    cr_assert_eq(child_run(has_children_that_name, NULL), 0);
}

/* A fork while another thread is just starting the guard. The handler runs in that
 * thread, inside the fork of the guard. */
static _Atomic int in_guard, forked;
static pthread_t namer;

static void stay_in_fork(void)
{
    if (!pthread_equal(pthread_self(), namer) || in_guard)
        return;
    in_guard = 1;
    for (int ms = 0; ms < 5000 && !forked; ms++)
        usleep(1000);
}

static void *name_something(void *unused)
{
    namer = pthread_self();
    pthread_atfork(stay_in_fork, NULL, NULL);
    return create("", 0) ? NULL : unused;
}

static int name_the_second(void *unused)
{
    in_guard = 1;
    child_want(create("-2", 0));
    return unused != NULL;
}

static int forks_meanwhile(void *unused)
{
    pthread_t thread;
    pid_t pid;

    child_want(blocks() == 0); /* the heap is there */
    child_want(pthread_create(&thread, NULL, name_something, unused) == 0);
    while (!in_guard)
        usleep(100);
    pid = child_start(name_the_second, NULL);
    forked = 1;
    child_want(child_wait(pid) == 0);
    child_want(pthread_join(thread, NULL) == 0);
    return 0;
}

Test(guard, a_fork_in_the_middle)
{
    int before = processes();

    cr_assert_eq(child_run(forks_meanwhile, NULL), 0);
    cr_assert(soon(processes_are, before));
    cr_assert(soon(names_are_gone, 0));
}

/* Killed at any time while it makes and frees named arrays. */
static int name_and_free(void *arg)
{
    (void)arg;
    for (;;) {
        furrow_array *a = create("", 0), *b = create("-2", 0);

        child_want(a && b && furrow_array_free(a) == 0 && furrow_array_free(b) == 0);
    }
}

Test(guard, killed_at_any_time, .timeout = 60)
{
    int before = processes();

    for (int i = 0; i < 40; i++) {
        pid_t pid = child_start(name_and_free, NULL);

        usleep(1000 + (useconds_t)(i * 911 % 7000));
        kill(pid, SIGKILL);
        cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
        cr_assert(soon(names_are_gone, 0), "round %d", i);
    }
    cr_assert(soon(processes_are, before));
}
