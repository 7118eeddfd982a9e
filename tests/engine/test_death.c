/* SPDX-License-Identifier: MIT
 *
 * Deaths: of workers inside chunks and idle, of all of them, of the nursery, of the
 * program; and workers that are only stopped. Processes only.
 */
#include "engine/pools.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

TestSuite(death, .init = pools_set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* ---- inside a chunk ---------------------------------------------------------------*/

typedef struct ending {
    int signal, exit_code; /* how a chunk ends its worker */
    size_t every; /* chunks whose number is a multiple of it (not 0): 3, 6, ... */
} ending;

/* A page that nobody may write to. */
static void crash(void)
{
    int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *nowhere = 1;
}

static int end_in_some(furrow_chunk c)
{
    const ending *e = c.ctx;

    if (c.index == 0 || c.index % e->every != 0)
        return pools_count(c);
    if (e->signal == SIGSEGV)
        crash();
    if (e->signal)
        kill(getpid(), e->signal);
    exit(e->exit_code);
}

static furrow_call ending_call(const ending *e, furrow_array *a)
{
    return (furrow_call){.kernel = end_in_some,
                         .types = ">i",
                         .out = {a},
                         .chunk = 10,
                         .ctx = e,
                         .ctx_size = sizeof *e};
}

/* Exactly the chunks that end their worker are torn, all others done exactly once. */
static void check_torn(const ending *e, const furrow_array *a)
{
    const furrow_torn *torn;
    size_t n = furrow_error_ranges(&torn);

    cr_assert_eq(n, (a->len / 10 - 1) / e->every);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(torn[i].begin, (i + 1) * e->every * 10);
        cr_assert_eq(torn[i].end, torn[i].begin + 10);
        cr_assert_eq(torn[i].signal, e->signal);
        cr_assert_eq(torn[i].exit_code, e->exit_code);
        cr_assert(torn[i].pid > 0 && torn[i].worker >= 0 && torn[i].worker < 3);
        cr_assert_eq(pools_others(a, 0, torn[i].begin, torn[i].end), 0);
    }
    cr_assert_eq(pools_others(a, 1, 0, a->len), 10 * n);
}

static void dies(int workers, ending e, size_t len, int async)
{
    furrow_pool *pool = pools_open(workers);
    furrow_array *a = pools_array('i', len);
    furrow_call call = ending_call(&e, a);
    furrow_future *f = async ? furrow_map_async(pool, &call) : NULL;
    furrow_pool_stats stats;

    cr_assert_eq(async ? furrow_future_wait(f, furrow_in(10)) : furrow_map(pool, &call),
                 FURROW_EDIED, "%s", error_text());
    check_torn(&e, a);
    pools_works(pool);
    cr_assert_eq(furrow_pool_stat(pool, &stats), 0);
    cr_assert_eq(stats.deaths, furrow_error_ranges(NULL),
                 "ranges stay after a success");
    furrow_future_free(f);
    furrow_array_free(a);
    pools_close(pool);
}

Test(death, by_signal_and_by_exit)
{
    pools_need_processes();
    for (int async = 0; async < 2; async++) {
        dies(2, (ending){.signal = SIGSEGV, .every = 3}, 50, async);
        dies(2, (ending){.signal = SIGKILL, .every = 3}, 50, async);
        dies(2, (ending){.signal = SIGFPE, .every = 3}, 50, async);
        dies(2, (ending){.exit_code = 0, .every = 3}, 50, async);
        dies(2, (ending){.exit_code = 3, .every = 3}, 50, async);
    }
    pools_leave_nothing();
}

Test(death, sentence)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 50);
    ending e = {.signal = SIGSEGV, .every = 3};
    furrow_call call = ending_call(&e, a);

    pools_need_processes();
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    cr_assert(strstr(error_text(), "was killed by signal 11 (Segmentation fault) in "
                                   "elements [30, 40), which are torn"),
              "%s", error_text());
    cr_assert_str_eq(furrow_last_error()->function, "furrow_map");
    e = (ending){.exit_code = 7, .every = 2};
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    cr_assert(strstr(error_text(), "ended with exit(7) in elements [20, 30)"));
    cr_assert(strstr(error_text(), "and others: see furrow_error_ranges()"));
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(death, of_a_pool_of_one)
{
    pools_need_processes();
    dies(1, (ending){.signal = SIGKILL, .every = 1}, 100, 0);
    dies(1, (ending){.signal = SIGKILL, .every = 1}, 100, 1);
    pools_leave_nothing();
}

Test(death, many_times_in_a_call)
{
    pools_need_processes();
    dies(3, (ending){.signal = SIGKILL, .every = 5}, 2000, 0);
    dies(3, (ending){.signal = SIGABRT, .every = 2}, 400, 1);
    pools_leave_nothing();
}

/* ctx: the caller's pid. Every chunk that a worker gets ends it; the caller takes its
 * time, so that they get some. */
static int end_in_workers(furrow_chunk c)
{
    if (getpid() != *(const pid_t *)c.ctx)
        kill(getpid(), SIGKILL);
    left_sleep(0.0001);
    return pools_count(c);
}

Test(death, beside_a_caller_that_runs)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 1000);
    pid_t me = getpid();
    furrow_call call = {.kernel = end_in_workers,
                        .out = {a},
                        .chunk = 10,
                        .ctx = &me,
                        .ctx_size = sizeof me,
                        .flags = FURROW_CALLER_RUNS};
    size_t torn = 0;

    pools_need_processes();
    pool = pools_open(3);
    for (int i = 1; i <= 100 && torn < 5; i++) {
        int rc = furrow_map(pool, &call);

        cr_assert(rc == 0 || rc == FURROW_EDIED, "%s", error_text());
        if (rc == 0)
            continue; /* the caller was faster than they */
        torn += furrow_error_ranges(NULL);
        cr_assert(pools_others(a, i, 0, a->len) <= 10 * torn);
    }
    cr_assert(torn > 0);
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* A torn chunk is told before a failing one: it alone means that data is lost. */
static int fail_or_die(furrow_chunk c)
{
    if (c.index == 1)
        return 5;
    if (c.index == 0)
        kill(getpid(), SIGKILL);
    return 0;
}

Test(death, beside_a_kernel_that_fails)
{
    furrow_pool *pool;
    furrow_call call = {.kernel = fail_or_die, .len = 2, .chunk = 1};

    pools_need_processes();
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    cr_assert_eq(furrow_error_ranges(NULL), 1);
    pools_works(pool);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- idle -------------------------------------------------------------------------*/

static void cpus_of(long pid, char *out)
{
    char path[64], line[4200];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    f = fopen(path, "re");
    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Cpus_allowed_list: %63s", out) == 1)
            break;
    fclose(f);
}

Test(death, of_an_idle_worker)
{
    furrow_pool *pool;
    furrow_pool_stats stats;
    char before[64], after[64];
    long old;

    pools_need_processes();
    pool = pools_open(2);
    pools_works(pool);
    old = furrow_pool_worker_pid(pool, 1);
    cpus_of(old, before);
    kill((pid_t)old, SIGKILL);
    cpus_of(pools_worker_not(pool, 1, old), after);
    cr_assert_str_eq(before, after, "on the same CPU");
    pools_works(pool);
    cr_assert_eq(furrow_pool_stat(pool, &stats), 0);
    cr_assert_eq(stats.deaths, 1);
    cr_assert_eq(stats.replaced, 1);
    pools_close(pool);
    pools_leave_nothing();
}

static void kill_all(furrow_pool *pool, int signal)
{
    for (int i = 0; i < furrow_pool_workers(pool); i++) {
        long pid = furrow_pool_worker_pid(pool, i);

        if (pid > 0)
            kill((pid_t)pid, signal);
    }
}

/* The next call comes before, while and after the workers are replaced. */
Test(death, of_all_idle_workers)
{
    pools_need_processes();
    for (int workers = 1; workers <= 3; workers++) {
        furrow_pool *pool = pools_open(workers);

        for (int i = 0; i < 20; i++) {
            kill_all(pool, SIGKILL);
            left_sleep(0.0004 * i);
            pools_works(pool);
        }
        pools_close(pool);
    }
    pools_leave_nothing();
}

/* ---- in the middle ----------------------------------------------------------------*/

typedef struct killer {
    pthread_t thread;
    furrow_pool *pool;
    int worker; /* -1: all */
    int signal;
    double after, then; /* SIGCONT comes `then` later, when it is a stop */
} killer;

static void *kill_later(void *arg)
{
    const killer *k = arg;
    long pid = k->worker < 0 ? 0 : furrow_pool_worker_pid(k->pool, k->worker);

    left_sleep(k->after);
    if (k->worker < 0)
        kill_all(k->pool, k->signal);
    else
        kill((pid_t)pid, k->signal);
    if (k->signal == SIGSTOP) {
        left_sleep(k->then);
        kill((pid_t)pid, SIGCONT);
    }
    return NULL;
}

static void killed_inside(int worker, int workers)
{
    furrow_pool *pool = pools_open(workers);
    furrow_array *a = pools_array('i', 30);
    const double second = 0.01;
    furrow_call call = pools_slow_call(a, &second, 1);
    killer k = {.pool = pool, .worker = worker, .signal = SIGKILL, .after = 0.035};
    size_t torn;

    pthread_create(&k.thread, NULL, kill_later, &k);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    pthread_join(k.thread, NULL);
    torn = furrow_error_ranges(NULL);
    cr_assert(torn >= 1 && torn <= (worker < 0 ? (size_t)workers : 1), "%zu", torn);
    cr_assert(pools_others(a, 1, 0, 30) <= torn, "all but the torn ones are done");
    pools_works(pool);
    furrow_array_free(a);
    pools_close(pool);
}

Test(death, from_outside_in_the_middle)
{
    pools_need_processes();
    killed_inside(0, 2);
    killed_inside(1, 2);
    killed_inside(-1, 2);
    killed_inside(-1, 1);
    killed_inside(-1, 3);
    pools_leave_nothing();
}

/* Nobody is inside a call: the nursery sees to it. */
Test(death, of_a_future_that_nobody_waits_for)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 40);
    const double second = 0.005;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *f, *next;
    size_t done = 0, total;
    double until = left_clock() + 30;

    pools_need_processes();
    pool = pools_open(2);
    f = furrow_map_async(pool, &call);
    call.kernel = pools_count;
    next = furrow_map_async(pool, &call);
    while (done < 4 && left_clock() < until) /* both are at work */
        cr_assert(furrow_future_progress(f, &done, &total) >= 0);
    kill((pid_t)furrow_pool_worker_pid(pool, 0), SIGKILL);
    while (!furrow_future_ready(next) && left_clock() < until)
        left_sleep(0.002);
    cr_assert_eq(furrow_future_ready(f), 1, "nobody recovers it");
    cr_assert_eq(furrow_future_wait(f, 0), FURROW_EDIED);
    cr_assert_eq(furrow_error_ranges(NULL), 1);
    cr_assert_eq(furrow_future_wait(next, 0), 0);
    cr_assert(pools_others(a, 2, 0, 40) <= 1);
    furrow_future_free(f);
    furrow_future_free(next);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* ---- stopped ----------------------------------------------------------------------*/

Test(death, is_not_being_stopped)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 20);
    const double second = 0.01;
    furrow_call call = pools_slow_call(a, &second, 1);
    killer k = {.worker = 0, .signal = SIGSTOP, .after = 0.035, .then = 0.4};
    double begin;

    pools_need_processes();
    k.pool = pool = pools_open(2);
    begin = left_clock();
    pthread_create(&k.thread, NULL, kill_later, &k);
    cr_assert_eq(furrow_map(pool, &call), 0, "%s", error_text());
    cr_assert(left_clock() - begin > 0.43, "it was waited for: %g s",
              left_clock() - begin);
    pthread_join(k.thread, NULL);
    cr_assert_eq(pools_others(a, 1, 0, 20), 0);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

/* One that was stopped while idle has no part in the call: others do its share. */
Test(death, is_not_being_stopped_while_idle)
{
    furrow_pool *pool;
    long pid;
    double begin;

    pools_need_processes();
    pool = pools_open(2);
    pools_works(pool);
    left_sleep(0.05);
    pid = furrow_pool_worker_pid(pool, 1);
    kill((pid_t)pid, SIGSTOP);
    begin = left_clock();
    for (int i = 0; i < 10; i++)
        pools_works(pool);
    cr_assert(left_clock() - begin < 1, "nobody waits for it: %g s",
              left_clock() - begin);
    kill((pid_t)pid, SIGCONT);
    pools_works(pool);
    cr_assert_eq(furrow_pool_worker_pid(pool, 1), pid);
    pools_close(pool);
    pools_leave_nothing();
}

/* A stopped worker is no obstacle to terminate. */
Test(death, of_a_stopped_worker_by_terminate)
{
    furrow_pool *pool;

    pools_need_processes();
    pool = pools_open(2);
    kill((pid_t)furrow_pool_worker_pid(pool, 0), SIGSTOP);
    cr_assert_eq(furrow_pool_terminate(pool), 0);
    pools_leave_nothing();
}

/* ---- of the nursery ---------------------------------------------------------------*/

static pid_t nursery_of(furrow_pool *pool)
{
    left_process p;

    cr_assert_eq(left_stat((pid_t)furrow_pool_worker_pid(pool, 0), &p), 0);
    return (pid_t)p.parent;
}

/* Kills it, and waits until all have ended: whoever is not dead yet may do the next call. */
static void end_nursery(furrow_pool *pool)
{
    pid_t gone[3] = {nursery_of(pool), (pid_t)furrow_pool_worker_pid(pool, 0),
                     (pid_t)furrow_pool_worker_pid(pool, 1)};

    kill(gone[0], SIGKILL);
    for (int i = 0; i < 3; i++)
        for (double end = left_clock() + 10; left_is_there(gone[i]);)
            if (left_clock() > end)
                cr_assert_fail("process %d does not end", (int)gone[i]);
            else
                left_sleep(0.001);
}

static void fails_now(furrow_pool *pool)
{
    furrow_call call = {.kernel = pools_count, .out = {pools_array('i', 100)}};
    double begin = left_clock();
    int rc;

    furrow_error_clear();
    rc = furrow_map(pool, &call);
    cr_assert(rc == FURROW_EDIED || rc == FURROW_ECLOSED, "%d", rc);
    cr_assert(strstr(error_text(), "supervisor was killed"), "%s", error_text());
    cr_assert(left_clock() - begin < 10);
    furrow_array_free(call.out[0]);
}

static void nursery_dies(int (*close)(furrow_pool *pool))
{
    furrow_pool *pool = pools_open(2);

    pools_works(pool);
    end_nursery(pool);
    fails_now(pool);
    fails_now(pool);
    cr_assert_eq(close(pool), 0);
}

Test(death, of_the_nursery)
{
    pools_need_processes();
    nursery_dies(furrow_pool_close);
    nursery_dies(furrow_pool_terminate);
    pools_leave_nothing();
}

static void *kill_nursery_later(void *arg)
{
    left_sleep(0.05);
    kill(*(pid_t *)arg, SIGKILL);
    return NULL;
}

Test(death, of_the_nursery_in_a_call)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 100);
    const double second = 0.02;
    furrow_call call = pools_slow_call(a, &second, 1);
    pthread_t thread;
    double begin = left_clock();
    pid_t nursery;

    pools_need_processes();
    pool = pools_open(2);
    nursery = nursery_of(pool);
    pthread_create(&thread, NULL, kill_nursery_later, &nursery);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED);
    cr_assert(strstr(error_text(), "supervisor was killed"), "%s", error_text());
    cr_assert(left_clock() - begin < 10);
    pthread_join(thread, NULL);
    fails_now(pool);
    furrow_array_free(a);
    pools_close(pool);
    pools_leave_nothing();
}

Test(death, of_the_nursery_with_futures)
{
    furrow_pool *pool;
    furrow_array *a = pools_array('i', 100);
    const double second = 0.02;
    furrow_call call = pools_slow_call(a, &second, 1);
    furrow_future *running, *queued;

    pools_need_processes();
    pool = pools_open(2);
    running = furrow_map_async(pool, &call);
    queued = furrow_map_async(pool, &call);
    left_sleep(0.05);
    kill(nursery_of(pool), SIGKILL);
    cr_assert_eq(furrow_future_wait(running, furrow_in(5)), FURROW_ECLOSED);
    cr_assert_eq(furrow_future_wait(queued, furrow_in(5)), FURROW_ECLOSED);
    fails_now(pool);
    pools_close(pool);
    cr_assert_eq(furrow_future_wait(queued, furrow_in(5)), FURROW_ECLOSED);
    furrow_future_free(running);
    furrow_future_free(queued);
    furrow_array_free(a);
    pools_leave_nothing();
}

/* ---- of the program ---------------------------------------------------------------*/

typedef struct program {
    int calls, queues, named;
} program;

static int be_program(void *arg)
{
    const program *p = arg;
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 3});
    furrow_array *a = furrow_array_new(
        'i', 100, &(furrow_array_options){.name = p->named ? left_name("dies") : NULL});
    const double second = 30;
    furrow_call call = pools_slow_call(a, &second, 1);

    child_want(pool && a);
    if (p->queues)
        child_want(furrow_map_async(pool, &call) && furrow_map_async(pool, &call));
    if (p->calls)
        furrow_map(pool, &call);
    pause();
    return 0;
}

/* How long its family outlives it. */
static double program_dies(program p, double after, int signal)
{
    pid_t pid = child_start(be_program, &p);
    double begin;

    left_sleep(after);
    kill(pid, signal);
    begin = left_clock();
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + signal);
    cr_assert_eq(left_processes_within(&pools_before, 10), 0, "%g s in", after);
    return left_clock() - begin;
}

/* Gone in less than a second: the best of three, for the machine may be busy. */
static void program_and_family_die(program p, int signal)
{
    double best = 10;

    for (int i = 0; i < 3 && best >= 1; i++) {
        double took = program_dies(p, 0.05, signal);

        best = took < best ? took : best;
    }
    cr_assert(best < 1, "%g s", best);
}

Test(death, of_the_program)
{
    pools_need_processes();
    program_and_family_die((program){0}, SIGKILL);
    program_and_family_die((program){.calls = 1}, SIGKILL);
    program_and_family_die((program){.queues = 1}, SIGTERM);
    program_and_family_die((program){.calls = 1, .named = 1}, SIGKILL);
    for (int i = 0; i < 20; i++) /* in the middle of opening */
        program_dies((program){.calls = i % 2}, 0.0003 * i, SIGKILL);
    pools_leave_no_program();
}

/* ---- core dumps -------------------------------------------------------------------*/

/* The heap is not dumped: a worker is gone at once, whatever the heap holds. The best
 * of a few, for the machine may be busy. */
static int crash_with_core(void *folder)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    ending e = {.signal = SIGSEGV, .every = 1};
    furrow_array *large = furrow_array_new('i', 64 << 20, NULL);
    furrow_array *a = furrow_array_new('i', 20, NULL);
    furrow_call call = ending_call(&e, a);
    furrow_pool *pool;
    double best = 1e9;

    child_want(large && a && chdir(folder) == 0);
    setrlimit(RLIMIT_CORE, &all);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    child_want(pool && furrow_pool_populate(pool, large) == 0);
    for (int i = 0; i < 5; i++) {
        double begin = left_clock(), took;

        child_want(furrow_map(pool, &call) == FURROW_EDIED);
        took = left_clock() - begin;
        best = took < best ? took : best;
    }
    fprintf(stderr, "a crash under ulimit -c unlimited: %.1f ms\n", 1e3 * best);
    child_want(best < 0.1);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(death, under_unlimited_core_dumps)
{
    char folder[] = "/tmp/furrow-core-XXXXXX", command[64];

    pools_need_processes();
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(child_run(crash_with_core, folder), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
    pools_leave_no_program();
}

/* The file of a named array loses its second half between two calls. Who touches what is
 * gone dies of it, is told and is replaced; the caller touches nothing. */
Test(death, of_a_file_that_is_cut_short)
{
    enum { LEN = 20480, PAGE = 4096 / sizeof(int), KEPT = 10 };
    const char *name = left_name("cut");
    furrow_array_options named = {.name = name};
    furrow_array *a = furrow_array_new('i', LEN, &named);
    const furrow_torn *torn;
    furrow_call call = {.kernel = pools_count, .out = {a}, .chunk = PAGE};
    furrow_pool *pool;
    char path[128];

    pools_need_processes();
    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    pool = pools_open(2);
    cr_assert_eq(furrow_map(pool, &call), 0);
    snprintf(path, sizeof path, "/dev/shm%s", name);
    cr_assert_eq(truncate(path, 4096 + KEPT * 4096), 0);
    cr_assert_eq(furrow_map(pool, &call), FURROW_EDIED, "%s",
                 furrow_last_error()->text);
    cr_assert_eq(furrow_error_ranges(&torn), LEN / PAGE - KEPT);
    for (size_t i = 0; i < LEN / PAGE - KEPT; i++) {
        cr_assert_eq(torn[i].begin, (KEPT + i) * PAGE);
        cr_assert_eq(torn[i].signal, SIGBUS);
    }
    cr_assert_eq(pools_others(a, 2, 0, KEPT * PAGE), 0);
    pools_works(pool);
    pools_close(pool);
    cr_assert_eq(furrow_array_free(a), 0);
}
