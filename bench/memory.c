/* SPDX-License-Identifier: MIT
 *
 * memory.c - the kinds of memory that work lies in, and how much of it is huge pages.
 */
#include "bench.h"

#include <furrow.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE /* of Linux 6.1, of glibc 2.37 */
#define MADV_COLLAPSE 25
#endif
#define HUGE_PAGE ((size_t)2 << 20)

static const char *const names[] = {[BENCH_NO_MEMORY] = "-",
                                    [BENCH_HUGE] = "huge",
                                    [BENCH_MALLOC] = "malloc",
                                    [BENCH_SHARED] = "shared",
                                    [BENCH_FURROW] = "furrow"};

const char *bench_memory_name(bench_memory kind)
{
    return names[kind];
}

static size_t bytes_of(const bench_vector *v)
{
    const size_t bytes = v->n * sizeof(double);
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Whole huge pages at an address that is one's. The mapping itself begins there, for
 * pages of a file (and shared memory is one) are huge only where its offsets are even
 * too. */
static void *map_aligned(size_t bytes, int flags)
{
    char *p = mmap(NULL, bytes + HUGE_PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    const size_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (head)
        munmap(p, head);
    if (HUGE_PAGE - head)
        munmap(p + head + bytes, HUGE_PAGE - head);
    p = mmap(p + head, bytes, PROT_READ | PROT_WRITE,
             flags | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* refused: small pages, and it is printed */
    return p;
}

static int new_furrow(bench_vector *v)
{
    v->array = furrow_array_new('d', v->n, NULL);
    if (!v->array)
        return bench_fail("%s: %s", furrow_last_error()->function,
                          furrow_last_error()->text);
    v->data = v->array->data;
    return 0;
}

int bench_vector_new(bench_vector *v, bench_memory kind, size_t n)
{
    *v = (bench_vector){.n = n, .kind = kind};
    switch (kind) {
    case BENCH_HUGE:
        v->data = map_aligned(bytes_of(v), MAP_PRIVATE);
        break;
    case BENCH_SHARED:
        v->data = map_aligned(bytes_of(v), MAP_SHARED);
        break;
    case BENCH_MALLOC:
        v->data = malloc(n * sizeof(double));
        break;
    case BENCH_FURROW:
        return new_furrow(v);
    case BENCH_NO_MEMORY:
        return bench_fail("a contender of this row needs memory");
    }
    if (!v->data)
        return bench_fail("no memory for %zu doubles: %s", n, strerror(errno));
    return 0;
}

void bench_vector_free(bench_vector *v)
{
    if (v->kind == BENCH_MALLOC)
        free(v->data);
    else if (v->kind == BENCH_FURROW)
        furrow_array_free(v->array);
    else if (v->data)
        munmap(v->data, bytes_of(v));
    *v = (bench_vector){0};
}

void *bench_shared_page(size_t bytes)
{
    void *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void bench_vector_populate(const bench_vector *v, size_t begin, size_t end)
{
    char *from = (char *)(v->data + begin), *to = (char *)(v->data + end);
    const int shared = v->kind == BENCH_SHARED || v->kind == BENCH_FURROW;
    int huge = shared && (uintptr_t)from % HUGE_PAGE == 0;
    for (char *p = from; huge && p + HUGE_PAGE <= to; p += HUGE_PAGE) {
        *(volatile char *)p = 0; /* one page is there, the kernel makes it a huge one */
        huge = madvise(p, HUGE_PAGE, MADV_COLLAPSE) == 0;
    }
    madvise(from, (size_t)(to - from), MADV_POPULATE_WRITE); /* refused: faults later */
}

/* Sums what one mapping of smaps says; its lines are "Key:   value kB". */
static void smaps_line(const char *line, size_t *rss, size_t *huge)
{
    static const char *const keys[] = {
        "AnonHugePages:", "ShmemPmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:"};
    size_t kb;
    if (sscanf(line, "Rss: %zu", &kb) == 1)
        *rss += kb;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strncmp(line, keys[i], strlen(keys[i])) == 0)
            *huge += strtoull(line + strlen(keys[i]), NULL, 10);
}

int bench_vector_huge(const bench_vector *v)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    int inside = 0;
    size_t rss = 0, huge = 0;
    if (!f)
        return -1;
    while (fgets(line, sizeof line, f)) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = (uintptr_t)v->data < end &&
                     (uintptr_t)v->data + v->n * sizeof(double) > begin;
        else if (inside)
            smaps_line(line, &rss, &huge);
    }
    fclose(f);
    return rss ? (int)(100 * huge / rss) : -1;
}
