/* SPDX-License-Identifier: MIT
 *
 * Every Python 3 of the machine: those of $FURROW_PYTHONS (paths, with colons between),
 * of /usr/bin, and on the PATH.
 * A test of them is a list of what is tried with each.
 */
#ifndef PYTHONS_H
#define PYTHONS_H

#include "child.h"
#include "furrow_shm.h"

#include <fcntl.h>
#include <limits.h>

enum { PYTHONS = 16, PYTHON_SKIPPED = 77 };

typedef struct pythons {
    int count;
    char path[PYTHONS][PATH_MAX];
    char version[PYTHONS][32];
    int minor[PYTHONS];
} pythons;

static inline void pythons_try(pythons *all, const char *path)
{
    char command[2 * PATH_MAX], version[32] = "", real[PATH_MAX];
    int minor = 0;
    FILE *f;

    if (all->count == PYTHONS || !realpath(path, real) || access(real, X_OK) != 0)
        return;
    snprintf(command, sizeof command, "'%s' --version 2>/dev/null </dev/null", path);
    f = popen(command, "r");
    if (f && fgets(version, sizeof version, f))
        version[strcspn(version, "\n")] = '\0';
    if (f)
        pclose(f);
    if (sscanf(version, "Python 3.%d", &minor) != 1)
        return;
    for (int i = 0; i < all->count; i++)
        if (strcmp(all->version[i], version) == 0)
            return;
    strcpy(all->version[all->count], version);
    all->minor[all->count] = minor;
    snprintf(all->path[all->count++], PATH_MAX, "%s", path);
}

/* `list` is of files, or of folders when `name` is given. */
static inline void pythons_list(pythons *all, const char *list, const char *name)
{
    char *copy = strdup(list ? list : ""), *rest = NULL, path[PATH_MAX];

    for (char *s = strtok_r(copy, ":", &rest); s; s = strtok_r(NULL, ":", &rest)) {
        snprintf(path, sizeof path, name ? "%s/%s" : "%s", s, name);
        pythons_try(all, path);
    }
    free(copy);
}

static inline void pythons_find(pythons *all)
{
    char name[32];

    all->count = 0;
    pythons_list(all, getenv("FURROW_PYTHONS"), NULL);
    pythons_try(all, "/usr/bin/python3");
    pythons_list(all, getenv("PATH"), "python3");
    for (int minor = 8; minor < 20; minor++) {
        snprintf(name, sizeof name, "python3.%d", minor);
        pythons_list(all, getenv("PATH"), name);
    }
}

/* Run python script arguments...; fd stays open in it (-1: none), others are closed. */
static inline pid_t python_start(const char *python, const char *const *arguments,
                                 int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd >= 0)
            fcntl(fd, F_SETFD, 0);
        execv(python, (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

/* ---- a test of them ---------------------------------------------------------------*/

typedef struct python_trial {
    const char *name;
    int (*run)(const pythons *all, int i);
} python_trial;

static inline int pythons_pass(const pythons *all, int i, const python_trial *t)
{
    int rc = t->run(all, i);

    printf("%s (%s): %s %s\n", all->version[i], all->path[i], t->name,
           rc ? "FAILED" : "ok");
    if (rc)
        furrow_perror("the last error");
    return rc == 0;
}

/* All trials with all Pythons: the test's exit status. */
static inline int pythons_test(const python_trial *trials, size_t count)
{
    static pythons all;
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    pythons_find(&all);
    if (all.count == 0) {
        puts("skipped: there is no python3");
        return PYTHON_SKIPPED;
    }
    for (int i = 0; i < all.count; i++)
        for (size_t k = 0; k < count; k++)
            failed += !pythons_pass(&all, i, &trials[k]);
    return failed != 0;
}

#endif
