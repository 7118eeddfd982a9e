/* SPDX-License-Identifier: MIT
 *
 * What a test leaves behind: processes, open files, names in /dev/shm, heap blocks.
 *
 * Criterion gives each test a session of its own and nothing in furrow leaves its
 * session, so the test's processes are those of its session, whoever their parent is
 * now. A zombie is gone when its parent is outside the session: it waits for pid 1; or when
 * that is the server of start method forkserver, which collects it soon.
 * Names of a test carry its session (left_name()), so that neighbours do not disturb.
 *
 *     left_mark before = left_now();
 *     ... open, call, close ...
 *     cr_assert_eq(left_since(&before, 0), 0);      // prints what is left
 */
#ifndef LEFT_H
#define LEFT_H

#include "child.h"
#include "furrow.h"
#include "segment.h"
#include "server.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LEFT_PIDS = 512, LEFT_FDS = 1024, LEFT_NAMES = 256 };

typedef struct left_mark {
    int pids, fds, names;
    pid_t pid[LEFT_PIDS];
    char fd[LEFT_FDS];      /* 1: open */
    ino_t name[LEFT_NAMES]; /* of files: a name that is gone and made anew is new */
    size_t blocks;          /* of the heap; SIZE_MAX: there is no heap */
} left_mark;

typedef struct left_process {
    char name[64], state;
    int parent, session;
} left_process;

static inline int left_stat(pid_t pid, left_process *out)
{
    char path[64], text[512];
    const char *open, *close;
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)pid);
    f = fopen(path, "re");
    if (!f)
        return -1;
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    open = strchr(text, '(');
    close = strrchr(text, ')');
    if (!open || !close ||
        sscanf(close + 1, " %c %d %*d %d", &out->state, &out->parent, &out->session) !=
            3)
        return -1;
    snprintf(out->name, sizeof out->name, "%.*s", (int)(close - open - 1), open + 1);
    return 0;
}

static inline int left_is_there(pid_t pid)
{
    left_process p, parent;

    if (left_stat(pid, &p) != 0 || p.session != getsid(0))
        return 0;
    if (p.state != 'Z' && p.state != 'X')
        return 1;
    return left_stat(p.parent, &parent) == 0 && parent.session == getsid(0) &&
           strcmp(parent.name, "furrow-server") != 0;
}

/* The processes of this session but this one. */
static inline int left_processes(pid_t *out)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    int n = 0;

    while (proc && (e = readdir(proc)) && n < LEFT_PIDS) {
        pid_t pid = (pid_t)atoi(e->d_name);

        if (pid > 0 && pid != getpid() && left_is_there(pid))
            out[n++] = pid;
    }
    closedir(proc);
    return n;
}

/* The heap's file stays open for as long as the heap is there. */
static inline int left_is_heap(int fd)
{
    char path[64], target[64] = "";

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, target, sizeof target - 1) > 0 &&
           strstr(target, "memfd:furrow-heap") != NULL;
}

static inline int left_files(char *open_fds)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *e;
    int n = 0;

    memset(open_fds, 0, LEFT_FDS);
    while (dir && (e = readdir(dir))) {
        int fd = atoi(e->d_name);

        if (e->d_name[0] == '.' || fd == dirfd(dir) || fd >= LEFT_FDS ||
            left_is_heap(fd))
            continue;
        open_fds[fd] = 1;
        n++;
    }
    closedir(dir);
    return n;
}

static inline int left_had_name(const left_mark *m, ino_t file)
{
    for (int i = 0; i < m->names; i++)
        if (m->name[i] == file)
            return 1;
    return 0;
}

/* The names in /dev/shm that carry this session, but those there before, if there is a
 * before: then each is told. Sessions' numbers come round, so that what a test left long ago
 * may carry the number of one of today. */
static inline void left_names(left_mark *out, const left_mark *before)
{
    DIR *dir = opendir("/dev/shm");
    struct dirent *e;
    char mine[32];

    out->names = 0;
    snprintf(mine, sizeof mine, "furrow-%d-", (int)getsid(0));
    while (dir && (e = readdir(dir)) && out->names < LEFT_NAMES) {
        if (strncmp(e->d_name, mine, strlen(mine)) != 0 ||
            (before && left_had_name(before, e->d_ino)))
            continue;
        out->name[out->names++] = e->d_ino;
        if (before)
            fprintf(stderr, "left: /dev/shm/%s\n", e->d_name);
    }
    if (dir)
        closedir(dir);
}

static inline size_t left_blocks(void)
{
    furrow_heap_info info;

    if (!fw_segment_peek() || furrow_heap_describe(&info) != 0)
        return SIZE_MAX;
    return info.blocks;
}

/* The server of start method forkserver lives as long as its program, from the first start
 * on: here from the first mark on. */
static inline left_mark left_now(void)
{
    const char *start = getenv("FURROW_START");
    left_mark m;

    if (start && strcmp(start, "forkserver") == 0) {
        unsetenv("BXFI_MAP");
        (void)fw_server_ready();
    }
    m = (left_mark){.blocks = left_blocks()};
    m.pids = left_processes(m.pid);
    m.fds = left_files(m.fd);
    left_names(&m, NULL);
    return m;
}

/* The same when a heap is to be there before the first pool. */
static inline left_mark left_now_with_heap(void)
{
    (void)fw_segment_get();
    return left_now();
}

/* A name for shared memory that is this test's own. */
static inline const char *left_name(const char *what)
{
    static char name[64];

    snprintf(name, sizeof name, "/furrow-%d-%s", (int)getsid(0), what);
    return name;
}

static inline int left_new_processes(const left_mark *before, int tell)
{
    pid_t now[LEFT_PIDS];
    int left = 0, n = left_processes(now);

    for (int i = 0; i < n; i++) {
        left_process p;
        int known = 0;

        for (int k = 0; k < before->pids; k++)
            known |= before->pid[k] == now[i];
        if (known || left_stat(now[i], &p) != 0)
            continue;
        left++;
        if (tell)
            fprintf(stderr, "left: process %d (%s, %c, child of %d)\n", (int)now[i],
                    p.name, p.state, p.parent);
    }
    return left;
}

static inline int left_new_files(const left_mark *before)
{
    char now[LEFT_FDS], path[64], target[256];
    int left = 0;

    (void)left_files(now);
    for (int fd = 0; fd < LEFT_FDS; fd++) {
        ssize_t n;

        if (!now[fd] || before->fd[fd])
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = 0;
        fprintf(stderr, "left: fd %d (%s)\n", fd, target);
        left++;
    }
    return left;
}

static inline int left_new_names(const left_mark *before)
{
    left_mark now;

    left_names(&now, before);
    return now.names;
}

/* More heap blocks than before, or a heap that is not sound. */
static inline int left_heap(const left_mark *before)
{
    size_t now = left_blocks();

    if (now == SIZE_MAX)
        return 0;
    if (furrow_fsck() != 0) {
        fprintf(stderr, "left: a broken heap: %s\n", furrow_last_error()->text);
        return 1;
    }
    if (before->blocks == SIZE_MAX ? now == 0 : now == before->blocks)
        return 0;
    fprintf(stderr, "left: %zu heap blocks, %zu before\n", now,
            before->blocks == SIZE_MAX ? 0 : before->blocks);
    return 1;
}

static inline double left_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void left_sleep(double seconds)
{
    struct timespec t = {(time_t)seconds,
                         (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0)
        ;
}

/* Wait until every new process is gone: 0, or how many are not when the time is over.
 * One look may miss a process that another one forks just then before it ends: three
 * must agree. */
static inline int left_processes_within(const left_mark *before, double seconds)
{
    double until = left_clock() + seconds;

    for (int looks = 0; looks < 3 && left_clock() < until; looks++) {
        if (left_new_processes(before, 0))
            looks = -1;
        left_sleep(0.003);
    }
    return left_new_processes(before, 1);
}

/* How many processes, files and names are left since; each is told on stderr. Processes
 * get so many seconds to go. */
static inline int left_outside(const left_mark *before, double seconds)
{
    return left_processes_within(before, seconds) + left_new_files(before) +
           left_new_names(before);
}

/* And heap blocks. What a forked program published stays in the family's heap, as its
 * arrays do: then only left_outside() can be asked. */
static inline int left_since(const left_mark *before, double seconds)
{
    return left_outside(before, seconds) + left_heap(before);
}

#endif
