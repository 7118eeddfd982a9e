/* SPDX-License-Identifier: MIT
 *
 * Children of Linux: how they ended, and what becomes of one that runs another program.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { BY_PIDFD = 3, RANGE_CLOEXEC = 4 }; /* of newer headers */

/* Linux 6.15: struct pidfd_info as it was then. */
typedef struct pidfd_told {
    uint64_t mask, cgroup;
    uint32_t id[11];
    int32_t status;
} pidfd_told;
_Static_assert(sizeof(pidfd_told) == 64, "the kernel's");

#define PIDFD_TELL _IOWR(0xFF, 11, pidfd_told)
#define TELL_EXIT  (UINT64_C(1) << 3)

int fw_os_code(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int told_by_pidfd(int pidfd, int *code)
{
    pidfd_told told = {.mask = TELL_EXIT};

    if (pidfd < 0 || ioctl(pidfd, PIDFD_TELL, &told) != 0 || !(told.mask & TELL_EXIT))
        return -ECHILD;
    *code = fw_os_code(told.status);
    return 0;
}

int fw_os_ended(pid_t pid, int pidfd, int *code)
{
    siginfo_t info = {0};
    int rc;

    do
        rc = pidfd < 0
                 ? waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG)
                 : waitid((idtype_t)BY_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return told_by_pidfd(pidfd, code);
    if (info.si_pid == 0)
        return -EAGAIN;
    *code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 0;
}

int fw_os_children_ignored(void)
{
    struct sigaction now;

    return sigaction(SIGCHLD, NULL, &now) == 0 &&
           (now.sa_flags & SA_NOCLDWAIT || now.sa_handler == SIG_IGN);
}

int fw_os_signal(pid_t pid, int signal)
{
    return kill(pid, signal) == 0 ? 0 : -errno;
}

void fw_os_child_stdin(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        close(0);
        return;
    }
    if (fd == 0) {
        fcntl(0, F_SETFD, 0); /* programs that are run have one, too */
        return;
    }
    dup2(fd, 0);
    close(fd);
}

static void close_at_exec(void)
{
    if (syscall(SYS_close_range, 3, ~0U, RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int fw_os_exec(const char *path, char *const argv[], char *const env[],
               const int keep[2])
{
    close_at_exec();
    for (int i = 0; i < 2; i++)
        if (keep[i] >= 0)
            fcntl(keep[i], F_SETFD, 0);
    execve(path, argv, env);
    return -errno;
}

static void close_between(int from, int to)
{
    if (from > to || syscall(SYS_close_range, from, to, 0) == 0)
        return;
    for (int fd = from; fd <= to && fd < 65536; fd++) /* before Linux 5.9 */
        close(fd);
}

void fw_os_child_keep(int *keep, int count)
{
    int from = 3;

    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && keep[k] < keep[k - 1]; k--) {
            int other = keep[k];

            keep[k] = keep[k - 1];
            keep[k - 1] = other;
        }
    for (int i = 0; i < count; i++) {
        if (keep[i] < from)
            continue;
        close_between(from, keep[i] - 1);
        from = keep[i] + 1;
    }
    close_between(from, INT_MAX);
}

static void (*leave_by)(int status);

static void leave(int status, void *unused)
{
    (void)unused;
    leave_by(status);
}

/* on_exit() handlers run last in, first out: ours comes before those inherited. */
void fw_os_child_leave(void (*by)(int status))
{
    leave_by = by;
    on_exit(leave, NULL);
}

void fw_os_flush(int all)
{
    if (all)
        fflush(NULL);
    fflush(stdout);
    fflush(stderr);
}

int fw_os_threads(void)
{
    char text[1024];
    const char *at;

    if (fw_os_read_file("/proc/self/stat", text, sizeof text) <= 0 ||
        !(at = strrchr(text, ')')))
        return 0;
    for (int field = 2; at && field < 20; field++)
        at = strchr(at + 1, ' ');
    return at ? atoi(at + 1) : 0;
}

int fw_os_random(void *bytes, size_t size)
{
    ssize_t n;

    do
        n = getrandom(bytes, size, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}
