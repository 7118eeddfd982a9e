/* SPDX-License-Identifier: MIT
 *
 * The segment: where and how large it is under limits, wishes and neighbours.
 */
#include "segment.h"
#include "child.h"
#include "furrow_shm.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* A heap of whatever size works. */
static int works(void)
{
    furrow_array *a = furrow_array_new('d', 3 * MIB, NULL);
    furrow_array *b = furrow_array_new('d', 30, NULL);

    child_want(a && b);
    ((double *)a->data)[3 * MIB - 1] = 1;
    child_want(furrow_array_free(a) == 0 && furrow_array_free(b) == 0);
    child_want(furrow_fsck() == 0);
    return 0;
}

static int as_wanted(void *arg)
{
    furrow_heap_info info;

    (void)arg;
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.size == info.wanted);
    child_want(info.size >= 64 * GIB && info.size <= 4096 * GIB);
    child_want(info.base == (void *)0x700000000000);
    child_want(info.small_used == 0 && info.large_used == 0 && info.blocks == 0);
    return works();
}

Test(segment, as_wanted)
{
    cr_assert_eq(child_run(as_wanted, NULL), 0);
}

/* So much more than the program has already: a sanitizer takes terabytes. */
static int leave_address_space(size_t bytes)
{
    struct rlimit limit;
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    child_want(f && fscanf(f, "%ld", &pages) == 1 && fclose(f) == 0);
    limit.rlim_cur = limit.rlim_max = (size_t)pages * 4096 + bytes;
    return setrlimit(RLIMIT_AS, &limit);
}

static int with_address_space(void *arg)
{
    size_t bytes = *(size_t *)arg;
    furrow_heap_info info;

    child_want(leave_address_space(bytes) == 0);
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.size < info.wanted);
    child_want(info.size >= 256 * MIB && info.size <= bytes / 2);
    child_want((info.size & (info.size - 1)) == 0);
    return works();
}

Test(segment, little_address_space)
{
    size_t sizes[] = {2 * GIB, 3 * GIB, 20 * GIB, 64 * GIB};

    for (int i = 0; i < 4; i++)
        cr_assert_eq(child_run(with_address_space, &sizes[i]), 0, "%zu", sizes[i]);
}

static int without_address_space(void *arg)
{
    furrow_heap_info info;

    (void)arg;
    child_want(leave_address_space(200 * MIB) == 0);
    child_want(!furrow_array_new('d', 10, NULL));
    child_want(furrow_last_error()->code == FURROW_ENOMEM);
    child_want(strstr(furrow_last_error()->text, "cannot map a heap of 256 MiB"));
    child_want(furrow_heap_describe(&info) == FURROW_ENOMEM);
    child_want(furrow_fsck() == FURROW_ENOMEM);
    return 0;
}

Test(segment, no_address_space)
{
    cr_assert_eq(child_run(without_address_space, NULL), 0);
}

static int with_small_files(void *arg)
{
    struct rlimit limit = {*(size_t *)arg, *(size_t *)arg};
    furrow_heap_info info;

    child_want(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    if (limit.rlim_cur < 256 * MIB) {
        child_want(furrow_heap_describe(&info) < 0);
        child_want(strstr(furrow_last_error()->text, "cannot map a heap"));
        return 0;
    }
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.size < info.wanted && info.size <= limit.rlim_cur);
    return works();
}

Test(segment, small_files_only)
{
    size_t sizes[] = {0, 100 * MIB, 256 * MIB, 5 * GIB};

    for (int i = 0; i < 4; i++)
        cr_assert_eq(child_run(with_small_files, &sizes[i]), 0, "%zu", sizes[i]);
}

static int beside_a_neighbour(void *arg)
{
    furrow_heap_info info;
    char *at = (char *)0x700000000000 + *(size_t *)arg;
    char *p = mmap(at, MIB, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    child_want(p == at);
    *p = 33;
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.base != (void *)0x700000000000);
    child_want((uintptr_t)info.base % (2 * MIB) == 0);
    child_want(info.size == info.wanted);
    child_want(works() == 0);
    child_want(*p == 33);
    return 0;
}

Test(segment, the_address_is_taken)
{
    size_t offsets[] = {0, GIB, 64 * GIB};

    for (int i = 0; i < 3; i++)
        cr_assert_eq(child_run(beside_a_neighbour, &offsets[i]), 0);
}

/* ---- FURROW_HEAP ------------------------------------------------------------------*/

typedef struct wish {
    char text[24];
    size_t size; /* 0: refused, with a sentence */
} wish;

static int wished(void *arg)
{
    const wish *w = arg;
    furrow_heap_info info;

    setenv("FURROW_HEAP", w->text, 1);
    alarm(10);
    if (w->size == 0) {
        child_want(furrow_heap_describe(&info) == FURROW_EINVAL);
        child_want(strstr(furrow_last_error()->text, "FURROW_HEAP"));
        child_want(strstr(furrow_last_error()->text, w->text));
        return 0;
    }
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.size == w->size);
    return works();
}

ParameterizedTestParameters(segment, wishes)
{
    static wish wishes[] = {
        {"16G", 16 * GIB},
        {"16g", 16 * GIB},
        {"1000M", GIB},
        {"512m", 512 * MIB},
        {"1T", 1024 * GIB},
        {"1", 256 * MIB},
        {"256M", 256 * MIB},
        {"17179869184", 16 * GIB},
        {"", 0},
        {"-1", 0},
        {"abc", 0},
        {"16X", 0},
        {"16GB", 0},
        {"99999999999T", 0},
        {"18446744073709551615", 0},
        {"999999999999999999999999", 0},
        {"0x10G", 0},
        {" ", 0},
    };
    return cr_make_param_array(wish, wishes, sizeof wishes / sizeof *wishes);
}

ParameterizedTest(wish *w, segment, wishes)
{
    if (!w->text[0]) /* as if it were not set */
        w->size = 0;
    cr_assert_eq(child_run(w->text[0] ? wished : as_wanted, w), 0, "\"%s\"", w->text);
}

/* ---- made once --------------------------------------------------------------------*/

static void *make_it(void *arg)
{
    (void)arg;
    return furrow_array_new('d', 10, NULL);
}

Test(segment, made_once_by_many_threads)
{
    pthread_t thread[8];
    void *a[8];
    furrow_heap_info info;

    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, make_it, NULL), 0);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_join(thread[i], &a[i]), 0);
    for (int i = 0; i < 8; i++)
        cr_assert_not_null(a[i]);
    cr_assert_eq(furrow_heap_describe(&info), 0);
    cr_assert_eq(info.blocks, 16);
}

/* The heap may be just in the making in another thread when a program forks. */
static int make_and_fork(void *arg)
{
    pthread_t thread;
    pid_t pid;
    int status;

    child_want(pthread_create(&thread, NULL, make_it, NULL) == 0);
    for (volatile int spin = *(int *)arg; spin > 0; spin--)
        ;
    pid = fork();
    if (pid == 0) {
        alarm(5);
        _exit(make_it(NULL) ? 0 : 1);
    }
    child_want(waitpid(pid, &status, 0) == pid && status == 0);
    child_want(pthread_join(thread, NULL) == 0);
    return 0;
}

Test(segment, a_fork_while_it_is_made, .timeout = 60)
{
    for (int spin = 0; spin < 100000; spin += 500)
        cr_assert_eq(child_run(make_and_fork, &spin), 0, "after %d", spin);
}
