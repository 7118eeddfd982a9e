/* SPDX-License-Identifier: MIT
 *
 * Counted from the outside, as the kernel sees this process. Names of other programs in
 * /dev/shm come and go; only those that begin with "furrow" count.
 */
#include "leftovers.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

static size_t count_entries(const char *path, const char *prefix)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    if (!dir)
        return 0;
    for (const struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.' && !strncmp(e->d_name, prefix, strlen(prefix));
    closedir(dir);
    return n;
}

/* A child that lives or was not waited for. */
static int has_child(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

leftovers leftovers_now(void)
{
    return (leftovers){.files = count_entries("/proc/self/fd", ""),
                       .names = count_entries("/dev/shm", "furrow")};
}

void leftovers_check(demo *d, leftovers before)
{
    const leftovers now = leftovers_now();

    report_check(
        d, !has_child() && now.files <= before.files && now.names <= before.names,
        "left behind", "%s, %zu open files (%zu before), %zu names in /dev/shm",
        has_child() ? "a child process" : "no process", now.files, before.files,
        now.names);
}
