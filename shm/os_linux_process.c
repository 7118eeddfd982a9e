/* SPDX-License-Identifier: MIT
 *
 * Processes of Linux: fork, identity, proof of death, and the first steps of a child.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

pid_t fw_os_pid(void)
{
    return getpid();
}

pid_t fw_os_fork(void)
{
    sigset_t all, before;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    error = errno;
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? -error : pid;
}

/* What /proc/PID/stat says, read as that of the first thread: user-mode emulators make up
 * the former for the process that asks. */
typedef struct process_stat {
    char state;
    long threads;
    uint64_t start; /* ticks after boot */
} process_stat;

static int read_stat(pid_t pid, process_stat *out)
{
    char path[64], text[1024];
    const char *p;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", (long)pid, (long)pid);
    n = fw_os_read_file(path, text, sizeof text);
    if (n <= 0)
        return n == 0 || n == -ENOENT ? -ESRCH : (int)n;
    p = strrchr(text, ')'); /* the command name may hold anything */
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p + 1, ' ');
        if (p && field == 2)
            out->state = p[1];
        if (p && field == 19)
            out->threads = strtol(p + 1, NULL, 10);
    }
    if (!p)
        return -EINVAL;
    out->start = strtoull(p + 1, NULL, 10);
    return 0;
}

int fw_os_start_time(pid_t pid, uint64_t *ticks)
{
    process_stat stat;
    int rc = read_stat(pid, &stat);

    if (rc == 0)
        *ticks = stat.start;
    return rc;
}

int fw_os_pidfd_open(pid_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : fw_os_fd_high((int)fd);
}

int fw_os_pidfd_signal(int pidfd, int signal)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : -errno;
}

int fw_os_pidfd_dead(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    struct timespec none = {0};

    /* The raw call is no cancellation point: callers hold locks. */
    return syscall(SYS_ppoll, &p, 1, &none, NULL, 0) == 1 && (p.revents & POLLIN);
}

int fw_os_pidfd_wait(int pidfd, int64_t until)
{
    for (;;) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};
        int64_t left = until == INT64_MAX ? -1 : (until - fw_os_now()) / 1000000 + 1;

        if (until != INT64_MAX && left < 0)
            left = 0;
        int n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
        if (n == 1)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0 && fw_os_now() >= until)
            return -ETIMEDOUT;
    }
}

/* Is it another process by now, or a zombie? One whose first thread alone has ended has
 * others. That nothing can be read (no fd left, no /proc) proves nothing. */
static int replaced_or_zombie(pid_t pid, uint64_t ticks)
{
    process_stat stat;

    if (read_stat(pid, &stat) != 0)
        return 0;
    return (ticks && stat.start != ticks) ||
           ((stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1);
}

int fw_os_process_gone(pid_t pid, uint64_t ticks)
{
    int gone, pidfd = pid > 0 ? fw_os_pidfd_open(pid) : -ESRCH;

    if (pidfd == -ESRCH)
        return 1;
    gone = pidfd >= 0 ? fw_os_pidfd_dead(pidfd) : kill(pid, 0) != 0 && errno == ESRCH;
    if (!gone && (ticks || pidfd < 0))
        gone = replaced_or_zombie(pid, ticks);
    fw_os_close(pidfd);
    return gone;
}

int fw_os_thread_gone(pid_t tid)
{
    return kill(tid, 0) != 0 && errno == ESRCH;
}

int fw_os_die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return -errno;
    return getppid() == parent ? 0 : -ESRCH;
}

int fw_os_outlive_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, 0) == 0 ? 0 : -errno;
}

/* By these a user, a terminal or a batch system talks to a program, and to its whole group
 * or control group. */
static int is_for_the_program(int s)
{
    return s == SIGHUP || s == SIGINT || s == SIGQUIT || s == SIGTERM || s == SIGUSR1 ||
           s == SIGUSR2;
}

void fw_os_child_signals(int quiet)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            signal(s, quiet && is_for_the_program(s) ? SIG_IGN : SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int close_range_(unsigned from, unsigned to)
{
    return from > to || syscall(SYS_close_range, from, to, 0) == 0;
}

/* Before Linux 5.9. */
static void close_one_by_one(int keep)
{
    for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
        if (fd != keep)
            close(fd);
}

void fw_os_child_close_fds(int keep)
{
    if (keep < 3) {
        if (!close_range_(3, ~0U))
            close_one_by_one(-1);
    } else if (!close_range_(3, (unsigned)keep - 1) ||
               !close_range_((unsigned)keep + 1, ~0U)) {
        close_one_by_one(keep);
    }
}

int fw_os_signals_open(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int fw_os_wait_events(int signals, int pidfd, int64_t until)
{
    struct pollfd p[2] = {{.fd = signals, .events = POLLIN},
                          {.fd = pidfd, .events = POLLIN}};
    int64_t left = until == INT64_MAX ? 60000 : (until - fw_os_now()) / 1000000 + 1;
    struct signalfd_siginfo info[8];
    int events = 0;

    if (poll(p, 2, left < 0 ? 0 : left > 60000 ? 60000 : (int)left) <= 0)
        return 0;
    while (read(signals, info, sizeof info) > 0)
        events |= FW_EVENT_SIGNAL;
    return events | (p[1].revents & POLLIN ? FW_EVENT_GONE : 0);
}

pid_t fw_os_reap(int *status)
{
    pid_t pid = waitpid(-1, status, WNOHANG);

    return pid > 0 ? pid : 0;
}

void fw_os_wait_child(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void fw_os_kill(pid_t pid)
{
    kill(pid, SIGKILL);
}

void fw_os_signal_process(pid_t pid)
{
    kill(pid, SIGUSR1);
}

void fw_os_own_group(void)
{
    (void)setpgid(0, 0);
}

void fw_os_set_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

void fw_os_exit(int status)
{
    _exit(status);
}

static void exit_quietly(int status, void *unused)
{
    (void)unused;
    fflush(stdout);
    fflush(stderr);
    _exit(status);
}

/* on_exit() handlers run last in, first out: ours comes before those inherited. */
void fw_os_child_exit(void)
{
    __fpurge(stdout);
    __fpurge(stderr);
    on_exit(exit_quietly, NULL);
}

int fw_os_oom_score(int score)
{
    char text[16];
    int old = 0, fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (read(fd, text, sizeof text - 1) > 0)
        old = atoi(text);
    snprintf(text, sizeof text, "%d", score);
    if (pwrite(fd, text, strlen(text), 0) < 0)
        old = -errno;
    close(fd);
    return old;
}
