/* SPDX-License-Identifier: MIT
 *
 * A part of a test in a process of its own: what it does to signals, limits or files,
 * or that it dies, does not meet the test.
 *
 * A child never fails an assertion of the test's framework nor returns into it: it uses
 * child_want(), which tells on stderr and makes the function return 1.
 *
 *     static int host(void *arg) { child_want(work() == 0); return 0; }
 *     cr_assert_eq(child_run(host, NULL), 0);
 */
#ifndef CHILD_H
#define CHILD_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHILD_SECONDS = FURROW_CASE_SECONDS / 3,
    CHILD_HANGS = 1000,
    CHILD_SIGNAL = 256
};

#define child_want(condition)                                                          \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
            return 1;                                                                  \
        }                                                                              \
    } while (0)

/* Fork run(arg), whose result is the exit status. */
static inline pid_t child_start(int (*run)(void *arg), void *arg)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        unsetenv("BXFI_MAP");
        _exit(run(arg));
    }
    return pid;
}

/* Its exit status; CHILD_SIGNAL + the signal that ended it; CHILD_HANGS (then killed).
 */
static inline int child_wait(pid_t pid)
{
    struct timespec tick = {0, 1000000};
    int status;

    for (int ms = 0; ms < CHILD_SECONDS * 1000; ms++) {
        pid_t got = waitpid(pid, &status, WNOHANG);

        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status)
                                     : CHILD_SIGNAL + WTERMSIG(status);
        if (got < 0 && errno != EINTR)
            return -1;
        nanosleep(&tick, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return CHILD_HANGS;
}

static inline int child_run(int (*run)(void *arg), void *arg)
{
    return child_wait(child_start(run, arg));
}

#endif
