/* SPDX-License-Identifier: MIT
 *
 * MemAvailable and the memory limits of the cgroups, as one number.
 *
 * memory.stat is dear (the kernel adds up its counters of all CPUs for it), so it is
 * read only where the level would lower the result without it.
 */
#include "headroom.h"

#include "cgroup.h"
#include "os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNLIMITED (UINT64_C(1) << 60) /* v1 says so with a number near 2^63 */

typedef struct names {
    const char *limit, *usage, *cache;
} names;

/* The group's usage includes that of its children, hence v1's total_. */
static const names of_version[3] = {
    [1] = {"memory.limit_in_bytes", "memory.usage_in_bytes", "\ntotal_inactive_file "},
    [2] = {"memory.max", "memory.current", "\ninactive_file "},
};

/* The number that follows `key` in the text, or 0. */
static uint64_t number_after(const char *text, const char *key)
{
    const char *p = strstr(text, key);

    return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

static uint64_t machine_available(const char *root)
{
    char path[1024], text[512]; /* it is the third line */

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    if (fw_os_read_file(path, text, sizeof text) <= 0 || !strstr(text, "MemAvailable:"))
        return UINT64_MAX;
    return number_after(text, "MemAvailable:") * 1024;
}

static uint64_t file_cache(const char *dir, const char *key)
{
    char text[8192];

    text[0] = '\n'; /* so that a key at the very beginning is found too */
    if (fw_cgroup_read(dir, "memory.stat", text + 1, sizeof text - 1) <= 0)
        return 0;
    return number_after(text, key);
}

static void see_limit(void *ctx, int version, const char *dir)
{
    const names *n = &of_version[version];
    uint64_t *least = ctx, limit, usage, room, cache, over;

    if (!fw_cgroup_number(dir, n->limit, &limit) || limit >= UNLIMITED)
        return;
    if (!fw_cgroup_number(dir, n->usage, &usage))
        usage = 0;
    room = limit > usage ? limit - usage : 0;
    if (room >= *least)
        return;
    cache = file_cache(dir, n->cache);
    over = usage > limit ? usage - limit : 0; /* has to be reclaimed first */
    room += cache > over ? cache - over : 0;
    if (room < *least)
        *least = room;
}

uint64_t fw_headroom_bytes(const char *root)
{
    uint64_t least = machine_available(root);

    fw_cgroup_walk(root, FW_CGROUP_MEMORY, see_limit, &least);
    return least;
}
