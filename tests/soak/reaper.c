/* SPDX-License-Identifier: MIT
 *
 * The reaper of a soak: its process runs the soak as a child and buries whatever that
 * leaves, so that no process and no name is left unseen.
 */
#include "reaper.h"

#include "stress/dice.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_SECONDS = 240 };

static int names_left(const char *name)
{
    char mark[64];
    DIR *dir = opendir("/dev/shm");
    struct dirent *e;
    int left = 0;

    snprintf(mark, sizeof mark, "furrow-%s-%ld-", name, (long)getpid());
    while (dir && (e = readdir(dir)))
        left += strncmp(e->d_name, mark, strlen(mark)) == 0;
    if (dir)
        closedir(dir);
    return left;
}

/* Bury whoever has ended. Returns 0 when no descendant is left; *status: the soak's. */
static int family(pid_t soak_pid, int *status)
{
    int s;
    pid_t pid;

    while ((pid = waitpid(-1, &s, WNOHANG)) > 0)
        if (pid == soak_pid)
            *status = s;
    return !(pid < 0 && errno == ECHILD);
}

static int watch_over(const char *name, pid_t pid, double until)
{
    int status = -1;

    while (family(pid, &status) && status == -1) {
        if (seconds_now() > until) {
            fprintf(stderr, "FAILED: %s does not end\n", name);
            kill(pid, SIGKILL);
        }
        nap_us(5000);
    }
    for (double gone_by = seconds_now() + 5; family(pid, &status) || names_left(name);)
        if (nap_us(5000), seconds_now() > gone_by) {
            fprintf(stderr, "FAILED: after 5 s there are %sprocesses and %d names\n",
                    family(pid, &status) ? "" : "no ", names_left(name));
            return 1;
        }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "FAILED: %s ended with status 0x%x\n", name, (unsigned)status);
        return 1;
    }
    printf("%s: no process and no name is left\n", name);
    return 0;
}

int reaper_run(const char *name, int (*run)(double seconds), double seconds)
{
    pid_t pid;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return 2;
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        exit(run(seconds));
    }
    return pid < 0 || watch_over(name, pid, seconds_now() + seconds + GRACE_SECONDS);
}
