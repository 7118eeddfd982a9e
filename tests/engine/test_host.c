/* SPDX-License-Identifier: MIT
 *
 * Host programs: what they do to signals, children, files, limits and threads does not
 * disturb a pool, and a pool does not disturb them. Each is a program of its own.
 */
#include "engine/pools.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

static void set_up(void)
{
    pools_before = left_now();
}

TestSuite(host, .init = set_up);

static const char *error_text(void)
{
    return furrow_last_error()->text;
}

/* A sanitizer's shadow takes terabytes of address space, and its look for leaks at
 * exit() does not know that a forked child has no threads. */
static int sanitized(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages > (1ul << 40) / 4096;
}

static void host(int (*program)(void *arg), void *arg)
{
    cr_assert_eq(child_run(program, arg), 0);
    pools_leave_no_program();
}

/* Calls and futures, each element once: 0, or 1 and a line on stderr. */
static int use(furrow_pool *pool, int rounds)
{
    furrow_array *a = furrow_array_new('i', 20011, NULL);
    furrow_call call = {.kernel = pools_count, .types = ">i", .out = {a}};

    child_want(pool && a);
    for (int i = 1; i <= rounds; i++) {
        furrow_future *f;

        child_want(furrow_map(pool, &call) == 0);
        f = furrow_map_async(pool, &call);
        child_want(furrow_future_wait(f, furrow_in(10)) == 0);
        furrow_future_free(f);
        child_want(pools_others(a, 2 * i, 0, a->len) == 0);
    }
    furrow_array_free(a);
    return 0;
}

static int open_use_close(int workers, int rounds)
{
    left_mark before = left_now();
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = workers});

    if (!pool)
        fprintf(stderr, "%s\n", error_text());
    child_want(pool);
    child_want(use(pool, rounds) == 0);
    child_want(furrow_pool_close(pool) == 0);
    child_want(left_since(&before, 0) == 0);
    return 0;
}

/* Kill one worker from outside, and see the pool recover. */
static int lose_a_worker(furrow_pool *pool)
{
    long pid = furrow_pool_worker_pid(pool, 0);

    if (pid > 0) {
        kill((pid_t)pid, SIGKILL);
        child_want(use(pool, 3) == 0);
    }
    return 0;
}

/* ---- children ---------------------------------------------------------------------*/

static int ignores_children(void *unused)
{
    furrow_pool *pool;

    (void)unused;
    signal(SIGCHLD, SIG_IGN);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(use(pool, 10) == 0);
    child_want(lose_a_worker(pool) == 0);
    child_want(furrow_pool_close(pool) == 0);
    return open_use_close(3, 2);
}

Test(host, with_sigchld_ignored)
{
    host(ignores_children, NULL);
}

static _Atomic int stop, met;

static void *wait_for_any(void *unused)
{
    (void)unused;
    while (!stop)
        if (waitpid(-1, NULL, 0) > 0)
            met++;
        else
            left_sleep(0.0002);
    return NULL;
}

/* Its wait(-1) never meets a process of the pool, but those that open it and are gone.
 */
static int waits_for_any(void *unused)
{
    furrow_pool *pool;
    pthread_t thread;
    int after_open;

    (void)unused;
    pthread_create(&thread, NULL, wait_for_any, NULL);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    left_sleep(0.02);
    after_open = met;
    child_want(use(pool, 10) == 0);
    child_want(lose_a_worker(pool) == 0);
    child_want(furrow_pool_close(pool) == 0);
    left_sleep(0.02);
    child_want(met == after_open);
    stop = 1;
    pthread_join(thread, NULL);
    return 0;
}

Test(host, with_wait_for_any_child)
{
    host(waits_for_any, NULL);
}

static _Atomic int sigchlds;

static void count_sigchld(int signal)
{
    (void)signal;
    sigchlds++;
}

/* No SIGCHLD reaches the program once the pool is open. */
static int counts_sigchld(void *unused)
{
    furrow_pool *pool;
    int after_open;

    (void)unused;
    signal(SIGCHLD, count_sigchld);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    after_open = sigchlds;
    child_want(use(pool, 3) == 0);
    child_want(lose_a_worker(pool) == 0);
    child_want(furrow_pool_close(pool) == 0);
    child_want(sigchlds == after_open);
    return 0;
}

Test(host, sees_no_sigchld)
{
    host(counts_sigchld, NULL);
}

/* fork() in the program: the child goes on with its own life and ends by exit(). */
static int forks(void *unused)
{
    void (*end)(int) = sanitized() ? _exit : exit; /* before the heap is there */
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    int status;

    (void)unused;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();

        if (pid == 0)
            end(i);
        child_want(use(pool, 1) == 0);
        child_want(waitpid(pid, &status, 0) == pid);
        child_want(WIFEXITED(status) && WEXITSTATUS(status) == i);
    }
    child_want(use(pool, 3) == 0);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(host, that_forks)
{
    host(forks, NULL);
}

/* A forked child that outlives the program does not keep the pool alive. */
static int leaves_a_child(void *arg)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    int *ends = arg;
    char byte;

    child_want(use(pool, 1) == 0);
    if (fork() == 0) {
        close(ends[1]);
        _exit((int)read(ends[0], &byte, 1));
    }
    close(ends[1]);
    return 0;
}

Test(host, that_leaves_a_child)
{
    int ends[2], n;
    double until;

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(child_run(leaves_a_child, ends), 0);
    until = left_clock() + 10;
    do {
        n = left_new_processes(&pools_before, 0);
    } while (n > 1 && left_clock() < until);
    cr_assert_eq(n, 1, "the child alone is left");
    close(ends[0]);
    close(ends[1]);
    pools_leave_no_program();
}

/* ---- threads and signals ----------------------------------------------------------*/

static void *be_busy(void *unused)
{
    (void)unused;
    while (!stop)
        ;
    return NULL;
}

static int has_busy_threads(void *unused)
{
    pthread_t threads[8];
    int rc;

    (void)unused;
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, be_busy, NULL);
    rc = open_use_close(2, 5);
    stop = 1;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return rc;
}

Test(host, with_eight_busy_threads)
{
    host(has_busy_threads, NULL);
}

static _Atomic int alarms;

static void count_alarm(int signal)
{
    (void)signal;
    alarms++;
}

/* A signal every millisecond interrupts every wait. */
static int is_interrupted(void *unused)
{
    struct sigaction action = {.sa_handler = count_alarm};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    const double second = 0.02;
    furrow_pool *pool;
    furrow_array *a = furrow_array_new('i', 10, NULL);
    furrow_call slow = pools_slow_call(a, &second, 1);

    (void)unused;
    sigaction(SIGALRM, &action, NULL); /* without SA_RESTART */
    setitimer(ITIMER_REAL, &often, NULL);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(furrow_map(pool, &slow) == 0);
    child_want(use(pool, 50) == 0);
    child_want(furrow_pool_close(pool) == 0);
    child_want(open_use_close(16, 1) == 0);
    setitimer(ITIMER_REAL, &never, NULL);
    child_want(alarms > 50);
    child_want(pools_others(a, 1, 0, 10) == 0);
    return 0;
}

Test(host, that_is_interrupted)
{
    host(is_interrupted, NULL);
}

static int blocks_signals(void *unused)
{
    sigset_t all, now;

    (void)unused;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    child_want(open_use_close(2, 3) == 0);
    sigprocmask(SIG_SETMASK, NULL, &now);
    child_want(sigismember(&now, SIGCHLD) && sigismember(&now, SIGUSR1));
    return 0;
}

Test(host, with_all_signals_blocked)
{
    host(blocks_signals, NULL);
}

static _Atomic int interrupts;

static void count_interrupt(int signal)
{
    (void)signal;
    interrupts++;
}

/* Ctrl-C reaches the whole group: the program decides what it means. */
static int handles_interrupt(void *unused)
{
    furrow_pool *pool;
    furrow_pool_stats stats;

    (void)unused;
    setpgid(0, 0);
    signal(SIGINT, count_interrupt);
    signal(SIGQUIT, count_interrupt);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(use(pool, 1) == 0);
    for (int i = 0; i < 5; i++) {
        kill(0, i % 2 ? SIGQUIT : SIGINT);
        left_sleep(0.005);
        child_want(use(pool, 1) == 0);
    }
    child_want(interrupts == 5);
    child_want(furrow_pool_stat(pool, &stats) == 0 && stats.deaths == 0);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(host, that_handles_ctrl_c)
{
    host(handles_interrupt, NULL);
}

static int is_interrupted_for_good(void *unused)
{
    furrow_pool *pool;

    (void)unused;
    setpgid(0, 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(use(pool, 1) == 0);
    kill(0, SIGINT);
    pause();
    return 0;
}

Test(host, that_ends_by_ctrl_c)
{
    cr_assert_eq(child_run(is_interrupted_for_good, NULL), CHILD_SIGNAL + SIGINT);
    pools_leave_no_program();
}

/* A batch system tells all processes that time is up: the program finishes its call, and
 * one more. */
static _Atomic int told;

static void count_told(int signal)
{
    (void)signal;
    told++;
}

static void *tell_the_group(void *unused)
{
    const int signals[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM};

    for (int i = 0; i < 5; i++) {
        left_sleep(0.02);
        kill(0, signals[i]);
    }
    return unused;
}

static int is_told_to_end(void *unused)
{
    const double second = 0.02;
    furrow_array *a = furrow_array_new('i', 20, NULL);
    furrow_call slow = pools_slow_call(a, &second, 1);
    furrow_pool_stats stats;
    furrow_pool *pool;
    pthread_t thread;

    setpgid(0, 0);
    signal(SIGTERM, count_told);
    signal(SIGHUP, count_told);
    signal(SIGUSR1, count_told);
    signal(SIGUSR2, count_told);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(pool && a && !pthread_create(&thread, NULL, tell_the_group, unused));
    child_want(furrow_map(pool, &slow) == 0);
    pthread_join(thread, NULL);
    child_want(told == 5 && pools_others(a, 1, 0, 20) == 0);
    child_want(use(pool, 2) == 0);
    child_want(furrow_pool_stat(pool, &stats) == 0 && stats.deaths == 0);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(host, that_is_told_to_end)
{
    host(is_told_to_end, NULL);
}

/* One that does not care ends, and nothing of it stays. */
static int is_in_a_group(void *ready)
{
    furrow_pool *pool;

    setpgid(0, 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(use(pool, 1) == 0);
    child_want(write(*(const int *)ready, "x", 1) == 1);
    for (;;)
        pause();
}

static pid_t program_in_a_group(void)
{
    int ends[2];
    pid_t pid;
    char byte;

    cr_assert_eq(pipe(ends), 0);
    pid = child_start(is_in_a_group, &ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

Test(host, that_ends_with_its_group)
{
    const int signals[] = {SIGTERM, SIGHUP, SIGUSR1, SIGKILL};

    for (int i = 0; i < 4; i++) {
        pid_t pid = program_in_a_group();

        kill(-pid, signals[i]);
        cr_assert_eq(child_wait(pid), CHILD_SIGNAL + signals[i]);
        pools_leave_no_program();
    }
}

/* Ctrl-Z, and then the program alone is killed: the kernel lets the rest of the group go
 * on. */
Test(host, that_ends_while_stopped)
{
    pid_t pid = program_in_a_group();

    kill(-pid, SIGSTOP);
    left_sleep(0.02);
    kill(pid, SIGKILL);
    cr_assert_eq(child_wait(pid), CHILD_SIGNAL + SIGKILL);
    pools_leave_no_program();
}

/* Its handlers run in itself and nowhere else, also while a pool is being opened. */
static struct {
    _Atomic int mine, strange;
    pid_t program;
} * handled;

static void note_where(int signal)
{
    (void)signal;
    if (getpid() == handled->program)
        handled->mine++;
    else
        handled->strange++;
}

static int hammers(void *unused)
{
    (void)unused;
    signal(SIGUSR2, SIG_IGN);
    while (kill(0, SIGUSR2) == 0)
        ;
    return 1;
}

static int opens_under_signals(void *unused)
{
    struct sigaction action = {.sa_handler = note_where, .sa_flags = SA_RESTART};
    pid_t hammer;

    (void)unused;
    setpgid(0, 0);
    handled =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child_want(handled != MAP_FAILED);
    handled->program = getpid();
    sigaction(SIGUSR2, &action, NULL);
    hammer = child_start(hammers, NULL);
    for (int i = 0; i < 20; i++) {
        furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});

        child_want(pool && use(pool, 1) == 0 && furrow_pool_close(pool) == 0);
    }
    kill(hammer, SIGKILL);
    child_want(child_wait(hammer) == CHILD_SIGNAL + SIGKILL);
    child_want(handled->mine > 0 && handled->strange == 0);
    return 0;
}

Test(host, whose_handlers_stay_at_home)
{
    host(opens_under_signals, NULL);
}

/* Ctrl-Z stops the whole group in the middle of a call, fg lets all go on. */
static int is_stopped(void *arg)
{
    const double second = 0.02;
    furrow_pool *pool;
    furrow_array *a = furrow_array_new('i', 20, NULL);
    furrow_call slow = pools_slow_call(a, &second, 1);

    setpgid(0, 0);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(pool && a && write(*(const int *)arg, "x", 1) == 1);
    child_want(furrow_map(pool, &slow) == 0);
    child_want(pools_others(a, 1, 0, 20) == 0);
    child_want(use(pool, 3) == 0);
    child_want(furrow_pool_close(pool) == 0);
    return 0;
}

Test(host, that_is_stopped_and_continued)
{
    int ends[2];
    pid_t pid;
    char byte;

    cr_assert_eq(pipe(ends), 0);
    pid = child_start(is_stopped, &ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    left_sleep(0.03);
    kill(-pid, SIGSTOP);
    left_sleep(0.2);
    kill(-pid, SIGCONT);
    cr_assert_eq(child_wait(pid), 0);
    close(ends[0]);
    close(ends[1]);
    pools_leave_no_program();
}

/* ---- files ------------------------------------------------------------------------*/

static int has_no_stdio(void *arg)
{
    int rc;

    (void)arg;
    close(0);
    close(1);
    close(2);
    rc = open_use_close(2, 3);
    if (rc)
        return rc;
    for (int fd = 0; fd < 3; fd++) /* still closed: nothing of ours sits there */
        if (fcntl(fd, F_GETFD) != -1)
            return 2;
    return 0;
}

/* CPython: TestStdinBadfiledescriptor.test_pool_in_process */
Test(host, with_closed_stdio)
{
    host(has_no_stdio, NULL);
}

/* All files but stdio, those of the pool too; others take their places. */
static int closes_all_files(void *unused)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    int ends[2];

    (void)unused;
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    child_want(use(pool, 3) == 0);
    child_want(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    for (int fd = 32; fd < 200; fd++)
        child_want(dup2(ends[0], fd) == fd);
    child_want(use(pool, 3) == 0);
    child_want(lose_a_worker(pool) == 0);
    child_want(furrow_pool_close(pool) == 0);
    for (int fd = 32; fd < 200; fd++)
        child_want(fcntl(fd, F_GETFD) != -1);
    return 0;
}

Test(host, that_closes_all_files)
{
    host(closes_all_files, NULL);
}

static int has_few_files(void *unused)
{
    struct rlimit few = {32, 32};

    (void)unused;
    setrlimit(RLIMIT_NOFILE, &few);
    return open_use_close(2, 3);
}

Test(host, with_few_files)
{
    host(has_few_files, NULL);
}

/* ---- memory -----------------------------------------------------------------------*/

static int has_little_address_space(void *arg)
{
    struct rlimit limit = {*(const size_t *)arg, *(const size_t *)arg};
    furrow_heap_info info;
    furrow_pool *pool;
    char text[4096] = "";
    FILE *f;

    setrlimit(RLIMIT_AS, &limit);
    child_want(furrow_heap_describe(&info) == 0);
    child_want(info.size < info.wanted && info.size <= limit.rlim_cur / 2);
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(use(pool, 3) == 0);
    f = fmemopen(text, sizeof text, "w");
    child_want(f && furrow_pool_describe(pool, f) == 0);
    fclose(f);
    child_want(strstr(text, "a limit is in the way"));
    child_want(furrow_pool_close(pool) == 0);
    child_want(furrow_array_new('d', (size_t)1 << 30, NULL) == NULL);
    child_want(furrow_last_error()->code == FURROW_ENOMEM);
    return 0;
}

Test(host, with_little_address_space)
{
    size_t limits[] = {(size_t)2 << 30, (size_t)8 << 30};

    if (sanitized())
        cr_skip_test("the sanitizer needs the address space");
    if (fw_segment_peek())
        cr_skip_test("the server of start method forkserver has a heap already");
    for (int i = 0; i < 2; i++)
        host(has_little_address_space, &limits[i]);
}

static int has_no_address_space(void *unused)
{
    struct rlimit limit = {(size_t)200 << 20, (size_t)200 << 20};

    (void)unused;
    setrlimit(RLIMIT_AS, &limit);
    child_want(furrow_pool_open(NULL) == NULL);
    child_want(furrow_last_error()->code == FURROW_EOS ||
               furrow_last_error()->code == FURROW_ENOMEM);
    child_want(strstr(error_text(), "heap"));
    child_want(furrow_array_new('d', 10, NULL) == NULL);
    return 0;
}

Test(host, with_no_address_space)
{
    if (sanitized())
        cr_skip_test("the sanitizer needs the address space");
    if (fw_segment_peek())
        cr_skip_test("the server of start method forkserver has a heap already");
    host(has_no_address_space, NULL);
}

/* ---- its end ----------------------------------------------------------------------*/

static void handler_of_the_program(void)
{
    fputs("atexit.", stdout);
}

static int exit_in_some(furrow_chunk c)
{
    if (c.index == 1) {
        printf("kernel.");
        exit(3);
    }
    return 0;
}

/* What the program has in its buffer is printed once, its handlers run once: by itself.
 */
static int exits_in_kernels(void *path)
{
    furrow_call call = {.kernel = exit_in_some, .len = 4, .chunk = 1};
    furrow_pool *pool;

    child_want(freopen(path, "w", stdout));
    atexit(handler_of_the_program);
    printf("mine.");
    pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    child_want(pool);
    for (int i = 0; i < 3; i++)
        child_want(furrow_map(pool, &call) == FURROW_EDIED);
    child_want(furrow_pool_close(pool) == 0);
    exit(0);
}

static size_t occurrences(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

Test(host, whose_kernels_exit)
{
    char path[64], text[256] = "";
    FILE *f;

    pools_need_processes();
    snprintf(path, sizeof path, "/tmp/furrow-%d-exit", (int)getpid());
    host(exits_in_kernels, path);
    f = fopen(path, "r");
    cr_assert(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    unlink(path);
    cr_assert_eq(occurrences(text, "mine."), 1, "%s", text);
    cr_assert_eq(occurrences(text, "atexit."), 1, "%s", text);
    cr_assert_eq(occurrences(text, "kernel."), 3, "%s", text);
}

/* It returns from main() without closing anything. */
static int forgets_to_close(void *arg)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    const double second = 0.3;
    furrow_array *a = furrow_array_new('i', 4, NULL);
    furrow_call call = pools_slow_call(a, &second, 1);

    child_want(use(pool, 2) == 0);
    if (*(const int *)arg)
        child_want(furrow_map_async(pool, &call));
    exit(0);
}

/* CPython: _TestPoolWorkerLifetime.test_worker_finalization_via_atexit_handler_of_multiprocessing */
Test(host, that_forgets_to_close)
{
    for (int queued = 0; queued < 2; queued++)
        host(forgets_to_close, &queued);
}

/* Opened in a thread, used in another, closed in a third. */
static void *open_it(void *pool)
{
    *(furrow_pool **)pool = furrow_pool_open(&(furrow_pool_options){.workers = 2});
    return NULL;
}

static void *use_it(void *pool)
{
    return use(*(furrow_pool **)pool, 5) ? pool : NULL;
}

static void *close_it(void *pool)
{
    return furrow_pool_close(*(furrow_pool **)pool) ? pool : NULL;
}

static int spreads_over_threads(void *unused)
{
    static void *(*const part[])(void *) = {open_it, use_it, use_it, close_it};
    left_mark before = left_now();
    furrow_pool *pool = NULL;
    pthread_t thread;
    void *rc;

    (void)unused;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread, NULL, part[i], &pool);
        pthread_join(thread, &rc);
        child_want(rc == NULL);
        left_sleep(0.01);
    }
    child_want(left_since(&before, 0) == 0);
    return 0;
}

Test(host, that_spreads_over_threads)
{
    host(spreads_over_threads, NULL);
}
