/* SPDX-License-Identifier: MIT
 *
 * peer_python.c - the same between two processes of CPython, through its own
 * multiprocessing.Pipe: send_bytes() and recv_bytes(), in the loop that a Python
 * program would have. It is told by a byte to go round so many times, and answers how
 * many nanoseconds one took.
 */
#include "bench.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURNS "500" /* a sample is their mean */

static const char script[] =
    "import os, sys, time\n"
    "from multiprocessing import Pipe\n"
    "os.sched_setaffinity(0, {int(sys.argv[1])})\n"
    "near, far = Pipe()\n"
    "if os.fork() == 0:\n"
    "    near.close()\n"
    "    try:\n"
    "        while True:\n"
    "            far.send_bytes(far.recv_bytes())\n"
    "    except EOFError:\n"
    "        os._exit(0)\n"
    "far.close()\n"
    "word = b'12345678'\n"
    "while os.read(0, 1):\n"
    "    begin = time.perf_counter_ns()\n"
    "    for _ in range(" TURNS "):\n"
    "        near.send_bytes(word)\n"
    "        near.recv_bytes()\n"
    "    print((time.perf_counter_ns() - begin) / " TURNS ", flush=True)\n";

static FILE *to, *from;
static pid_t pid;

static void run(const bench_config *config, const int *ask, const int *answer)
{
    char cpu[16];
    snprintf(cpu, sizeof cpu, "%d", config->cpus[0]);
    dup2(ask[0], 0);
    dup2(answer[1], 1);
    execlp("python3", "python3", "-c", script, cpu, (char *)NULL);
    _exit(127);
}

static int python_open(const bench_config *config)
{
    int ask[2], answer[2];
    if (pipe(ask) || pipe(answer))
        return bench_fail("no pipes");
    pid = bench_child_fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        close(ask[1]);
        close(answer[0]);
        run(config, ask, answer);
    }
    close(ask[0]);
    close(answer[1]);
    to = fdopen(ask[1], "w");
    from = fdopen(answer[0], "r");
    return to && from ? 0 : bench_fail("no streams");
}

static int python_run(const bench_job *job, double *ns)
{
    (void)job;
    if (fputc('x', to) == EOF || fflush(to) || fscanf(from, "%lf", ns) != 1)
        return bench_fail("there is no python3");
    return 0;
}

static void python_close(void)
{
    fclose(to);
    fclose(from);
    waitpid(pid, NULL, 0);
}

const bench_peer bench_peer_python = {
    .name = "python", .open = python_open, .run = python_run, .close = python_close};
