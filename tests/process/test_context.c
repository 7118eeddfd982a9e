/* SPDX-License-Identifier: MIT
 *
 * Which start method is meant, and the server of forkserver.
 */
#include "line.h"
#include "procs.h"

#include <sys/ioctl.h>

/* These tests choose methods themselves. */
static void no_environment(void)
{
    unsetenv("FURROW_START");
    unsetenv("BXFI_MAP");
}

static int tells_method(void *arg, size_t size)
{
    (void)size;
    note_of(arg)->word[0] = (uint32_t)furrow_context_get(0);
    return 0;
}

static furrow_start method_here(void)
{
    const char *name = getenv("FURROW_START");

    for (int m = FURROW_START_FORK; name && m <= FURROW_START_FORKSERVER; m++)
        if (strcmp(furrow_start_name((furrow_start)m), name) == 0)
            return (furrow_start)m;
    return FURROW_START_FORK;
}

/* CPython: TestStartMethod.test_set_get */
Test(context, what_is_set_is_what_is_meant_and_children_have_it)
{
    furrow_start here = method_here();
    note *n = note_new();

    no_environment();
    cr_assert_eq(furrow_context_get(1), FURROW_START_DEFAULT);
    cr_assert_eq(furrow_context_set(here, 0), 0);
    cr_assert_eq(furrow_context_get(1), here);
    cr_assert_eq(proc_end(proc_started(tells_method, n)), 0);
    cr_assert_eq(n->word[0], here);
}

/* CPython: TestStartMethod.test_context */
Test(context, a_process_may_have_a_method_of_its_own)
{
    furrow_process_options o = {.start = method_here()};
    note *n = note_new();
    furrow_process *p;

    no_environment();
    setenv("FURROW_START", "fork", 1);
    p = furrow_process_new(tells_method, &n, sizeof n, &o);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(furrow_process_pid(p) == getpid(), o.start == FURROW_START_THREAD);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: TestStartMethod.test_set_get (fork) */
Test(context, is_set_once_but_by_force)
{
    no_environment();
    cr_assert_eq(furrow_context_set(FURROW_START_SPAWN, 0), 0);
    cr_assert_eq(furrow_context_set(FURROW_START_FORK, 0), FURROW_EBUSY);
    cr_assert_eq(furrow_context_set(FURROW_START_FORK, 1), 0);
    cr_assert_eq(furrow_context_get(0), FURROW_START_FORK);
    cr_assert_eq(furrow_context_set(FURROW_START_DEFAULT, 1), 0);
    cr_assert_eq(furrow_context_get(1), FURROW_START_DEFAULT);
    cr_assert_eq(furrow_context_set((furrow_start)9, 1), FURROW_EINVAL);
    cr_assert_eq(furrow_context_set(FURROW_START_DEFAULT, 0), FURROW_EINVAL);
}

/* CPython: TestStartMethod.test_get_all (fork) */
Test(context, methods_have_names)
{
    cr_assert_str_eq(furrow_start_name(FURROW_START_FORK), "fork");
    cr_assert_str_eq(furrow_start_name(FURROW_START_THREAD), "thread");
    cr_assert_str_eq(furrow_start_name(FURROW_START_SPAWN), "spawn");
    cr_assert_str_eq(furrow_start_name(FURROW_START_FORKSERVER), "forkserver");
    cr_assert_null(furrow_start_name(FURROW_START_DEFAULT));
    cr_assert_null(furrow_start_name((furrow_start)9));
}

Test(context, the_environment_overrides_and_is_checked)
{
    note *n = note_new();
    furrow_process *p = proc_new(proc_nothing, n);

    setenv("FURROW_START", "sporn", 1);
    cr_assert_eq(furrow_process_start(p), FURROW_EINVAL);
    cr_assert_not_null(strstr(furrow_last_error()->text, "sporn"));
    setenv("FURROW_START", "thread", 1);
    cr_assert_eq(furrow_process_start(p), 0, "it may be tried again");
    cr_assert_eq(furrow_process_pid(p), getpid());
    cr_assert_eq(proc_end(p), 0);
}

static void *rests(void *arg)
{
    while (!fw_load_seqcst(&((note *)arg)->word[1]))
        left_sleep(0.001);
    return NULL;
}

/* Criterion's own thread is one. */
Test(context, with_threads_the_default_is_the_server)
{
    note *n = note_new();
    pthread_t t;

    no_environment();
    cr_assert_eq(pthread_create(&t, NULL, rests, n), 0);
    cr_assert_eq(furrow_context_get(0), FURROW_START_FORKSERVER);
    fw_store_seqcst(&n->word[1], 1);
    pthread_join(t, NULL);
}

/* ---- the server -----------------------------------------------------------------------*/

static pid_t server_pid(void)
{
    pid_t pid[LEFT_PIDS];
    int n = left_processes(pid);
    left_process p;

    for (int i = 0; i < n; i++)
        if (left_stat(pid[i], &p) == 0 && strcmp(p.name, "furrow-server") == 0)
            return pid[i];
    return 0;
}

static void server_gets(int signal)
{
    note *n = note_new(), *later = note_new();
    furrow_process *p = proc_started(proc_waits, n);
    pid_t server = server_pid();
    int code;

    cr_assert_gt(server, 0);
    cr_assert_eq(kill(server, signal), 0);
    left_sleep(0.02);
    cr_assert_eq(proc_run_here(proc_nothing, later), 0, "the next start works");
    fw_store_seqcst(&n->word[1], 1);
    cr_assert_eq(furrow_process_join(p, furrow_in(20)), 0);
    cr_assert_eq(furrow_process_exit_code(p, &code), 0);
    cr_assert(signal == SIGINT ? code == 0
                               : code == -SIGKILL || code == FURROW_EXIT_UNKNOWN,
              "%d", code);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: _TestProcess.test_forkserver_sigint (forkserver) */
Test(context, the_server_is_interrupted)
{
    if (peer_start_is("forkserver"))
        server_gets(SIGINT);
}

/* CPython: _TestProcess.test_forkserver_sigkill (forkserver) */
Test(context, the_server_is_killed)
{
    if (peer_start_is("forkserver"))
        server_gets(SIGKILL);
}

static int files_of(pid_t pid)
{
    char path[64];
    int n = 0;
    DIR *d;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Every socket that came with the server. */
static int ask_as_a_stranger(void *arg)
{
    const left_mark *before = arg;
    char now[LEFT_FDS];
    int asked = 0;

    (void)left_files(now);
    for (int fd = 0; fd < LEFT_FDS; fd++) {
        int end[2], rc;
        fw_word word;

        if (!now[fd] || before->fd[fd] || fw_os_line(end) < 0)
            continue;
        rc = fw_line_say(fd, FW_LINE_REQUEST, 0, end[1]);
        close(end[1]);
        if (rc == 0) {
            child_want(fw_line_hear(end[0], &word, NULL, furrow_in(20)) == 0);
            child_want(word.kind == FW_LINE_FAILED && word.value == FURROW_EAUTH);
            asked++;
        }
        close(end[0]);
    }
    child_want(asked == 1);
    return 0;
}

/* CPython: _TestProcess.test_forkserver_auth_is_enabled (forkserver) */
/* CPython: _TestProcess.test_forkserver_without_auth_fails (forkserver) */
Test(context, the_server_obeys_its_program_alone)
{
    furrow_process_options o = {.start = FURROW_START_FORKSERVER};
    furrow_process *p = furrow_process_new(proc_nothing, NULL, 0, &o);
    left_mark before = {.pids = 0};

    no_environment();
    (void)left_files(before.fd);
    cr_assert_eq(fw_server_ready(), 0);
    cr_assert_eq(child_run(ask_as_a_stranger, &before), 0);
    cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(proc_end(p), 0);
}

/* Until the server has taken it. */
static int tell_with_file(int line, const void *bytes, size_t size)
{
    int waits = 1;

    if (fw_os_line_send(line, bytes, size, STDERR_FILENO) < 0)
        return -1;
    for (int i = 0; i < 5000 && waits; i++) {
        left_sleep(0.001);
        if (ioctl(line, TIOCOUTQ, &waits) != 0)
            return -1;
    }
    return waits ? -1 : 0;
}

/* Half a word, and words that are no requests, each with a file. */
static int say_nonsense(void *arg)
{
    const left_mark *before = arg;
    char now[LEFT_FDS];
    int told = 0;
    fw_word word = {.kind = FW_LINE_REQUEST};

    (void)left_files(now);
    for (int fd = 0; fd < LEFT_FDS; fd++) {
        if (!now[fd] || before->fd[fd])
            continue;
        word.kind = FW_LINE_REQUEST;
        if (tell_with_file(fd, &word, sizeof word / 2) < 0)
            continue; /* it is no socket */
        word.kind = FW_LINE_STATUS;
        for (int i = 0; i < 20; i++) {
            child_want(tell_with_file(fd, &word, sizeof word / 2) == 0);
            child_want(tell_with_file(fd, &word, sizeof word) == 0);
        }
        told++;
    }
    child_want(told == 1);
    return 0;
}

Test(context, the_server_keeps_no_files_of_strangers)
{
    furrow_process_options o = {.start = FURROW_START_FORKSERVER};
    furrow_process *p = furrow_process_new(proc_nothing, NULL, 0, &o);
    left_mark before = {.pids = 0};
    int files;

    no_environment();
    (void)left_files(before.fd);
    cr_assert_eq(fw_server_ready(), 0);
    files = files_of(server_pid());
    cr_assert_gt(files, 2);
    cr_assert_eq(child_run(say_nonsense, &before), 0);
    for (int i = 0; i < 5000 && files_of(server_pid()) != files; i++)
        left_sleep(0.001); /* it has taken the last word, and may not be done with it */
    cr_assert_eq(files_of(server_pid()), files);
    cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(proc_end(p), 0);
}

static int preloaded;

static void preload(void)
{
    preloaded = 17;
}

static int tells_preloaded(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return preloaded;
}

/* CPython: TestStartMethod.test_preload_resources (forkserver) */
Test(context, what_the_server_has_prepared_its_children_have)
{
    note *n = note_new();

    if (!peer_start_is("forkserver"))
        return;
    cr_assert_eq(furrow_process_preload(preload), 0);
    cr_assert_eq(proc_end(proc_started(tells_preloaded, n)), 17);
    cr_assert_eq(proc_end(proc_started(tells_preloaded, n)), 17);
    cr_assert_eq(preloaded, 0);
    cr_assert_eq(furrow_process_preload(preload), FURROW_EBUSY);
}

/* ---- programs that cannot be run anew -------------------------------------------------*/

/* CPython: _TestProcess.test_set_executable (spawn forkserver) */
Test(context, another_program_may_be_run_in_its_place)
{
    if (!peer_anew())
        return;

    note *n = note_new();
    furrow_process *p = proc_new(proc_nothing, n);

    cr_assert_eq(furrow_process_helper("/nowhere/furrow-worker"), 0);
    cr_assert_lt(furrow_process_start(p), 0);
    cr_assert_not_null(strstr(furrow_last_error()->text, "/nowhere/furrow-worker"));
    cr_assert_eq(furrow_process_helper(NULL), 0);
    cr_assert_eq(furrow_process_start(p), 0);
    cr_assert_eq(proc_end(p), 0);
}

/* CPython: TestNoForkBomb.test_noforkbomb (spawn forkserver) */
Test(context, a_program_that_does_not_call_furrow_init_runs_once)
{
    if (!peer_anew())
        return;

    furrow_process *p = proc_new(proc_nothing, note_new());

    cr_assert_eq(furrow_process_helper("/bin/true"), 0);
    cr_assert_eq(furrow_process_start(p), FURROW_EDIED);
    cr_assert_not_null(strstr(furrow_last_error()->text, "furrow_init"));
    cr_assert_eq(furrow_process_free(p), 0);
}

/* CPython: TestNoForkBomb.test_noforkbomb */
Test(context, nor_does_one_that_was_run_start_others)
{
    furrow_process *p = proc_new(proc_nothing, note_new());

    setenv("FURROW_BOOT", "c 1 2 0x1 1 1 1", 1);
    cr_assert_eq(furrow_process_start(p), FURROW_EINVAL);
    cr_assert_not_null(strstr(furrow_last_error()->text, "furrow_init"));
    unsetenv("FURROW_BOOT");
    cr_assert_eq(furrow_process_free(p), 0);
}

/* ---- pools ----------------------------------------------------------------------------*/

static int pool_is(const char *method)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    char text[4096] = "";
    FILE *f = fmemopen(text, sizeof text, "w");

    cr_assert_not_null(pool, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_pool_describe(pool, f), 0);
    fclose(f);
    cr_assert_eq(furrow_pool_close(pool), 0);
    return strncmp(text + strlen("start method: "), method, strlen(method)) == 0;
}

Test(context, pools_have_the_method_that_was_set)
{
    furrow_start here = method_here();

    no_environment();
    cr_assert_eq(furrow_context_set(here, 0), 0);
    cr_assert(pool_is(furrow_start_name(here)));
    setenv("FURROW_START", "thread", 1);
    cr_assert(pool_is("thread"));
}

static void *waits(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

/* Somebody else may have a lock: then nothing is copied. */
Test(context, pools_of_a_program_with_threads_are_forked_by_the_server)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t t;

    no_environment();
    pthread_mutex_lock(&lock);
    cr_assert_eq(pthread_create(&t, NULL, waits, &lock), 0);
    cr_assert(pool_is("forkserver"));
    pthread_mutex_unlock(&lock);
    pthread_join(t, NULL);
}

Test(context, nor_does_a_program_that_was_run_open_pools)
{
    setenv("FURROW_BOOT", "n 1 2 0x1 1 1 1", 1);
    cr_assert_null(furrow_pool_open(NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_not_null(strstr(furrow_last_error()->text, "furrow_init"));
    unsetenv("FURROW_BOOT");
}
