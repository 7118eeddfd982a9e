/* SPDX-License-Identifier: MIT
 *
 * peer_python.c - the same by CPython, through its own multiprocessing, in the loops that
 * a Python program would have: a Pipe, a Queue, and the start and join of a Process. A
 * script is told by a byte to measure once, and answers how long it took.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURNS "500" /* a sample is their mean */

/* fork(): 0 in the child, which ends with its parent: the bench may be killed. */
#define FORK                                                                           \
    "import ctypes, os, sys, time\n"                                                   \
    "def fork():\n"                                                                    \
    "    parent, pid = os.getpid(), os.fork()\n"                                       \
    "    if pid == 0:\n"                                                               \
    "        ctypes.CDLL(None).prctl(1, 9)\n" /* PR_SET_PDEATHSIG, SIGKILL */          \
    "        if os.getppid() != parent:\n"                                             \
    "            os._exit(1)\n"                                                        \
    "    return pid\n"

static const char pipe_script[] =
    FORK "from multiprocessing import Pipe\n"
         "os.sched_setaffinity(0, {int(sys.argv[1])})\n"
         "near, far = Pipe()\n"
         "if fork() == 0:\n"
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

/* As many places as messages in furrow's queue. */
static const char queue_script[] =
    FORK "from multiprocessing import Queue\n"
         "queue = Queue(1024)\n"
         "os.sched_setaffinity(0, {int(sys.argv[1])})\n"
         "other = fork()\n"
         "if other == 0:\n"
         "    os.sched_setaffinity(0, {int(sys.argv[2])})\n"
         "    while True:\n"
         "        queue.put(b'x' * 48)\n"
         "while os.read(0, 1):\n"
         "    begin = time.perf_counter_ns()\n"
         "    for _ in range(2000):\n"
         "        queue.get()\n"
         "    print((time.perf_counter_ns() - begin) / 2000, flush=True)\n"
         "os.kill(other, 9)\n"
         "os._exit(0)\n";

static const char start_script[] =
    "import mmap, os, sys, threading, time\n"
    "import multiprocessing as mp\n"
    "memory = mmap.mmap(-1, int(sys.argv[4]))\n"
    "for i in range(0, len(memory), mmap.PAGESIZE):\n"
    "    memory[i] = 1\n"
    "how = sys.argv[3]\n"
    "one = threading.Thread if how == 'thread' else mp.get_context(how).Process\n"
    "while os.read(0, 1):\n"
    "    begin = time.perf_counter_ns()\n"
    "    p = one(target=os.getpid)\n"
    "    p.start()\n"
    "    p.join()\n"
    "    print((time.perf_counter_ns() - begin) / 1000, flush=True)\n";

static FILE *to, *from;
static pid_t pid;

/* Its arguments: two CPUs, the setting, the bytes to map. */
static void run(const bench_config *config, const char *script, const int *ask,
                const int *answer)
{
    char cpus[2][16], bytes[32];
    for (int i = 0; i < 2; i++)
        snprintf(cpus[i], sizeof cpus[i], "%d", config->cpus[i % config->workers]);
    snprintf(bytes, sizeof bytes, "%zu", ((size_t)1 << 30) / (config->quick ? 8 : 1));
    dup2(ask[0], 0);
    dup2(answer[1], 1);
    execlp("python3", "python3", "-c", script, cpus[0], cpus[1], config->setting, bytes,
           (char *)NULL);
    _exit(127);
}

static int open_with(const bench_config *config, const char *script)
{
    int ask[2], answer[2];
    if (pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC))
        return bench_fail("no pipes");
    pid = bench_child_fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        run(config, script, ask, answer);
    close(ask[0]);
    close(answer[1]);
    to = fdopen(ask[1], "w");
    from = fdopen(answer[0], "r");
    return to && from ? 0 : bench_fail("no streams");
}

static int pipe_open(const bench_config *config)
{
    return open_with(config, pipe_script);
}

static int queue_open(const bench_config *config)
{
    return open_with(config, queue_script);
}

static int start_open(const bench_config *config)
{
    return open_with(config, start_script);
}

static int python_run(const bench_job *job, double *ns)
{
    (void)job;
    if (fputc('x', to) == EOF || fflush(to) || fscanf(from, "%lf", ns) != 1)
        return bench_fail("there is no python3");
    return 0;
}

/* It ends when it is told nothing more. */
static void python_close(void)
{
    fclose(to);
    fclose(from);
    waitpid(pid, NULL, 0);
}

const bench_peer bench_peer_python = {
    .name = "python", .open = pipe_open, .run = python_run, .close = python_close};
const bench_peer bench_peer_python_queue = {.name = "python_queue",
                                            .open = queue_open,
                                            .run = python_run,
                                            .close = python_close};
const bench_peer bench_peer_python_start = {.name = "python_start",
                                            .open = start_open,
                                            .run = python_run,
                                            .close = python_close};
