/* SPDX-License-Identifier: MIT
 *
 * launch.c - a contender in a fresh process: this program again, with the environment
 * of its setting, pinned as all others, its stdout a pipe. Whatever happens to the
 * child, the driver gets a result: a crash, a silence or a limit of time is a failed
 * one.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 120, MAX_SAMPLES = 1 << 20 };

/* ---- in the child -----------------------------------------------------------------*/

/* What a user's shell says to OpenMP, OpenBLAS or furrow is not what is measured here.
 */
static void forget(void)
{
    static const char *const prefixes[] = {
        "OMP_",        "GOMP_",        "KMP_",       "OPENBLAS_",    "FURROW_WORKERS",
        "FURROW_CPUS", "FURROW_START", "FURROW_PIN", "FURROW_TRACE", "FURROW_PROGRESS"};
    extern char **environ;
    char name[64];
    for (char **e = environ; *e;) {
        const size_t len = strcspn(*e, "=");
        int mine = 0;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
            mine |= strncmp(*e, prefixes[i], strlen(prefixes[i])) == 0;
        if (!mine || len >= sizeof name) {
            e++;
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)len, *e);
        unsetenv(name); /* moves the rest up: look at the same place again */
    }
}

/* OMP_PROC_BIND makes libgomp bind the main thread while it is loaded, so only its own
 * contenders get it. */
static void set_environment(const bench_contender *c, const bench_config *config)
{
    char places[BENCH_MAX_WORKERS * 8], count[16];
    snprintf(count, sizeof count, "%d", config->workers);
    forget();
    if (c->peer == &bench_peer_openblas)
        setenv("OPENBLAS_NUM_THREADS", count, 1);
    if (c->peer != &bench_peer_libgomp)
        return;
    bench_cpus_list(config, 1, places, sizeof places);
    setenv("OMP_NUM_THREADS", count, 1);
    setenv("OMP_PLACES", places, 1);
    setenv("OMP_PROC_BIND", "true", 1);
    setenv("OMP_DYNAMIC", "false", 1);
    if (strcmp(c->setting, "active") == 0 || strcmp(c->setting, "passive") == 0)
        setenv("OMP_WAIT_POLICY", c->setting, 1);
}

static void become(const bench_row *row, const bench_contender *c,
                   const bench_config *config, int out)
{
    char name[128], bytes[32], cpus[BENCH_MAX_WORKERS * 6];
    bench_contender_name(row, c, name, sizeof name);
    snprintf(bytes, sizeof bytes, "%zu", config->bytes);
    bench_cpus_list(config, 0, cpus, sizeof cpus);
    const char *const argv[] = {"furrow-bench",
                                "--contender",
                                name,
                                "--bytes",
                                bytes,
                                "--cpus",
                                cpus,
                                config->quick ? "--quick" : NULL,
                                NULL};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(out, STDOUT_FILENO) < 0 || bench_pin_all(config->cpus, config->workers))
        _exit(3);
    set_environment(c, config);
    execv("/proc/self/exe", (char *const *)argv);
    _exit(4);
}

/* ---- in the driver ----------------------------------------------------------------*/

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when all is read, -1 at the end of the stream or of the time. */
static int read_all(int fd, void *to, size_t size, int64_t until)
{
    char *at = to;
    while (size > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        const int64_t left = until - now_ms();
        if (left <= 0)
            return -1;
        const int ready = poll(&p, 1, (int)left);
        if (ready < 0 && errno == EINTR)
            continue;
        const ssize_t got = ready > 0 ? read(fd, at, size) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

static int receive(int fd, bench_launch *out)
{
    const int64_t until = now_ms() + LIMIT_SECONDS * 1000;
    bench_result *r = &out->result;
    if (read_all(fd, r, sizeof *r, until) || r->magic != BENCH_RESULT_MAGIC ||
        r->samples > MAX_SAMPLES)
        return -1;
    r->text[sizeof r->text - 1] = '\0';
    if (r->samples == 0)
        return 0;
    out->samples = malloc((size_t)r->samples * sizeof *out->samples);
    if (!out->samples)
        return -1;
    return read_all(fd, out->samples, (size_t)r->samples * sizeof *out->samples, until);
}

static void failed(bench_launch *out, const char *why, int number)
{
    free(out->samples);
    out->samples = NULL;
    out->result = (bench_result){.failed = 1, .huge = -1};
    snprintf(out->result.text, sizeof out->result.text, why, number);
}

/* A child that has said all, ends; one that has not is ended. */
static void finish(pid_t pid, int received, bench_launch *out)
{
    struct rusage usage;
    int status = 0;
    int gone = 0;
    for (const int64_t until = now_ms() + (received ? 5000 : 100); !gone;) {
        gone = wait4(pid, &status, WNOHANG, &usage) == pid;
        if (!gone && now_ms() > until)
            break;
        if (!gone)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    kill(-pid, SIGKILL); /* what it may have left behind */
    if (!gone)
        wait4(pid, &status, 0, &usage);
    out->involuntary = usage.ru_nivcsw;
    if (!received && !gone)
        failed(out, "did not answer within %d s", LIMIT_SECONDS);
    else if (WIFSIGNALED(status) && gone)
        failed(out, "was ended by signal %d", WTERMSIG(status));
    else if (!received)
        failed(out, "ended without a result, exit status %d", WEXITSTATUS(status));
}

void bench_launch_run(const bench_row *row, const bench_contender *c,
                      const bench_config *config, bench_launch *out)
{
    int ends[2];
    *out = (bench_launch){0};
    if (pipe2(ends, O_CLOEXEC)) {
        failed(out, "no pipe (errno %d)", errno);
        return;
    }
    const pid_t pid = fork();
    if (pid == 0)
        become(row, c, config, ends[1]);
    close(ends[1]);
    if (pid < 0)
        failed(out, "no process (errno %d)", errno);
    else
        finish(pid, receive(ends[0], out) == 0, out);
    close(ends[0]);
}
