/* SPDX-License-Identifier: MIT
 *
 * Pools whose workers are copies of the program run anew: what they have of the test, which
 * kernels they find, and the server that forks them. Other methods have no part in it, but
 * in kernels that nobody finds.
 */
#include "engine/pools.h"
#include "fixtures/late_object.h"

#include <pthread.h>
#include <sys/stat.h>

TestSuite(anew, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

static void need_anew(void)
{
    if (!pools_anew())
        cr_skip_test("workers are not of a program that is run anew");
}

static int needs_no_server(void)
{
    return strcmp(getenv("FURROW_START"), "forkserver") != 0;
}

/* ---- what they have of the test ---------------------------------------------------*/

static int set = 3;
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;

static int tells_set(furrow_chunk c)
{
    int *out = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        out[i] = set;
    return 0;
}

/* As before main(), in replacements too. */
Test(anew, globals_are_those_of_the_program)
{
    furrow_pool *pool;
    furrow_array *a;
    furrow_call call = {.kernel = tells_set, .types = ">i", .chunk = 100};
    long old;

    need_anew();
    set = 7;
    pool = pools_open(2);
    a = call.out[0] = pools_array('i', 1000);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 3, 0, a->len), 0);
    old = furrow_pool_worker_pid(pool, 1);
    kill((pid_t)old, SIGKILL);
    pools_worker_not(pool, 1, old);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 3, 0, a->len), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static int takes_lock(furrow_chunk c)
{
    (void)c;
    if (pthread_mutex_trylock(&taken) != 0)
        return 1;
    return pthread_mutex_unlock(&taken);
}

Test(anew, no_lock_is_taken_in_workers)
{
    furrow_pool *pool;

    need_anew();
    pthread_mutex_lock(&taken);
    pool = pools_open(2);
    cr_assert_eq(
        furrow_map(pool, &(furrow_call){.kernel = takes_lock, .len = 8, .chunk = 1}), 0,
        "%s", error_text());
    pthread_mutex_unlock(&taken);
    pools_close(pool);
    pools_leave_nothing();
}

static int reads_input(furrow_chunk c)
{
    char byte;

    (void)c;
    return read(0, &byte, 1) == 0 ? 0 : 1;
}

Test(anew, standard_input_is_empty)
{
    furrow_pool *pool;

    need_anew();
    pool = pools_open(1);
    cr_assert_eq(furrow_map(pool, &(furrow_call){.kernel = reads_input, .len = 1}), 0,
                 "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- kernels ----------------------------------------------------------------------*/

static int adds_ten(furrow_chunk c)
{
    int *out = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        out[i] += 10;
    return 0;
}

/* Names and jobs change with every call; the caller has a part in half of them. */
Test(anew, kernels_by_turns)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 1000);
    const int one = 1;

    for (int i = 1; i <= 100; i++) {
        furrow_call call = {.kernel = i % 3 ? pools_count : adds_ten,
                            .types = ">i",
                            .out = {a},
                            .chunk = 10,
                            .flags = i % 2 ? FURROW_CALLER_RUNS : 0};

        cr_assert_eq(furrow_fill(pool, a, &one), 0);
        cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
        cr_assert_eq(pools_others(a, i % 3 ? 2 : 11, 0, a->len), 0, "call %d", i);
    }
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

static void copy_file(const char *from, const char *to)
{
    char command[600];

    snprintf(command, sizeof command, "cp %s %s.new && mv %s.new %s", from, to, to, to);
    cr_assert_eq(system(command), 0);
}

/* Nobody runs it, neither the caller. */
static void nobody_finds(furrow_pool *pool, furrow_kernel kernel, const char *where)
{
    furrow_array *a = pools_array('i', 1000);
    furrow_call call = {.kernel = kernel,
                        .types = ">i",
                        .out = {a},
                        .chunk = 10,
                        .flags = FURROW_CALLER_RUNS};
    furrow_future *f;

    cr_assert_eq(furrow_map(pool, &call), FURROW_EOS);
    cr_assert(strstr(error_text(), where), "%s", error_text());
    call.flags = 0;
    f = furrow_map_async(pool, &call);
    cr_assert_eq(furrow_future_wait(f, furrow_in(10)), FURROW_EOS);
    cr_assert(strstr(error_text(), where), "%s", error_text());
    furrow_future_free(f);
    cr_assert_eq(pools_others(a, 0, 0, a->len), 0, "it was run");
    furrow_array_free(a);
    pools_works(pool);
}

/* Where the object was lies another build of it, and then nothing. */
Test(anew, kernel_of_an_object_that_is_gone)
{
    char path[200];
    furrow_pool *pool;
    furrow_kernel kernel;

    pools_need_processes();
    snprintf(path, sizeof path, "/tmp/furrow-%d-late.so", (int)getpid());
    pool = pools_open(2);
    copy_file(FURROW_BINARY_DIR "/tests/late_kernel_1.so", path);
    kernel = late_symbol(dlopen(path, RTLD_NOW), "late_kernel");
    copy_file(FURROW_BINARY_DIR "/tests/late_kernel_2.so", path);
    nobody_finds(pool, kernel, path);
    unlink(path);
    nobody_finds(pool, kernel, path);
    pools_close(pool);
    pools_leave_nothing();
}

/* Each worker has asked for it in vain, and all run it when it is there again. */
Test(anew, kernel_of_an_object_that_comes_back)
{
    char path[200], hidden[210];
    furrow_array *a = pools_array('i', 1000);
    furrow_call call;
    furrow_pool *pool;

    pools_need_processes();
    snprintf(path, sizeof path, "/tmp/furrow-%d-back.so", (int)getpid());
    snprintf(hidden, sizeof hidden, "%s.hidden", path);
    pool = pools_open(2);
    copy_file(FURROW_BINARY_DIR "/tests/late_kernel_1.so", path);
    memset(&call, 0, sizeof call);
    call.kernel = late_symbol(dlopen(path, RTLD_NOW), "late_kernel");
    call.out[0] = a;
    call.chunk = 10;
    cr_assert_eq(rename(path, hidden), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(furrow_map(pool, &call), FURROW_EOS);
    cr_assert_eq(rename(hidden, path), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(furrow_map(pool, &call), 0, "call %d: %s", i, error_text());
    cr_assert_eq(pools_others(a, 20, 0, a->len), 0);
    unlink(path);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* Another program in the place of this one: it has what furrow itself has, and objects. */
Test(anew, of_the_helper)
{
    furrow_pool *pool;
    furrow_array *a;
    double two = 2, sum = 0;
    furrow_call call;

    need_anew();
    cr_assert_eq(furrow_process_helper(FURROW_BINARY_DIR "/furrow-worker"), 0);
    fw_server_stop();
    pool = pools_open(2);
    a = pools_array('d', 100000);
    cr_assert_eq(furrow_fill(pool, a, &two), 0, "%s", error_text());
    cr_assert_eq(furrow_sum(pool, a, &sum), 0, "%s", error_text());
    cr_assert_eq(sum, 200000);
    furrow_array_free(a);
    a = pools_array('i', 1000);
    call = (furrow_call){
        .kernel = late_symbol(late_open(2), "late_kernel"), .types = ">i", .out = {a}};
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert_eq(pools_others(a, 2, 0, a->len), 0);
    call.kernel = adds_ten;
    cr_assert_eq(furrow_map(pool, &call), FURROW_EOS);
    cr_assert(strstr(error_text(), "the program of that build"), "%s", error_text());
    cr_assert_eq(pools_others(a, 2, 0, a->len), 0);
    furrow_array_free(a);
    pools_close(pool);
    if (needs_no_server())
        pools_leave_nothing();
}

static void *opens_one(void *wrong)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});

    return pool && furrow_pool_close(pool) == 0 ? NULL : wrong;
}

/* One that begins, but not as one of ours. */
Test(anew, of_a_helper_that_is_none)
{
    need_anew();
    fw_server_stop();
    cr_assert_eq(furrow_process_helper("/bin/true"), 0);
    cr_assert_not_null(opens_one(&set));
    cr_assert_eq(furrow_last_error()->code, FURROW_EDIED);
    cr_assert(strstr(error_text(), "furrow_init()"), "%s", error_text());
    cr_assert_eq(furrow_process_helper("/nowhere/helper"), 0);
    cr_assert_not_null(opens_one(&set));
    cr_assert(strstr(error_text(), "/nowhere/helper"), "%s", error_text());
    cr_assert_eq(furrow_process_helper(NULL), 0);
    cr_assert_null(opens_one(&set), "%s", error_text());
    if (needs_no_server())
        pools_leave_nothing();
}

static int closes_the_heap(void *unused)
{
    (void)unused;
    fw_os_close(fw_segment_get()->fd);
    child_want(opens_one(&set));
    child_want(furrow_last_error()->code == FURROW_ENOTSUP);
    return 0;
}

Test(anew, of_a_program_that_has_closed_the_heap)
{
    need_anew();
    cr_assert_eq(child_run(closes_the_heap, NULL), 0);
    pools_leave_no_program();
}

/* ---- the server -------------------------------------------------------------------*/

static pid_t server_pid(void)
{
    pid_t pid[LEFT_PIDS];
    int n = left_processes(pid);

    for (int i = 0; i < n; i++) {
        left_process p;

        if (left_stat(pid[i], &p) == 0 && strcmp(p.name, "furrow-server") == 0)
            return pid[i];
    }
    return -1;
}

/* Its pools go on, and the next one is another's. */
Test(anew, server_that_is_killed)
{
    furrow_pool *pool, *next;
    pid_t server;
    long old;

    if (needs_no_server())
        cr_skip_test("there is no server");
    pool = pools_open(2);
    server = server_pid();
    cr_assert(server > 0);
    kill(server, SIGKILL);
    pools_works(pool);
    old = furrow_pool_worker_pid(pool, 0);
    kill((pid_t)old, SIGKILL);
    pools_worker_not(pool, 0, old);
    pools_works(pool);
    next = pools_open(2);
    pools_works(next);
    cr_assert_neq(server_pid(), server);
    pools_close(next);
    pools_close(pool);
    fw_server_stop();
    pools_leave_nothing();
}

static _Atomic int over;

static void *kills_servers(void *unused)
{
    while (!over) {
        pid_t server = server_pid();

        if (server > 0)
            kill(server, SIGKILL);
        left_sleep(0.003);
    }
    return unused;
}

/* At whatever moment: a pool, or an error that says so; and nothing of it stays. */
Test(anew, servers_that_are_killed_again_and_again)
{
    pthread_t thread;
    int opened = 0;

    if (needs_no_server())
        cr_skip_test("there is no server");
    pthread_create(&thread, NULL, kills_servers, NULL);
    for (int i = 0; i < 30; i++)
        if (!opens_one(&set))
            opened++;
        else
            cr_assert_eq(furrow_last_error()->code, FURROW_EDIED, "%s", error_text());
    over = 1;
    pthread_join(thread, NULL);
    cr_log_info("%d pools opened", opened);
    cr_assert_null(opens_one(&set), "%s", error_text());
    fw_server_stop();
    cr_assert_eq(left_since(&pools_before, 5), 0);
}
