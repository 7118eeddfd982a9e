/* SPDX-License-Identifier: MIT
 *
 * peer_pipe.c - eight bytes to another process and back: through bare local sockets,
 * and through furrow's connections. The two are pinned to the same processor: what is
 * measured is what they and the kernel do, not how long a sleeping processor takes to
 * wake.
 */
#include "bench.h"

#include <furrow_pipe.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd[2];                     /* bare: this process's, the other's */
static furrow_connection *in, *out;   /* ours */
static furrow_connection *in2, *out2; /* the other's */
static pid_t pid;

static void serve_bare(void)
{
    uint64_t word;
    while (read(fd[1], &word, sizeof word) == sizeof word)
        if (write(fd[1], &word, sizeof word) != sizeof word)
            _exit(1);
    _exit(0);
}

static void serve_furrow(void)
{
    uint64_t word;
    while (furrow_connection_recv(in2, &word, sizeof word, NULL, FURROW_FOREVER) == 0)
        if (furrow_connection_send(out2, &word, sizeof word, FURROW_FOREVER) != 0)
            _exit(1);
    _exit(0);
}

static int open_furrow(const bench_config *config)
{
    int rc = strcmp(config->setting, "two pipes") == 0
                 ? furrow_pipe(&in, &out2, 0) || furrow_pipe(&in2, &out, 0)
                 : furrow_pipe(&in, &in2, 1);
    if (rc)
        return bench_fail("%s", furrow_last_error()->text);
    out = out ? out : in;
    out2 = out2 ? out2 : in2;
    return 0;
}

/* The other process keeps its own end alone, and ends when ours is closed. */
static int start(const bench_config *config, void (*serve)(void))
{
    pid = bench_child_fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        close(fd[0]);
        if (out != in)
            furrow_connection_close(out);
        furrow_connection_close(in);
        if (bench_pin(config->cpus[0]))
            _exit(1);
        serve();
    }
    return bench_pin(config->cpus[0]);
}

static int bare_open(const bench_config *config)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
        return bench_fail("no local sockets");
    if (start(config, serve_bare))
        return -1;
    close(fd[1]);
    return 0;
}

static int bare_dispatch(uint32_t slot)
{
    uint64_t word = slot;
    if (write(fd[0], &word, sizeof word) != sizeof word ||
        read(fd[0], &word, sizeof word) != sizeof word)
        return bench_fail("the sockets failed");
    return 0;
}

static void bare_close(void)
{
    close(fd[0]);
    waitpid(pid, NULL, 0);
}

static int furrow_open(const bench_config *config)
{
    fd[0] = -1;
    if (open_furrow(config) || start(config, serve_furrow))
        return -1;
    if (out2 != in2)
        furrow_connection_close(out2);
    furrow_connection_close(in2);
    return 0;
}

static int furrow_dispatch(uint32_t slot)
{
    uint64_t word = slot;
    if (furrow_connection_send(out, &word, sizeof word, FURROW_FOREVER) ||
        furrow_connection_recv(in, &word, sizeof word, NULL, FURROW_FOREVER))
        return bench_fail("%s", furrow_last_error()->text);
    return 0;
}

static void furrow_close(void)
{
    if (out != in)
        furrow_connection_close(out);
    furrow_connection_close(in);
    waitpid(pid, NULL, 0);
}

const bench_peer bench_peer_sockets = {.name = "sockets",
                                       .open = bare_open,
                                       .dispatch = bare_dispatch,
                                       .close = bare_close};
const bench_peer bench_peer_connection = {.name = "connection",
                                          .open = furrow_open,
                                          .dispatch = furrow_dispatch,
                                          .close = furrow_close};
