/* SPDX-License-Identifier: MIT
 *
 * A memory cgroup of this test's own, of either version, where we may make one.
 */
#ifndef FAULT_CGROUP_H
#define FAULT_CGROUP_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fault_group {
    int version; /* 0: there is none, `why` says why */
    char dir[512];
    const char *why;
} fault_group;

static inline int group_write(const fault_group *g, const char *file, long number)
{
    char path[600];
    FILE *f;
    int rc;

    snprintf(path, sizeof path, "%s/%s", g->dir, file);
    f = fopen(path, "we");
    if (!f)
        return -1;
    rc = fprintf(f, "%ld", number) < 0;
    return fclose(f) != 0 || rc ? -1 : 0;
}

/* Where this process is, below `point`. 1 when the line is the controller's. */
static inline int group_line(char *line, const char *key, const char *point, char *dir,
                             size_t size)
{
    char *path = strstr(line, key);

    if (!path)
        return 0;
    path += strlen(key);
    path[strcspn(path, "\n")] = 0;
    snprintf(dir, size, "%s%s/furrow-fault-%d", point, path, (int)getpid());
    return 1;
}

static inline int group_make(fault_group *g, int version, const char *limit)
{
    if (mkdir(g->dir, 0755) != 0)
        return 0;
    if (group_write(g, limit, 1L << 30) == 0) {
        g->version = version;
        return 1;
    }
    rmdir(g->dir);
    return 0;
}

static inline fault_group group_new(void)
{
    fault_group g = {.why = "no memory cgroup can be made here"};
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[512];

    while (f && !g.version && fgets(line, sizeof line, f)) {
        if (group_line(line, ":memory:", "/sys/fs/cgroup/memory", g.dir, sizeof g.dir))
            (void)group_make(&g, 1, "memory.limit_in_bytes");
        else if (strncmp(line, "0::", 3) == 0 &&
                 group_line(line, "0::", "/sys/fs/cgroup", g.dir, sizeof g.dir))
            (void)group_make(&g, 2, "memory.max");
    }
    if (f)
        fclose(f);
    return g;
}

static inline int group_limit(const fault_group *g, long bytes)
{
    return group_write(g, g->version == 1 ? "memory.limit_in_bytes" : "memory.max",
                       bytes);
}

/* This process, and what it forks from now on. */
static inline int group_enter(const fault_group *g)
{
    return group_write(g, "cgroup.procs", (long)getpid());
}

static inline void group_free(const fault_group *g)
{
    for (int tries = 0; g->version && rmdir(g->dir) != 0 && tries < 1000; tries++)
        usleep(2000);
}

#endif
