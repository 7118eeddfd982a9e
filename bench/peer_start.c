/* SPDX-License-Identifier: MIT
 *
 * peer_start.c - the start and the join of a process that does nothing, by each method,
 * from one that has a gigabyte of shared memory mapped and populated; and what the kernel
 * and the C library take for theirs. Nobody is pinned. In us.
 */
#include "bench.h"

#include <furrow_process.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIB ((size_t)1 << 30)

static bench_vector mapped;
static furrow_process_options options;
static int (*bare)(void);

static int map_memory(const bench_config *config)
{
    const size_t n = (config->quick ? GIB / 8 : GIB) / sizeof(double);
    if (bench_vector_new(&mapped, config->memory, n))
        return -1;
    bench_vector_populate(&mapped, 0, n);
    return 0;
}

static double us_since(uint64_t begin)
{
    return (double)(bench_ticks() - begin) / bench_ticks_per_ns() / 1000;
}

static void start_close(void)
{
    bench_vector_free(&mapped);
}

/* ---- bare -------------------------------------------------------------------------*/

static void *nothing(void *arg)
{
    return arg;
}

static int bare_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL);
}

static int bare_fork(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 || waitpid(pid, NULL, 0) != pid;
}

static int bare_spawn(void)
{
    pid_t pid;
    char *argv[] = {(char[]){"true"}, NULL};
    extern char **environ;
    return posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
           waitpid(pid, NULL, 0) != pid;
}

static int bare_open(const bench_config *config)
{
    bare = strcmp(config->setting, "pthread") == 0 ? bare_thread
           : strcmp(config->setting, "fork") == 0  ? bare_fork
                                                   : bare_spawn;
    return map_memory(config);
}

static int bare_run(const bench_job *job, double *us)
{
    const uint64_t begin = bench_ticks();
    (void)job;
    if (bare())
        return bench_fail("the system starts nothing");
    *us = us_since(begin);
    return 0;
}

/* ---- furrow's ---------------------------------------------------------------------*/

static int idle(void *arg, size_t size)
{
    (void)arg, (void)size;
    return 0;
}

static int furrow_open(const bench_config *config)
{
    options.start = FURROW_START_FORK;
    while (strcmp(furrow_start_name(options.start), config->setting) != 0)
        options.start++;
    return map_memory(config);
}

static int furrow_run(const bench_job *job, double *us)
{
    const uint64_t begin = bench_ticks();
    (void)job;
    furrow_process *p = furrow_process_new(idle, NULL, 0, &options);
    if (!p || furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER) ||
        furrow_process_free(p))
        return bench_fail("%s", furrow_last_error()->text);
    *us = us_since(begin);
    return 0;
}

const bench_peer bench_peer_bare_start = {
    .name = "bare_start", .open = bare_open, .run = bare_run, .close = start_close};
const bench_peer bench_peer_start = {
    .name = "start", .open = furrow_open, .run = furrow_run, .close = start_close};
