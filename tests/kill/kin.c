/* SPDX-License-Identifier: MIT
 *
 * Children with deadlines (see kin.h).
 */
#include "kin.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sigchld(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
}

static pid_t first;

void kin_begin(void)
{
    sigset_t set;

    if (!first)
        first = getpid();
    sigchld(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

pid_t kin_first(void)
{
    return first;
}

int64_t kin_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

pid_t kin_start(int (*run)(void *arg), void *arg)
{
    pid_t parent = getpid(), pid = fork();
    sigset_t set;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(99);
    sigchld(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(run(arg));
}

/* Sleep until a child has changed, or the time is over. */
static void await(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    sigset_t set;

    sigchld(&set);
    (void)sigtimedwait(&set, NULL, &t);
}

int kin_change(pid_t pid, int *status, int64_t ns)
{
    int64_t until = kin_now() + ns;

    for (;;) {
        int64_t left;
        pid_t got = waitpid(pid, status, WNOHANG | WUNTRACED | __WALL);

        if (got == pid)
            return 0;
        left = until - kin_now();
        if (got < 0 || left <= 0)
            return -1;
        await(left);
    }
}

int kin_wait(pid_t pid, int ms)
{
    int64_t until = kin_now() + (int64_t)ms * 1000000;
    int status;

    do
        if (kin_change(pid, &status, until - kin_now()) != 0)
            return KIN_HANGS;
    while (WIFSTOPPED(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : KIN_SIGNAL + WTERMSIG(status);
}

int kin_end(pid_t pid, int ms)
{
    int status = kin_wait(pid, ms);

    if (status == KIN_HANGS) {
        kill(pid, SIGKILL);
        (void)kin_wait(pid, 1000);
    }
    return status;
}

int kin_is_killed(int (*run)(void *arg), void *arg)
{
    pid_t pid = kin_start(run, arg);

    return pid > 0 && kin_end(pid, 5000) == KIN_SIGNAL + SIGKILL;
}

/* While it is a zombie its number is nobody else's, nor its group's. */
static int is_over(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == pid;
}

int kin_end_group(pid_t pid, int ms)
{
    int64_t until = kin_now() + (int64_t)ms * 1000000, left;
    int over, status;

    while (!(over = is_over(pid)) && (left = until - kin_now()) > 0)
        await(left);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    status = kin_wait(pid, 1000);
    return over ? status : KIN_HANGS;
}

char kin_state(pid_t pid)
{
    char path[64], text[512];
    const char *close_paren;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    close_paren = strrchr(text, ')');
    return close_paren && close_paren[1] ? close_paren[2] : 0;
}
