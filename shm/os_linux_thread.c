/* SPDX-License-Identifier: MIT
 *
 * Threads by their numbers, which the kernel takes from the numbers of processes.
 */
#include "os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

pid_t fw_os_thread(void)
{
    return gettid();
}

static int find_process(void *ctx, char *line)
{
    pid_t *pid = ctx;

    if (strncmp(line, "Tgid:", 5) != 0)
        return 0;
    *pid = (pid_t)atoi(line + 5);
    return 1;
}

pid_t fw_os_thread_process(pid_t tid)
{
    char path[40];
    pid_t pid = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    (void)fw_os_read_lines(path, find_process, &pid);
    return pid;
}
