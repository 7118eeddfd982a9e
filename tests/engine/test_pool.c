/* SPDX-License-Identifier: MIT
 *
 * Pools: options and environment, how many workers, what they are and hold, closing.
 */
#include "engine/pools.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

TestSuite(pool, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* ---- how many ---------------------------------------------------------------------*/

/* CPython: _TestPool.test_make_pool */
Test(pool, of_every_size_works)
{
    static const int sizes[] = {1, 2, 3, 16, 64};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        furrow_pool *pool = pools_open(sizes[i]);

        cr_assert_eq(furrow_pool_workers(pool), sizes[i]);
        pools_works(pool);
        pools_close(pool);
    }
    pools_leave_nothing();
}

/* CPython: _TestProcess.test_cpu_count */
Test(pool, default_is_the_honest_count)
{
    furrow_pool *pool = furrow_pool_open(NULL);

    cr_assert_not_null(pool, "%s", error_text());
    cr_assert_eq(furrow_pool_workers(pool), furrow_cpu_count());
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* CPython: MiscTestCase.test_large_pool */
Test(pool, as_many_as_possible_and_one_more)
{
    furrow_pool *pool = pools_open(256);

    cr_assert_eq(furrow_pool_workers(pool), 256);
    pools_works(pool);
    pools_close(pool);
    cr_assert_null(furrow_pool_open(&(furrow_pool_options){.workers = 257}));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert(strstr(error_text(), "257 workers; 1 to 256"), "%s", error_text());
    pools_leave_nothing();
}

Test(pool, two_at_once)
{
    furrow_pool *one = pools_open(2), *two = pools_open(3);

    for (int i = 0; i < 20; i++) {
        pools_works(one);
        pools_works(two);
    }
    pools_close(one);
    pools_works(two);
    pools_close(two);
    pools_leave_nothing();
}

Test(pool, many_one_after_another)
{
    for (int i = 0; i < 20; i++) {
        furrow_pool *pool = pools_open(2);

        pools_works(pool);
        pools_close(pool);
    }
    pools_leave_nothing();
}

static void *open_and_close(void *wrong)
{
    for (int i = 0; i < 8; i++) {
        furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
        furrow_array *a = furrow_array_new('i', 5000, NULL);
        furrow_call call = pools_count_call(a);

        if (furrow_map(pool, &call) || pools_others(a, 1, 0, a->len) ||
            furrow_array_free(a) || furrow_pool_close(pool))
            return wrong;
    }
    return NULL;
}

Test(pool, opened_by_several_threads_at_once)
{
    pthread_t threads[4];
    void *wrong;

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, open_and_close, threads);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong);
    }
    pools_leave_nothing();
}

/* ---- options and environment ------------------------------------------------------*/

static void refused(furrow_pool_options o, const char *why)
{
    cr_assert_null(furrow_pool_open(&o));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_pool_open");
    cr_assert(strstr(error_text(), why), "%s", error_text());
}

/* CPython: _TestPool.test_make_pool */
Test(pool, bad_options_are_refused)
{
    refused((furrow_pool_options){.workers = -1}, "-1 workers");
    refused((furrow_pool_options){.pin = 9}, "no way 9 to pin");
    refused((furrow_pool_options){.grace = -1}, "a grace of -1 seconds");
    refused((furrow_pool_options){.grace = NAN}, "nan seconds");
    refused((furrow_pool_options){.cpus = "0-"}, "CPU number is expected");
    refused((furrow_pool_options){.cpus = "4000"}, "none of the CPUs 4000");
    unsetenv("FURROW_START");
    refused((furrow_pool_options){.start = (furrow_start)7}, "no start method 7");
    pools_leave_nothing();
}

Test(pool, options_of_an_older_program_are_taken)
{
    furrow_pool_options o = {.workers = 3, .pin = 99};
    furrow_pool *pool = furrow_pool_open_sized(&o, sizeof o.workers);

    cr_assert_not_null(pool, "%s", error_text());
    cr_assert_eq(furrow_pool_workers(pool), 3);
    pools_close(pool);
    pools_leave_nothing();
}

/* What describe() prints; freed by the next call. */
static const char *described(furrow_pool *pool)
{
    static char *text;
    static size_t size;
    FILE *f;

    free(text);
    text = NULL;
    f = open_memstream(&text, &size);
    cr_assert_eq(furrow_pool_describe(pool, f), 0, "%s", error_text());
    fclose(f);
    return text;
}

static void env_gives(const char *variable, const char *value, const char *line)
{
    furrow_pool *pool;
    const char *text;

    setenv(variable, value, 1);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    cr_assert_not_null(pool, "%s=%s: %s", variable, value, error_text());
    text = described(pool);
    cr_assert(strstr(text, line), "%s=%s: %s", variable, value, text);
    pools_works(pool);
    pools_close(pool);
    unsetenv(variable);
}

Test(pool, environment_overrides_options)
{
    int served = strcmp(getenv("FURROW_START"), "forkserver") == 0;

    env_gives("FURROW_WORKERS", "3", "3 workers");
    env_gives("FURROW_WORKERS", "", "2 workers");
    env_gives("FURROW_START", "thread", "start method: thread");
    env_gives("FURROW_START", "fork", "start method: fork");
    env_gives("FURROW_START", "spawn", "start method: spawn");
    env_gives("FURROW_START", "forkserver", "start method: forkserver");
    env_gives("FURROW_START", "default", "start method: fork"); /* or forkserver */
    env_gives("FURROW_PIN", "none", "");
    env_gives("FURROW_PIN", "node", "");
    env_gives("FURROW_CPUS", "0", "");
    if (!served)
        fw_server_stop();
    pools_leave_nothing();
}

static void env_refused(const char *variable, const char *value)
{
    const char *before = getenv(variable);
    char *kept = before ? strdup(before) : NULL;

    setenv(variable, value, 1);
    furrow_error_clear();
    cr_assert_null(furrow_pool_open(NULL), "%s=%s", variable, value);
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert(strstr(error_text(), variable) || strstr(error_text(), value),
              "%s=%s: %s", variable, value, error_text());
    unsetenv(variable);
    if (kept)
        setenv(variable, kept, 1);
    free(kept);
}

Test(pool, bad_environment_is_refused)
{
    env_refused("FURROW_WORKERS", "two");
    env_refused("FURROW_WORKERS", "-2");
    env_refused("FURROW_WORKERS", "2x");
    env_refused("FURROW_WORKERS", "1000");
    env_refused("FURROW_WORKERS", "99999999999999999999");
    env_refused("FURROW_TRACE", "many");
    env_refused("FURROW_TRACE", "-1");
    env_refused("FURROW_PIN", "pinned");
    env_refused("FURROW_START", "spoon");
    env_refused("FURROW_CPUS", "0-x");
    pools_leave_nothing();
}

/* ---- which CPUs --------------------------------------------------------------------*/

typedef struct cpu_pair {
    size_t cpu[2];
    char list[32];
    cpu_set_t before; /* the thread's affinity */
} cpu_pair;

static cpu_pair two_cpus(void)
{
    cpu_pair t = {.cpu = {CPU_SETSIZE, CPU_SETSIZE}};

    cr_assert_eq(sched_getaffinity(0, sizeof t.before, &t.before), 0);
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;)
        if (CPU_ISSET(cpu, &t.before)) {
            t.cpu[1] = t.cpu[0];
            t.cpu[0] = cpu;
        }
    if (t.cpu[1] == CPU_SETSIZE)
        cr_skip_test("there is one CPU only");
    snprintf(t.list, sizeof t.list, "%zu,%zu", t.cpu[0], t.cpu[1]);
    return t;
}

static cpu_set_t one_cpu(size_t cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return set;
}

/* Where worker i may run. */
static cpu_set_t cpus_of(furrow_pool *pool, int i)
{
    cpu_set_t set;
    pid_t pid = (pid_t)furrow_pool_worker_pid(pool, i);

    cr_assert(pid > 0);
    cr_assert_eq(sched_getaffinity(pid, sizeof set, &set), 0);
    return set;
}

Test(pool, unpinned_workers_stay_on_the_cpus_that_are_named)
{
    cpu_pair t = two_cpus();
    cpu_set_t second = one_cpu(t.cpu[1]);
    furrow_pool_options o = {.workers = 2, .pin = FURROW_PIN_NONE};
    furrow_pool *pool;

    pools_need_processes();
    snprintf(t.list, sizeof t.list, "%zu", t.cpu[1]);
    o.cpus = t.list;
    pool = furrow_pool_open(&o);
    cr_assert_not_null(pool, "%s", error_text());
    for (int i = 0; i < 2; i++) {
        cpu_set_t set = cpus_of(pool, i);

        cr_assert(CPU_EQUAL(&set, &second));
    }
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* As an OpenMP runtime does. */
Test(pool, of_a_thread_bound_to_one_cpu_that_names_more)
{
    cpu_pair t = two_cpus();
    cpu_set_t first = one_cpu(t.cpu[0]), all, set;
    furrow_pool *pool;

    pools_need_processes();
    unsetenv("FURROW_CPUS");
    cr_assert_eq(sched_setaffinity(0, sizeof first, &first), 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2, .cpus = t.list});
    cr_assert_eq(sched_setaffinity(0, sizeof t.before, &t.before), 0);
    cr_assert_not_null(pool, "%s", error_text());
    cr_assert(!strstr(described(pool), "bound to one CPU"), "%s", described(pool));
    CPU_ZERO(&all);
    for (int i = 0; i < 2; i++) {
        set = cpus_of(pool, i);
        CPU_OR(&all, &all, &set);
    }
    cr_assert(CPU_ISSET(t.cpu[0], &all) && CPU_ISSET(t.cpu[1], &all));
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, trace_by_environment)
{
    char path[64];
    furrow_pool *pool;

    snprintf(path, sizeof path, "/tmp/furrow-%d-timeline.svg", (int)getpid());
    setenv("FURROW_TRACE", "100", 1);
    pool = pools_open(2);
    unsetenv("FURROW_TRACE");
    cr_assert_eq(furrow_pool_timeline(pool, path), FURROW_EINVAL, "nothing to draw");
    pools_works(pool);
    cr_assert_eq(furrow_pool_timeline(pool, path), 0, "%s", error_text());
    cr_assert_eq(access(path, R_OK), 0);
    unlink(path);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, timeline_needs_trace)
{
    furrow_pool *pool = pools_open(1);

    cr_assert_eq(furrow_pool_timeline(pool, "/tmp/never"), FURROW_EINVAL);
    cr_assert(strstr(error_text(), "without .trace"), "%s", error_text());
    pools_close(pool);
    pools_leave_nothing();
}

static void *write_timeline(void *arg)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/furrow-%d-timeline.fifo", (int)getpid());
    return furrow_pool_timeline(arg, path) == 0 ? NULL : arg;
}

/* Nobody has opened the other end of the pipe that it goes to. */
Test(pool, calls_do_not_wait_for_the_file_of_a_timeline)
{
    char path[64];
    furrow_pool *pool =
        furrow_pool_open(&(furrow_pool_options){.workers = 2, .trace = 10});
    furrow_array *a = pools_array('i', 10);
    furrow_call call = pools_count_call(a);
    pthread_t thread;
    void *failed;
    int fd;

    snprintf(path, sizeof path, "/tmp/furrow-%d-timeline.fifo", (int)getpid());
    cr_assert_eq(mkfifo(path, 0600), 0);
    pools_works(pool);
    cr_assert_eq(pthread_create(&thread, NULL, write_timeline, pool), 0);
    left_sleep(0.1);
    call.deadline = furrow_in(10);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    cr_assert(fd >= 0);
    for (char got[4096]; read(fd, got, sizeof got) > 0;)
        ;
    close(fd);
    cr_assert_eq(pthread_join(thread, &failed), 0);
    cr_assert_null(failed);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- NULL -------------------------------------------------------------------------*/

Test(pool, null_keeps_the_first_message)
{
    furrow_pool_stats stats;
    furrow_call call = {.kernel = pools_count};
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 1000});

    cr_assert_null(pool);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EINVAL);
    cr_assert_null(furrow_map_async(pool, &call));
    cr_assert_eq(furrow_pool_stat(pool, &stats), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_describe(pool, stdout), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_populate(pool, NULL), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_timeline(pool, "x"), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_terminate(pool), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_close(pool), FURROW_EINVAL);
    cr_assert_eq(furrow_pool_workers(pool), 0);
    cr_assert_eq(furrow_pool_worker_pid(pool, 0), -1);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_pool_open");
    cr_assert(strstr(error_text(), "1000 workers"), "%s", error_text());
    pools_leave_nothing();
}

Test(pool, null_without_a_message_says_so)
{
    furrow_error_clear();
    cr_assert_eq(furrow_pool_close(NULL), FURROW_EINVAL);
    cr_assert(strstr(error_text(), "pool is NULL"), "%s", error_text());
    pools_leave_nothing();
}

/* ---- looking at it ----------------------------------------------------------------*/

Test(pool, describe_tells_workers_and_heap)
{
    furrow_pool *pool = pools_open(2);
    const char *text = described(pool);

    cr_assert(strstr(text, "2 workers"), "%s", text);
    cr_assert(strstr(text, "heap: "), "%s", text);
    cr_assert(strstr(text, getenv("FURROW_START")), "%s", text);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, stats_count)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 1000);
    furrow_call call = pools_count_call(a);
    furrow_pool_stats s;

    call.chunk = 10;
    for (int i = 0; i < 7; i++)
        cr_assert_eq(furrow_map(pool, &call), 0);
    cr_assert_eq(furrow_pool_stat(pool, &s), 0);
    cr_assert_eq(s.calls, 7);
    cr_assert_eq(s.chunks, 700);
    cr_assert_eq(s.deaths, 0);
    cr_assert_eq(s.replaced, 0);
    left_sleep(0.02);
    cr_assert_eq(furrow_pool_stat(pool, &s), 0);
    cr_assert(s.parks > 0, "idle workers sleep");
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, worker_pids)
{
    furrow_pool *pool = pools_open(2);
    left_process p;
    long pid;

    cr_assert_eq(furrow_pool_worker_pid(pool, -1), -1);
    cr_assert_eq(furrow_pool_worker_pid(pool, 2), -1);
    for (int i = 0; i < 2; i++) {
        pid = furrow_pool_worker_pid(pool, i);
        if (pools_threads()) {
            cr_assert_eq(pid, -1);
            continue;
        }
        cr_assert_eq(left_stat((pid_t)pid, &p), 0);
        cr_assert_eq(p.name[strlen("furrow-w")], '0' + i, "%s", p.name);
        cr_assert_neq(p.parent, getpid(), "a wait() of the program would meet it");
    }
    pools_close(pool);
    pools_leave_nothing();
}

/* "Name:\tvalue" of /proc/PID/status. */
static void status_of(long pid, const char *name, char *value, size_t size)
{
    char path[64], line[4200];
    size_t n = strlen(name);
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    f = fopen(path, "re");
    cr_assert_not_null(f);
    value[0] = 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && line[n] == ':')
            snprintf(value, size, "%.*s", (int)strcspn(line + n + 2, "\n"),
                     line + n + 2);
    fclose(f);
}

Test(pool, workers_are_pinned_one_cpu_each)
{
    furrow_pool *pool;
    char one[64], two[64];

    pools_need_processes();
    if (furrow_cpu_count() < 2)
        cr_skip_test("one CPU");
    pool = pools_open(2);
    status_of(furrow_pool_worker_pid(pool, 0), "Cpus_allowed_list", one, sizeof one);
    status_of(furrow_pool_worker_pid(pool, 1), "Cpus_allowed_list", two, sizeof two);
    cr_assert_eq(strspn(one, "0123456789"), strlen(one), "%s", one);
    cr_assert_eq(strspn(two, "0123456789"), strlen(two), "%s", two);
    cr_assert_str_neq(one, two);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, pin_none_leaves_the_cpus_alone)
{
    furrow_pool *pool;
    char mine[64], its[64];

    pools_need_processes();
    pool =
        furrow_pool_open(&(furrow_pool_options){.workers = 1, .pin = FURROW_PIN_NONE});
    status_of(getpid(), "Cpus_allowed_list", mine, sizeof mine);
    status_of(furrow_pool_worker_pid(pool, 0), "Cpus_allowed_list", its, sizeof its);
    cr_assert_str_eq(mine, its);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- what workers hold ------------------------------------------------------------*/

/* A reader of a pipe sees its end when the program closes it, whatever pools there are.
 */
/* CPython: TestCloseFds.test_closefd (fork spawn forkserver) */
Test(pool, workers_keep_no_fd_of_the_program)
{
    int ends[2], high;
    furrow_pool *pool;
    char byte;

    cr_assert_eq(pipe(ends), 0);
    high = fcntl(ends[1], F_DUPFD, 200);
    pool = pools_open(2);
    pools_works(pool);
    close(ends[1]);
    close(high);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "somebody holds the other end");
    close(ends[0]);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- who may use it ---------------------------------------------------------------*/

static void *open_and_end(void *out)
{
    *(furrow_pool **)out = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    return NULL;
}

Test(pool, outlives_the_thread_that_opened_it)
{
    furrow_pool *pool = NULL;
    pthread_t thread;
    furrow_pool_stats stats;

    pthread_create(&thread, NULL, open_and_end, &pool);
    pthread_join(thread, NULL);
    cr_assert_not_null(pool);
    left_sleep(0.05);
    pools_works(pool);
    cr_assert_eq(furrow_pool_stat(pool, &stats), 0);
    cr_assert_eq(stats.deaths, 0);
    pools_close(pool);
    pools_leave_nothing();
}

static int use_of_another(void *pool)
{
    furrow_call call = {.kernel = pools_count, .len = 10};

    child_want(furrow_map(pool, &call) == FURROW_EINVAL);
    child_want(strstr(error_text(), "a forked process opens its own"));
    child_want(furrow_map_async(pool, &call) == NULL);
    child_want(furrow_pool_close(pool) == FURROW_EINVAL);
    child_want(furrow_pool_terminate(pool) == FURROW_EINVAL);
    return 0;
}

Test(pool, belongs_to_its_process)
{
    furrow_pool *pool = pools_open(2);

    cr_assert_eq(child_run(use_of_another, pool), 0);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

static int with_own_pool(void *a)
{
    left_mark before = left_now();
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    furrow_call call = pools_count_call(a);

    child_want(pool);
    child_want(furrow_map(pool, &call) == 0);
    child_want(furrow_pool_close(pool) == 0);
    child_want(left_since(&before, 0) == 0);
    return 0;
}

Test(pool, of_a_forked_process_works_on_the_same_arrays)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('i', 5000);

    cr_assert_eq(child_run(with_own_pool, a), 0);
    cr_assert_eq(pools_others(a, 1, 0, a->len), 0);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- closing ----------------------------------------------------------------------*/

Test(pool, terminate_leaves_nothing)
{
    furrow_pool *pool = pools_open(3);

    pools_works(pool);
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    pool = pools_open(3);
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    pools_leave_nothing();
}

static int close_it(furrow_chunk c)
{
    furrow_pool *pool;

    memcpy(&pool, c.ctx, sizeof pool);
    return furrow_pool_close(pool) == FURROW_EINVAL ? 0 : 1;
}

Test(pool, is_not_closed_by_its_worker)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = close_it,
                        .len = 2,
                        .chunk = 1,
                        .ctx = &pool,
                        .ctx_size = sizeof pool};

    pools_need_copies(); /* who has no copy of the handle cannot pass it */
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

Test(pool, populate_takes_the_memory_now)
{
    furrow_pool *pool = pools_open(2);
    furrow_array *a = pools_array('d', 1 << 20);
    furrow_heap_info before, after;

    cr_assert_eq(furrow_heap_describe(&before), 0);
    cr_assert_eq(furrow_pool_populate(pool, a), 0, "%s", error_text());
    cr_assert_eq(furrow_heap_describe(&after), 0);
    cr_assert(before.promised >= after.promised + (8u << 20));
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}
