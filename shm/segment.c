/* SPDX-License-Identifier: MIT
 *
 * The heap segment.
 *
 * A large sparse memfd is mapped before any worker exists, so that whatever is allocated
 * later is already there in every worker, at the same address. It costs address space, not
 * memory: nothing may read a hole, for a read allocates. It is sealed against growing and
 * shrinking, and kept out of core dumps: a crashing worker that dumps holes materialises
 * them and does not die for seconds.
 *
 * The geometry is computed once, by the process that makes the segment, and inherited in
 * private memory by those it forks: what a scribbler does to the superblock moves nothing.
 *
 * Size: four times the memory of the machine, rounded up to a power of two, within 64 GiB
 * and 4 TiB; FURROW_HEAP overrides ("16G"). Halved, down to 256 MiB, while the kernel
 * refuses, and at most half of what RLIMIT_AS leaves.
 */
#include "segment.h"

#include "status.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GIB ((size_t)1 << 30)
#define MIB ((size_t)1 << 20)

#define LEAST   (256 * MIB)
#define LARGEST (16 * 1024 * GIB)

#define SMALL_FINE (1 * MIB) /* too little to ask the system for */

/* Tried: free in plain programs, with an unlimited stack, under ASan and UBSan. */
static char *const preferred = (char *)0x700000000000;

static fw_segment segment;
static _Atomic int made;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static size_t pow2_ceil(size_t n)
{
    size_t p = MIB;

    while (p < n)
        p *= 2;
    return p;
}

/* Bytes of a size such as "16G", or 0 when it is none. */
static size_t parse_size(const char *text)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    size_t n;

    if (!isdigit((unsigned char)*text))
        return 0;
    errno = 0;
    n = strtoull(text, &end, 10);
    unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (errno || (*end && (!unit || end[1])))
        return 0;
    return __builtin_mul_overflow(n, (size_t)1 << (unit ? (unit - units + 1) * 10 : 0),
                                  &n)
               ? 0
               : n;
}

/* FURROW_HEAP: 0 when it is not set, or FURROW_EINVAL. */
static int from_environment(size_t *size)
{
    const char *text = getenv("FURROW_HEAP");

    *size = 0;
    if (!text || !*text)
        return 0;
    *size = parse_size(text);
    if (*size == 0 || *size > LARGEST)
        return fw_fail(FURROW_EINVAL,
                       "FURROW_HEAP is \"%.40s\"; a size from 256M to %zuT is expected",
                       text, LARGEST / (1024 * GIB));
    *size = *size < LEAST ? LEAST : pow2_ceil(*size);
    return 0;
}

static int size_wanted(size_t *size)
{
    int rc = from_environment(size);
    size_t n;

    if (rc < 0 || *size)
        return rc;
    n = fw_os_memory_total();
    n = n < 16 * GIB ? 16 * GIB : n > 1024 * GIB ? 1024 * GIB : n;
    *size = pow2_ceil(4 * n);
    return 0;
}

static size_t window_size(size_t size)
{
    return size / 4;
}

static size_t align_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Carve the mapping at base: superblock, maps, small zone, large zone, window. */
static void lay_out(fw_segment *s, char *base, size_t size)
{
    size_t small_size = size / 4 > 16 * GIB ? 16 * GIB : size / 4;
    size_t small_units = small_size / FW_SMALL_UNIT;
    size_t large_max = (size - small_size) / FW_LARGE_UNIT;
    size_t window_units = window_size(size) / FW_LARGE_UNIT;
    size_t map_at = align_up(sizeof(fw_heap), FW_PAGE);
    size_t maps = align_up((small_units + large_max + window_units) * 8, FW_PAGE);
    size_t small_at = align_up(map_at + maps, FW_LARGE_UNIT);
    size_t large_at = align_up(small_at + small_size, FW_LARGE_UNIT);
    _Atomic uint64_t *map = (_Atomic uint64_t *)(void *)(base + map_at);

    s->heap = (fw_heap *)(void *)base;
    s->base = base;
    s->size = size;
    s->zone[FW_ZONE_SMALL] =
        (fw_zone){base + small_at, FW_SMALL_UNIT, small_units, map};
    s->zone[FW_ZONE_LARGE] =
        (fw_zone){base + large_at, FW_LARGE_UNIT, (size - large_at) / FW_LARGE_UNIT,
                  map + small_units};
    s->zone[FW_ZONE_WINDOW] = (fw_zone){base + size, FW_LARGE_UNIT, window_units,
                                        map + small_units + large_max};
}

static int init_superblock(fw_segment *s)
{
    fw_heap *heap = s->heap;
    int rc = fw_lock_init(&heap->lock);

    if (rc < 0)
        return rc;
    heap->size = s->size;
    heap->small_fine = SMALL_FINE;
    for (int z = 0; z < FW_ZONES; z++)
        fw_store_relaxed(&s->zone[z].map[0],
                         (uint64_t)FW_UNIT_FREE << 60 | s->zone[z].units);
    heap->magic = FW_HEAP_MAGIC;
    return 0;
}

/* Address space for the heap and, right behind it, the window; 2 MiB aligned. */
static int reserve(size_t size, char **base)
{
    size_t total = size + window_size(size);
    char *hint = FW_UNDER_TSAN ? NULL : preferred;
    void *p;
    int rc = hint ? fw_os_reserve(hint, total, &p) : -EEXIST;

    if (rc == 0) {
        *base = p;
        return 0;
    }
    rc = fw_os_reserve(NULL, total + FW_LARGE_UNIT, &p);
    if (rc == 0)
        *base = (char *)align_up((uintptr_t)p, FW_LARGE_UNIT);
    return rc;
}

/* Over a reservation. The fd is kept: programs that we run map it too. */
static int map(fw_segment *s, int fd, char *base, size_t size)
{
    int rc = fw_os_map_over(base, size, fd, 1);

    if (rc == 0)
        rc = fw_os_file_id(fd, &s->id);
    if (rc < 0)
        return rc;
    s->fd = fd;
    lay_out(s, base, size);
    (void)fw_os_advise_nodump(base, size);
    (void)fw_os_advise_huge(s->zone[FW_ZONE_LARGE].base,
                            s->zone[FW_ZONE_LARGE].units * FW_LARGE_UNIT);
    return 0;
}

static int try_size(fw_segment *s, size_t size)
{
    char *base = NULL;
    int fd, rc = reserve(size, &base);

    if (rc < 0)
        return rc;
    fd = fw_os_memfd("furrow-heap", size);
    rc = fd < 0 ? fd : map(s, fd, base, size);
    if (rc < 0) {
        fw_os_close(fd);
        fw_os_unmap(base, size + window_size(size));
    }
    return rc;
}

static size_t size_limit(void)
{
    size_t limit = fw_os_address_space_left() / 2;

    if (FW_UNDER_TSAN && limit > 64 * GIB)
        limit = 64 * GIB;
    return limit;
}

static int make(fw_segment *s)
{
    size_t limit = size_limit();
    int rc = size_wanted(&s->wanted);

    if (rc < 0)
        return rc;
    rc = -ENOMEM;
    for (size_t size = s->wanted; size >= LEAST; size /= 2) {
        if (size + window_size(size) > limit && size > LEAST)
            continue;
        rc = try_size(s, size);
        if (rc == 0)
            return init_superblock(s);
    }
    if (rc == -ENOSYS || rc == -EPERM)
        return fw_fail_os(-rc,
                          "the system refuses what a heap is made of (memfd_create, "
                          "ftruncate, mmap)");
    return fw_fail_os(-rc, "cannot map a heap of %zu MiB", LEAST / MIB);
}

const fw_segment *fw_segment_peek(void)
{
    return atomic_load_explicit(&made, memory_order_acquire) ? &segment : NULL;
}

static void wait_for_making(void)
{
    pthread_mutex_lock(&making);
}

static void go_on(void)
{
    pthread_mutex_unlock(&making);
}

/* A fork waits until a heap that another thread is making is there: the child would have
 * half of one, and the lock for good. */
static void mind_forks(void)
{
    (void)pthread_atfork(wait_for_making, go_on, go_on);
}

const fw_segment *fw_segment_get(void)
{
    static pthread_once_t minded = PTHREAD_ONCE_INIT;
    const fw_segment *s = fw_segment_peek();

    if (s)
        return s;
    pthread_once(&minded, mind_forks);
    pthread_mutex_lock(&making);
    if (!fw_segment_peek() && make(&segment) == 0)
        atomic_store_explicit(&made, 1, memory_order_release);
    pthread_mutex_unlock(&making);
    return fw_segment_peek();
}

int fw_segment_fd(const fw_segment *s)
{
    fw_file_id now;
    int rc = fw_os_file_id(s->fd, &now);

    if (rc < 0)
        return rc;
    if (now.device != s->id.device || now.inode != s->id.inode)
        return -EBADF;
    return s->fd;
}

/* What the first process told us may not be what the fd is. */
static int adopt(fw_segment *s, int fd, char *base, size_t size)
{
    size_t total = size + window_size(size);
    int64_t there = fw_os_size(fd);
    void *at;
    int rc;

    if (there < 0)
        return fw_fail_os(-(int)there, "no look at fd %d, the heap", fd);
    if (size < LEAST || size > LARGEST || (size & (size - 1)) != 0 ||
        (uintptr_t)base % FW_LARGE_UNIT || there != (int64_t)size)
        return fw_fail(FURROW_ECORRUPT, "fd %d is not a heap of %zu MiB", fd,
                       size / MIB);
    rc = fw_os_reserve(base, total, &at);
    if (rc < 0)
        return fw_fail_os(-rc,
                          "the heap of the program that ran this one, %zu MiB at %p, "
                          "does not fit in here",
                          total / MIB, (void *)base);
    rc = map(s, fd, base, size);
    if (rc == 0 && s->heap->magic == FW_HEAP_MAGIC && s->heap->size == size)
        return 0;
    fw_os_unmap(base, total);
    return rc < 0 ? fw_fail_os(-rc, "cannot map the heap")
                  : fw_fail(FURROW_ECORRUPT, "what fd %d holds is not a heap", fd);
}

int fw_segment_adopt(int fd, char *base, size_t size)
{
    int rc;

    if (fw_segment_peek())
        return fw_fail(FURROW_EBUSY, "this process made a heap before furrow_init()");
    pthread_mutex_lock(&making);
    rc = adopt(&segment, fd, base, size);
    segment.wanted = size;
    if (rc == 0)
        atomic_store_explicit(&made, 1, memory_order_release);
    pthread_mutex_unlock(&making);
    return rc;
}
