/* SPDX-License-Identifier: MIT
 *
 * From /proc/self/cgroup (which group) and /proc/self/mountinfo (mounted where) to the
 * directories that hold the limits.
 *
 * A controller lives in one hierarchy: if /proc/self/cgroup names it in a v1 line,
 * there, else in the unified one. The path in that line and the root of the mount are
 * both as seen from this cgroup namespace; a mount may show only a part of the tree
 * (containers without a namespace), so the mount's root is taken off the path.
 *
 * The mount cache: `state` goes EMPTY -> FILLING -> READY once. Who finds it FILLING
 * (in another thread, or for ever in the child of a fork at that moment) looks for
 * himself.
 */
#include "cgroup.h"

#include "atomic.h"
#include "os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1024, POINT_SIZE = 256, CONTROLLERS = FW_CGROUP_MEMORY + 1 };
enum { EMPTY, FILLING, READY };

typedef struct mount {
    int version;            /* of the hierarchy that was asked for */
    int found;              /* 0: not mounted */
    int fits;               /* the process's path is below `root` */
    char point[POINT_SIZE]; /* where it is mounted */
    char root[POINT_SIZE];  /* what of the hierarchy is mounted there: "/" for all */
} mount;

typedef struct search {
    const char *name; /* of the controller */
    const char *path; /* of the process in the hierarchy */
    mount *out;
} search;

static const char *const names[CONTROLLERS] = {"cpu", "cpuset", "memory"};

static struct {
    _Atomic uint32_t state;
    mount mount;
} cache[CONTROLLERS];

/* Is `word` one of the comma-separated `list`? */
static int has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = list; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == 0))
            return 1;
    return 0;
}

/* What of `path` comes after `root`, or NULL when it is not below it. */
static const char *path_below(const char *path, const char *root)
{
    size_t len = strlen(root);

    if (strcmp(root, "/") == 0)
        len = 0;
    if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != 0))
        return NULL;
    if (strncmp(path + len, "/..", 3) == 0) /* outside of the namespace */
        return NULL;
    return strcmp(path + len, "/") == 0 ? "" : path + len;
}

/* mountinfo writes blanks and backslashes as \ooo. */
static void unescape(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = 0;
}

/* Cut the next word off *rest; "" at the end. */
static char *next_word(char **rest)
{
    static char none[1];
    char *word = *rest;

    if (!word)
        return none;
    *rest = strchr(word, ' ');
    if (*rest)
        *(*rest)++ = 0;
    return word;
}

/* One line of mountinfo:
 *   36 35 98:0 ROOT POINT rw,noatime master:1 - TYPE source SUPER,OPTIONS */
static int see_mount(void *ctx, char *line)
{
    search *s = ctx;
    char *rest = line, *root, *point, *type, *word;
    int fits;

    for (int i = 0; i < 3; i++)
        next_word(&rest);
    root = next_word(&rest);
    point = next_word(&rest);
    for (word = next_word(&rest); *word && strcmp(word, "-") != 0;)
        word = next_word(&rest);
    type = next_word(&rest);
    next_word(&rest);
    if (strcmp(type, s->out->version == 2 ? "cgroup2" : "cgroup") != 0 ||
        (s->out->version == 1 && !has_word(next_word(&rest), s->name)))
        return 0;
    unescape(root);
    unescape(point);
    fits = path_below(s->path, root) != NULL;
    if (strlen(root) >= POINT_SIZE || strlen(point) >= POINT_SIZE ||
        (s->out->found && !fits))
        return 0;
    s->out->found = 1;
    s->out->fits = fits;
    memcpy(s->out->root, root, strlen(root) + 1);
    memcpy(s->out->point, point, strlen(point) + 1);
    return fits; /* the first that shows our own group is the best there is */
}

static void search_mounts(const char *root, search *s)
{
    char file[PATH_SIZE];

    snprintf(file, sizeof file, "%s/proc/self/mountinfo", root);
    fw_os_read_lines(file, see_mount, s);
}

/* Fill *m (whose version is set) for the process's `path` in the hierarchy. */
static void find_mount(const char *root, fw_cgroup_controller which, const char *path,
                       mount *m)
{
    search s = {.name = names[which], .path = path, .out = m};
    uint32_t empty = EMPTY;

    /* acquire: cgroup.mount <- find_mount() below */
    if (*root == 0 && fw_load_acquire(&cache[which].state) == READY &&
        cache[which].mount.version == m->version) {
        *m = cache[which].mount;
        return;
    }
    search_mounts(root, &s);
    if (*root == 0 && fw_cas_seqcst(&cache[which].state, &empty, FILLING)) {
        cache[which].mount = *m;
        /* release: cgroup.mount -> find_mount() above */
        fw_store_release(&cache[which].state, READY);
    }
}

/* The path of the hierarchy `version` in the lines "id:controllers:path" of `text`, or
 * NULL. *path_size is set to its length. */
static const char *find_path(const char *text, int version, const char *name,
                             size_t *len)
{
    char controllers[256];

    for (const char *line = text; line && *line;) {
        const char *end = strchr(line, '\n'), *first = strchr(line, ':');
        const char *second = first ? strchr(first + 1, ':') : NULL;
        size_t listed = second ? (size_t)(second - first - 1) : sizeof controllers;

        if (!end)
            end = line + strlen(line);
        if (listed < sizeof controllers && second < end) {
            memcpy(controllers, first + 1, listed);
            controllers[listed] = 0;
            if (version == 2 ? line[0] == '0' && listed == 0
                             : listed && has_word(controllers, name)) {
                *len = (size_t)(end - second - 1);
                return second + 1;
            }
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

/* The process's path in the hierarchy of the controller. Returns its version, or 0. */
static int own_path(const char *root, fw_cgroup_controller which, char path[PATH_SIZE])
{
    char file[PATH_SIZE], text[8192];

    snprintf(file, sizeof file, "%s/proc/self/cgroup", root);
    if (fw_os_read_file(file, text, sizeof text) <= 0)
        return 0;
    for (int version = 1; version <= 2; version++) {
        size_t len;
        const char *p = find_path(text, version, names[which], &len);

        if (p && len < PATH_SIZE) {
            memcpy(path, p, len);
            path[len] = 0;
            return version;
        }
    }
    return 0;
}

int fw_cgroup_walk(const char *root, fw_cgroup_controller controller,
                   fw_cgroup_visitor visit, void *ctx)
{
    char path[PATH_SIZE], dir[2 * PATH_SIZE + POINT_SIZE];
    mount m = {.version = own_path(root, controller, path)};
    const char *below;
    size_t top;
    int levels = 0;

    if (m.version == 0)
        return 0;
    find_mount(root, controller, path, &m);
    if (!m.found)
        return 0;
    below = path_below(path, m.root);
    top = strlen(root) + strlen(m.point);
    if ((size_t)snprintf(dir, sizeof dir, "%s%s%s", root, m.point,
                         below ? below : "") >= sizeof dir)
        return 0;
    for (;;) {
        visit(ctx, m.version, dir);
        levels++;
        if (strlen(dir) <= top)
            return levels;
        *strrchr(dir, '/') = 0;
    }
}

ssize_t fw_cgroup_read(const char *dir, const char *file, char *buffer, size_t size)
{
    char path[2 * PATH_SIZE + 2 * POINT_SIZE];

    snprintf(path, sizeof path, "%s/%s", dir, file);
    return fw_os_read_file(path, buffer, size);
}

int fw_cgroup_number(const char *dir, const char *file, uint64_t *out)
{
    char text[64];

    if (fw_cgroup_read(dir, file, text, sizeof text) <= 0 || text[0] < '0' ||
        text[0] > '9')
        return 0;
    *out = strtoull(text, NULL, 10);
    return 1;
}
