/* SPDX-License-Identifier: MIT
 *
 * NUMA of Linux, by raw system calls: libnuma is not needed for three of them.
 *
 * mbind() on a shared mapping leaves the rule with the memory, where each process's
 * first touch meets it. It is called on a view (os_linux_view.c). The kernel skips a
 * mapping whose own copy of the rule is the same as the new one, and a view begins
 * without: so a rule is first changed to another one before it is removed.
 */
#include "os.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORD_BITS = 8 * sizeof(unsigned long), WORDS = FW_OS_NODES / WORD_BITS };

/* The kernel takes one bit less than it is told of. */
static int bind(void *at, size_t size, int mode, const unsigned long *mask)
{
    unsigned long bits = mask ? FW_OS_NODES + 1 : 0;

    return syscall(SYS_mbind, at, size, mode, mask, bits, 0) == 0 ? 0 : -errno;
}

int fw_os_numa_prefer(void *at, size_t size, int node)
{
    unsigned long mask[WORDS] = {0};
    fw_os_view view;
    int rc;

    if (node < 0 || node >= FW_OS_NODES)
        return -EINVAL;
    mask[node / WORD_BITS] = 1UL << (node % WORD_BITS);
    if (fw_os_view_open(&view, at, size) < 0)
        return bind(at, size, MPOL_PREFERRED, mask);
    rc = bind(view.at, size, MPOL_PREFERRED, mask);
    fw_os_view_close(&view);
    return rc;
}

static int unbind(void *at, size_t size)
{
    int rc = bind(at, size, MPOL_LOCAL, NULL);

    return rc < 0 ? rc : bind(at, size, MPOL_DEFAULT, NULL);
}

int fw_os_numa_reset(void *at, size_t size)
{
    fw_os_view view;
    int rc;

    if (fw_os_view_open(&view, at, size) < 0)
        return unbind(at, size);
    rc = unbind(view.at, size);
    fw_os_view_close(&view);
    return rc;
}

int fw_os_numa_nodes(void **page, size_t count, int *node)
{
    return syscall(SYS_move_pages, 0, count, page, NULL, node, 0) >= 0 ? 0 : -errno;
}

typedef struct count_search {
    uintptr_t at;
    int found;
    size_t *pages;
} count_search;

/* "7f0000000000 default file=/memfd:x mapped=96 N0=64 N1=32 kernelpagesize_kB=4" */
static int see_numa_maps(void *ctx, char *line)
{
    count_search *s = ctx;
    char *word, *end, *rest = NULL;

    if (strtoull(line, &end, 16) != s->at || *end != ' ')
        return 0;
    s->found = 1;
    for (word = strtok_r(end, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        unsigned long node = *word == 'N' ? strtoul(word + 1, &end, 10) : FW_OS_NODES;

        if (node < FW_OS_NODES && *end == '=')
            s->pages[node] += strtoull(end + 1, NULL, 10);
    }
    return 1;
}

int fw_os_numa_count(const void *at, size_t *pages)
{
    count_search s = {.at = (uintptr_t)at, .pages = pages};
    int rc = fw_os_read_lines("/proc/self/numa_maps", see_numa_maps, &s);

    return rc < 0 ? rc : s.found ? 0 : -ENOENT;
}
