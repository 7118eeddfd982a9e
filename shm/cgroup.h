/* SPDX-License-Identifier: MIT
 *
 * The control groups that the calling process is in: v1, v2 and hosts that mix them.
 *
 * A limit of any ancestor holds for the process, so readers look at all of them:
 *
 *     static void see(void *ctx, int version, const char *dir) { ... dir/memory.max ...
 * } fw_cgroup_walk("", FW_CGROUP_MEMORY, see, &least);
 *
 * In a container the walk ends where the mount ends: what is above it is not visible.
 */
#ifndef FW_CGROUP_H
#define FW_CGROUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum fw_cgroup_controller {
    FW_CGROUP_CPU,
    FW_CGROUP_CPUSET,
    FW_CGROUP_MEMORY
} fw_cgroup_controller;

/* `version` is 1 or 2; `dir` has no slash at its end and is lent for the call. It need
 * not exist: the path may belong to a cgroup that is gone or not mounted here. */
typedef void (*fw_cgroup_visitor)(void *ctx, int version, const char *dir);

/* Visit the process's cgroup of the controller, then each ancestor up to the mount
 * point. `root` is put before every path: "" for this machine, else the folder of a
 * made-up /proc and /sys. Returns how many levels were visited, 0 when there is no
 * cgroup. Neither fails nor allocates; safe in every thread. The mount points of this
 * machine are looked up once per process. */
int fw_cgroup_walk(const char *root, fw_cgroup_controller controller,
                   fw_cgroup_visitor visit, void *ctx);

/* Read dir/file as fw_os_read_file() does. */
ssize_t fw_cgroup_read(const char *dir, const char *file, char *buffer, size_t size);

/* The number in dir/file: 1 and *out, or 0 when there is none ("max", "-1", no file).
 */
int fw_cgroup_number(const char *dir, const char *file, uint64_t *out);

#endif
