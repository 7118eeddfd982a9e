/* SPDX-License-Identifier: MIT
 *
 * Views of Linux: mremap() of no bytes at all makes a second mapping of the same shared
 * memory, for which nobody needs the file. A view has a line of its own in
 * /proc/self/smaps and numa_maps, and what is done to it does not cut the heap's
 * mapping into pieces, of which a process may have 65530.
 */
#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define HUGE_PAGE ((size_t)2 << 20)

int fw_os_view_open(fw_os_view *v, void *at, size_t size)
{
    char *first;
    int rc;

    v->room_size = size + 2 * HUGE_PAGE;
    rc = fw_os_reserve(NULL, v->room_size, &v->room);
    if (rc < 0)
        return rc;
    first =
        (char *)v->room + FW_PAGE; /* the kernel must not join it with a neighbour */
    v->at = first + ((uintptr_t)at - (uintptr_t)first) % HUGE_PAGE;
    if (mremap(at, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, v->at) != MAP_FAILED)
        return 0;
    rc = -errno;
    fw_os_view_close(v);
    return rc;
}

void fw_os_view_close(fw_os_view *v)
{
    munmap(v->room, v->room_size);
}

/* Before Linux 5.14: look at each page. */
static void look(const char *at, size_t size)
{
    for (size_t i = 0; i < size; i += FW_PAGE)
        (void)*(const volatile char *)(at + i);
}

int fw_os_map_pages(void *at, size_t size)
{
    while (madvise(at, size, MADV_POPULATE_READ) != 0) {
        if (errno == EINTR || errno == EAGAIN)
            continue;
        if (errno != EINVAL)
            return -errno;
        look(at, size);
        break;
    }
    return 0;
}

typedef struct huge_search {
    uintptr_t at;
    ssize_t bytes; /* -ENOENT until the mapping is found */
} huge_search;

/* "7f00-7f01 rw-s ..." opens a mapping, "ShmemPmdMapped:  2048 kB" belongs to the last.
 */
static int see_smaps(void *ctx, char *line)
{
    huge_search *s = ctx;
    unsigned long long kb;
    char *end;
    uintptr_t from = strtoull(line, &end, 16);

    if (*end == '-') {
        if (s->bytes >= 0)
            return 1;
        if (from == s->at)
            s->bytes = 0;
    } else if (s->bytes >= 0 && (sscanf(line, "ShmemPmdMapped: %llu", &kb) == 1 ||
                                 sscanf(line, "FilePmdMapped: %llu", &kb) == 1)) {
        s->bytes += (ssize_t)(kb * 1024);
    }
    return 0;
}

ssize_t fw_os_mapped_huge(const void *at)
{
    huge_search s = {.at = (uintptr_t)at, .bytes = -ENOENT};
    int rc = fw_os_read_lines("/proc/self/smaps", see_smaps, &s);

    return rc < 0 ? rc : s.bytes;
}
