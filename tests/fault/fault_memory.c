/* SPDX-License-Identifier: MIT
 *
 * Memory at the edge: limits of a cgroup, of a small /dev/shm, of the process.
 *
 * Each row is a program that wants more than it can have. It must be told so by an error
 * with a sentence, never be killed, leave nothing, and be able to go on with less.
 */
#include "cgroup.h"
#include "left.h"
#include "stress/verdict.h"

#include <furrow.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)

enum { SKIPPED = 77 };

static char *told; /* shared: why a row is skipped, or what it found */
static fault_group group;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(told, 400, format, args);
    va_end(args);
}

static void works(int right, const char *what)
{
    if (!right)
        fail("%s: %s", what, furrow_last_error()->text);
}

/* It failed, with that code and a sentence. */
static void refused(int rc, int code, const char *what)
{
    const furrow_error *e = furrow_last_error();

    if (rc != code || e->code != code || strlen(e->text) < 10)
        fail("%s: %s, not %s: %s", what, furrow_status_name(rc),
             furrow_status_name(code), e->text);
    furrow_error_clear();
}

static int code_of(const void *p)
{
    return p ? 0 : furrow_last_error()->code;
}

static int add_one(furrow_chunk c)
{
    double *y = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        y[i] += 1;
    return 0;
}

static furrow_pool *open_pool(void)
{
    return furrow_pool_open(&(furrow_pool_options){.workers = 2});
}

static furrow_array *bytes(size_t size)
{
    return furrow_array_new('B', size, NULL);
}

static furrow_call call_on(furrow_array *a)
{
    return (furrow_call){
        .kernel = add_one, .types = ">d", .out = {a}, .deadline = furrow_in(8)};
}

/* The whole of the library, small. 0, or the first error. */
static int use_library(void)
{
    furrow_array *a = furrow_array_new('d', 4 * MIB / 8, NULL);
    furrow_pool *pool = a ? open_pool() : NULL;
    furrow_call call = call_on(a);
    int rc = a && pool ? furrow_map(pool, &call) : furrow_last_error()->code;

    for (size_t i = 0; rc == 0 && i < a->len; i++)
        if (((double *)a->data)[i] != 1)
            fail("element %zu is wrong", i);
    works(!pool || furrow_pool_close(pool) == 0, "the end of a pool");
    works(furrow_array_free(a) == 0, "free");
    works(code_of(a) != 0 || furrow_fsck() == 0, "fsck");
    return rc;
}

/* ---- a cgroup -----------------------------------------------------------------------*/

static void enter(size_t limit)
{
    if (!group.version) {
        tell("%s", group.why);
        _exit(SKIPPED);
    }
    if (group_limit(&group, (long)limit) != 0 || group_enter(&group) != 0)
        fail("the limit of %s cannot be set", group.dir);
}

/* Memory that others take after arrays were promised theirs. */
static void *eat(size_t size)
{
    char *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        fail("no memory to eat");
    memset(p, 1, size);
    return p;
}

static int larger_than_the_group(void *unused)
{
    (void)unused;
    enter(96 * MIB);
    refused(code_of(bytes(512 * MIB)), FURROW_ENOMEM, "an array");
    works(use_library() == 0, "what fits");
    return 0;
}

/* Until no more can be had, all of them written to. */
static size_t fill(size_t size, furrow_array **array, size_t most)
{
    size_t n = 0;

    while (n < most && (array[n] = bytes(size)) != NULL) {
        works(furrow_array_populate(array[n]) == 0, "populate what was promised");
        memset(array[n]->data, 1, size);
        n++;
    }
    if (n == most)
        fail("%zu arrays of %zu KiB fit into 96 MiB", n, size >> 10);
    refused(furrow_last_error()->code, FURROW_ENOMEM, "one array too many");
    return n;
}

static void fill_and_free(size_t size)
{
    static furrow_array *array[1024];
    size_t n = fill(size, array, 1024);

    if (n * size < 48 * MIB)
        fail("only %zu arrays of %zu KiB", n, size >> 10);
    tell("%zu arrays of %zu KiB", n, size >> 10);
    for (size_t i = 0; i < n; i++)
        works(furrow_array_free(array[i]) == 0, "free");
    works(use_library() == 0, "afterwards");
}

static int large_arrays(void *unused)
{
    (void)unused;
    enter(96 * MIB);
    fill_and_free(8 * MIB);
    return 0;
}

static int small_arrays(void *unused)
{
    (void)unused;
    enter(96 * MIB);
    fill_and_free(MIB / 2);
    return 0;
}

static int named_arrays(void *unused)
{
    furrow_array_options o = {.name = left_name("edge")};

    (void)unused;
    enter(96 * MIB);
    refused(code_of(furrow_array_new('B', 512 * MIB, &o)), FURROW_ENOMEM, "named");
    works(furrow_array_free(furrow_array_new('B', MIB, &o)) == 0, "what fits");
    return 0;
}

/* The promise was good when it was given. */
static int eaten_before_the_caller_takes_it(void *unused)
{
    furrow_array *a;

    (void)unused;
    enter(96 * MIB);
    works((a = bytes(64 * MIB)) != NULL, "an array");
    eat(60 * MIB);
    refused(furrow_array_populate(a), FURROW_ENOMEM, "populate");
    works(furrow_array_free(a) == 0, "free");
    works(use_library() == 0, "afterwards");
    return 0;
}

static int eaten_before_workers_take_it(void *unused)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call;
    furrow_pool_stats stats;
    void *food;

    (void)unused;
    enter(96 * MIB);
    pool = open_pool();
    a = furrow_array_new('d', 8 * MIB, NULL);
    works(pool && a, "a pool and an array");
    food = eat(60 * MIB);
    call = call_on(a);
    refused(furrow_map(pool, &call), FURROW_ENOMEM, "a call");
    refused(furrow_pool_populate(pool, a), FURROW_ENOMEM, "populate");
    works(furrow_pool_stat(pool, &stats) == 0, "statistics");
    tell("%llu workers killed meanwhile", (unsigned long long)stats.deaths);
    munmap(food, 60 * MIB);
    call = call_on(a);
    works(furrow_map(pool, &call) == 0, "when there is room again");
    works(((double *)a->data)[a->len - 1] == 1, "its effect");
    works(furrow_pool_close(pool) == 0 && furrow_array_free(a) == 0, "the end");
    return 0;
}

static int eaten_before_a_queued_call(void *unused)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call;
    furrow_future *f;
    void *food;

    (void)unused;
    enter(96 * MIB);
    pool = open_pool();
    a = furrow_array_new('d', 8 * MIB, NULL);
    works(pool && a, "a pool and an array");
    food = eat(60 * MIB);
    call = call_on(a);
    works((f = furrow_map_async(pool, &call)) != NULL, "queue");
    refused(furrow_future_wait(f, furrow_in(8)), FURROW_ENOMEM, "a future");
    furrow_future_free(f);
    munmap(food, 60 * MIB);
    call = call_on(a);
    works((f = furrow_map_async(pool, &call)) != NULL, "queue again");
    works(furrow_future_wait(f, furrow_in(8)) == 0, "when there is room again");
    works(((double *)a->data)[0] == 1, "its effect");
    furrow_future_free(f);
    works(furrow_pool_close(pool) == 0 && furrow_array_free(a) == 0, "the end");
    return 0;
}

/* ---- the OOM killer -------------------------------------------------------------------*/

/* The processes of a pool in a group of their own that has not enough for the array, which
 * the caller cannot know. `nursery`: and what it will fork. */
static fault_group tight_group(furrow_pool *pool, int nursery)
{
    fault_group tight = group;
    left_process p;

    snprintf(tight.dir + strlen(tight.dir), 16, "/tight");
    if (mkdir(tight.dir, 0755) != 0 || group_limit(&tight, (long)(16 * MIB)) != 0) {
        tell("no group in a group");
        _exit(SKIPPED);
    }
    for (int i = 0; i < 2; i++)
        works(group_write(&tight, "cgroup.procs", furrow_pool_worker_pid(pool, i)) == 0,
              "a worker cannot be moved");
    if (nursery)
        works(left_stat((pid_t)furrow_pool_worker_pid(pool, 0), &p) == 0 &&
                  group_write(&tight, "cgroup.procs", p.parent) == 0,
              "the nursery cannot be moved");
    return tight;
}

static void oom_kill(int nursery)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call;
    furrow_pool_stats stats;
    fault_group tight;
    int rc;

    if (group.version == 2) { /* no processes in a group with groups in it */
        tell("v2");
        _exit(SKIPPED);
    }
    enter(512 * MIB);
    pool = open_pool();
    a = furrow_array_new('d', 8 * MIB, NULL);
    works(pool && a, "a pool and an array");
    tight = tight_group(pool, nursery);
    call = call_on(a);
    rc = furrow_map(pool, &call);
    works(furrow_pool_stat(pool, &stats) == 0 && stats.deaths > 0, "nobody was killed");
    tell("%llu killed: %s", (unsigned long long)stats.deaths,
         rc < 0 ? furrow_last_error()->text : "the next ones did it");
    if (rc == 0)
        works(((double *)a->data)[a->len - 1] == 1, "its effect");
    else if (rc != FURROW_ENOMEM && !(nursery && rc == FURROW_EDIED))
        fail("%s: %s", furrow_status_name(rc), furrow_last_error()->text);
    works(furrow_pool_close(pool) == 0 && furrow_array_free(a) == 0, "the end");
    works(use_library() == 0, "afterwards");
    group_free(&tight);
}

static int workers_are_killed(void *unused)
{
    (void)unused;
    oom_kill(0);
    return 0;
}

static int all_are_killed(void *unused)
{
    (void)unused;
    oom_kill(1);
    return 0;
}

/* ---- a small /dev/shm ---------------------------------------------------------------*/

static furrow_array *named(const char *what, size_t size)
{
    return furrow_array_new('B', size,
                            &(furrow_array_options){.name = left_name(what)});
}

static int tiny_shm(void *unused)
{
    furrow_array *a, *b;
    left_mark mark;

    (void)unused;
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "size=64k") != 0) {
        tell("no mount namespace");
        return SKIPPED;
    }
    left_names(&mark, NULL);
    works((a = named("a", 32 << 10)) != NULL, "32 KiB");
    refused(code_of(named("b", 1 << 20)), FURROW_ENOMEM, "1 MiB");
    refused(code_of(named("b", 32 << 10)), FURROW_ENOMEM, "32 KiB more");
    works((b = furrow_array_attach(left_name("a"))) != NULL, "attach");
    works(furrow_array_free(b) == 0 && furrow_array_free(a) == 0, "free");
    works((b = named("b", 32 << 10)) != NULL, "32 KiB when there is room again");
    works(furrow_array_free(b) == 0 && left_new_names(&mark) == 0, "names");
    works(use_library() == 0, "arrays without names");
    return 0;
}

/* ---- limits of the process ----------------------------------------------------------*/

static void set_limit(int resource, size_t value)
{
    struct rlimit limit;

    getrlimit((__rlimit_resource_t)resource, &limit);
    limit.rlim_cur = value;
    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0)
        fail("limit %d cannot be set", resource);
}

static int no_file_for_a_heap(void *unused)
{
    (void)unused;
    set_limit(RLIMIT_FSIZE, 16 * MIB);
    refused(code_of(bytes(100)), FURROW_EOS, "a heap");
    set_limit(RLIMIT_FSIZE, 1024 * MIB);
    works(use_library() == 0, "a heap of 1 GiB");
    return 0;
}

static int no_file_later(void *unused)
{
    char path[64];
    furrow_array *a;

    (void)unused;
    snprintf(path, sizeof path, "/tmp/furrow-edge-%d.npy", (int)getpid());
    works((a = bytes(MIB)) != NULL && use_library() == 0, "before");
    set_limit(RLIMIT_FSIZE, 64 << 10);
    refused(code_of(named("a", 1 << 20)), FURROW_EOS, "a named array");
    refused(furrow_npy_save(a, path), FURROW_EOS, "a file");
    works(access(path, F_OK) != 0, "half a file");
    works(use_library() == 0, "afterwards");
    works(furrow_array_free(a) == 0, "free");
    return 0;
}

typedef struct squeeze {
    int resource;
    size_t limit;
} squeeze;

/* 1: it worked, 2: it was told why not. */
static int squeezed(void *arg)
{
    const squeeze *s = arg;
    int rc;

    set_limit(s->resource, s->limit);
    rc = use_library();
    if (rc == 0)
        return 1;
    return (rc == FURROW_ENOMEM || rc == FURROW_EOS) &&
                   strlen(furrow_last_error()->text) > 10
               ? 2
               : 3;
}

/* The same program under ever larger limits: each time it works or is told why not. */
static int squeeze_all(int resource, size_t from, size_t to)
{
    int worked = 0, failed = 0;

    for (squeeze s = {resource, from}; s.limit <= to; s.limit += 1 + s.limit / 4) {
        int rc = child_run(squeezed, &s);

        if (rc != 1 && rc != 2)
            fail("limit %d of %zu: %d: %s", resource, s.limit, rc,
                 rc >= CHILD_HANGS ? "hangs" : "no error, but a death");
        *(rc == 1 ? &worked : &failed) += 1;
    }
    tell("%d times less than it needs, %d times enough", failed, worked);
    return worked && failed ? 0 : 1;
}

static int address_space(void *unused)
{
    (void)unused;
    return squeeze_all(RLIMIT_AS, 8 * MIB, 8192 * MIB);
}

static int private_memory(void *unused)
{
    (void)unused;
    return squeeze_all(RLIMIT_DATA, 64 << 10, 256 * MIB);
}

static int open_files(void *unused)
{
    (void)unused;
    return squeeze_all(RLIMIT_NOFILE, 3, 40);
}

static int file_size(void *unused)
{
    (void)unused;
    return squeeze_all(RLIMIT_FSIZE, 1, 4096 * MIB);
}

static int no_huge_pages(void *unused)
{
    (void)unused;
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        fail("huge pages cannot be refused");
    works(use_library() == 0, "small pages");
    return 0;
}

/* ---- all of them --------------------------------------------------------------------*/

static const struct {
    const char *name;
    int (*run)(void *unused);
} rows[] = {
    {"group-array", larger_than_the_group},
    {"group-large", large_arrays},
    {"group-small", small_arrays},
    {"group-named", named_arrays},
    {"group-eaten-caller", eaten_before_the_caller_takes_it},
    {"group-eaten-workers", eaten_before_workers_take_it},
    {"group-eaten-queued", eaten_before_a_queued_call},
    {"oom-workers", workers_are_killed},
    {"oom-all", all_are_killed},
    {"shm-64k", tiny_shm},
    {"fsize-heap", no_file_for_a_heap},
    {"fsize-later", no_file_later},
    {"fsize-all", file_size},
    {"as-all", address_space},
    {"data-all", private_memory},
    {"nofile-all", open_files},
    {"no-huge-pages", no_huge_pages},
};

static int try_one(size_t i)
{
    left_mark before = left_now();
    double start = left_clock(), until = start + 25;
    int rc, left;

    told[0] = 0;
    rc = child_run(rows[i].run, NULL);
    do
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    while (left_new_processes(&before, 0) && left_clock() < until);
    left = left_outside(&before, 0);
    printf("%-20s %-8s %.1f s%s%s\n", rows[i].name,
           rc == SKIPPED                  ? "skipped"
           : rc == CHILD_HANGS            ? "HANGS"
           : rc == CHILD_SIGNAL + SIGKILL ? "KILLED"
           : rc || left                   ? "FAILED"
                                          : "ok",
           left_clock() - start, told[0] ? ": " : "", told);
    fflush(stdout);
    return (rc != 0 && rc != SKIPPED) || left;
}

static int try_all(const char *only)
{
    int failed = 0;

    told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    group = group_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!only || strcmp(only, rows[i].name) == 0)
            failed += try_one(i);
    group_free(&group);
    printf("%d failed\n", failed);
    fflush(stdout);
    return failed != 0;
}

int main(int argc, char **argv)
{
    int status;
    pid_t pid = fork(); /* a session of its own: see left.h */

    if (pid == 0)
        _exit(try_all(argc > 1 ? argv[1] : NULL));
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                : 1;
}
