/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: CPU lists, and the files that say which cgroup we are in, where it is mounted
 * and what it may use. The input is up to six texts with a NUL between them: the list,
 * /proc/self/cgroup, mountinfo, and the limits, which lie where the usual mount is.
 */
#include "cgroup.h"
#include "furrow_shm.h"
#include "limit.h"

#include "fixtures/fake_root.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 6, TEXT_MAX = 6000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const files[TEXTS] = {
    NULL,
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/sys/fs/cgroup/g/cpu.max",
    "/sys/fs/cgroup/g/cpuset.cpus.effective",
    "/sys/fs/cgroup/g/memory.max",
};
static fake_root root;
static int fd[TEXTS]; /* kept open: a hundred times faster than made anew */

static void require(int what)
{
    if (!what)
        abort();
}

static void remove_root(void)
{
    fake_root_free(&root);
}

static void write_text(int i, const char *text)
{
    char path[512];

    if (fd[i] == 0) {
        fake_root_write(&root, files[i], "");
        snprintf(path, sizeof path, "%s%s", root.path, files[i]);
        fd[i] = open(path, O_WRONLY | O_CLOEXEC);
    }
    require(ftruncate(fd[i], 0) == 0);
    require(pwrite(fd[i], text, strlen(text), 0) == (ssize_t)strlen(text));
}

/* The next text, with a NUL of its own. */
static size_t next_text(const uint8_t **at, size_t left, char *out)
{
    size_t n = strnlen((const char *)*at, left), kept = n < TEXT_MAX ? n : TEXT_MAX;

    memcpy(out, *at, kept);
    out[kept] = 0;
    n += n < left;
    *at += n;
    return left - n;
}

static void check_list(const char *list)
{
    fw_cpuset cpus;
    int rc = fw_limit_parse_cpus(list, &cpus);

    require(rc == 0 || rc == FURROW_EINVAL);
    require(rc < 0 ||
            (fw_limit_count(&cpus) > 0 && fw_limit_count(&cpus) <= FW_CPU_MAX));
}

static void see(void *ctx, int version, const char *dir)
{
    uint64_t n;

    require(version == 1 || version == 2);
    require(strncmp(dir, root.path, strlen(root.path)) == 0);
    (void)fw_cgroup_number(dir, "memory.max", &n);
    ++*(int *)ctx;
}

static void check_limits(void)
{
    fw_limits limits;
    int levels = 0, seen;

    require(fw_limit_read(root.path, &limits) == 0);
    require(limits.cpuset >= 0 && limits.cpuset <= FW_CPU_MAX);
    seen = fw_cgroup_walk(root.path, FW_CGROUP_MEMORY, see, &levels);
    require(seen == levels);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char text[TEXT_MAX + 1];

    if (!root.path[0]) {
        root = fake_root_new();
        atexit(remove_root);
    }
    for (int i = 0; i < TEXTS; i++) {
        size = next_text(&bytes, size, text);
        if (files[i])
            write_text(i, text);
        else
            check_list(text);
    }
    check_limits();
    return 0;
}
