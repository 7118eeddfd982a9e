/* SPDX-License-Identifier: MIT
 *
 * Counted from the outside, as the kernel sees this process. (Names in /dev/shm need no
 * count: the heap has none, and the demo gives none.)
 */
#include "leftovers.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

size_t leftovers_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    if (!dir)
        return 0;
    for (const struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* A child that lives or was not waited for. */
static int has_child(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

void leftovers_check(demo *d, size_t files_before)
{
    const size_t files = leftovers_files();
    const int child = has_child();

    report_check(d, !child && files <= files_before, "left behind",
                 "%s, %zu open files (%zu before)",
                 child ? "a child process" : "no process", files, files_before);
}
