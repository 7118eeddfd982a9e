/* SPDX-License-Identifier: MIT
 *
 * Memory primitives of Linux: nameless files, mappings, advice.
 *
 * populate() and punch() go through the mapping (MADV_POPULATE_WRITE, MADV_REMOVE), so
 * that no process needs to keep the heap's fd open.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Newer than the C library's headers may be. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define HUGE_PAGE ((size_t)2 << 20)

/* FW_PAGE is the heap's. The system's are 16 or 64 KiB on many an aarch64, and advice
 * whose range ends in the middle of one of those is taken for all of it. */
static size_t system_page(void)
{
    return (size_t)getpagesize();
}

/* User-mode emulators (QEMU) answer all advice with 0 and follow little of it. A page
 * tells which it is, once. */
static int advice_is_followed(void)
{
    enum { UNKNOWN, NO, YES };
    static _Atomic uint32_t known;
    const size_t page = system_page();
    uint32_t is = fw_load_relaxed(&known);
    char *p;

    if (is != UNKNOWN)
        return is == YES;
    p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return 0;
    *(volatile char *)p = 1;
    is = madvise(p, page, MADV_REMOVE) == 0 && *(volatile char *)p == 0 ? YES : NO;
    munmap(p, page);
    fw_store_relaxed(&known, is);
    return is == YES;
}

int fw_os_memfd(const char *label, size_t size)
{
    int rc, fd;

    if (!fw_os_file_may_be(size))
        return -EFBIG;
    fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0) /* before Linux 6.3, or a filter that does not know the flag */
        fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    fd = fw_os_fd_high(fd);
    if (ftruncate(fd, (off_t)size) != 0) {
        rc = -errno;
        fw_os_close(fd);
        return rc;
    }
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return fd;
}

/* Kernels before 4.17 take MAP_FIXED_NOREPLACE for a hint: look where it went. */
static int placed(void *p, void *at, size_t size, void **out)
{
    if (p == MAP_FAILED)
        return -errno;
    if (at && p != at) {
        munmap(p, size);
        return -EEXIST;
    }
    *out = p;
    return 0;
}

int fw_os_map(void *at, size_t size, int fd, void **out)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (at ? MAP_FIXED_NOREPLACE : 0);

    return placed(mmap(at, size, PROT_READ | PROT_WRITE, flags, fd, 0), at, size, out);
}

int fw_os_reserve(void *at, size_t size, void **out)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    flags |= at ? MAP_FIXED_NOREPLACE : 0;
    return placed(mmap(at, size, PROT_NONE, flags, -1, 0), at, size, out);
}

int fw_os_reserve_over(void *at, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    void *p = mmap(at, size, PROT_NONE, flags, -1, 0);

    return p == MAP_FAILED ? -errno : 0;
}

/* The kernel may have taken away what was there before it found that it cannot. */
int fw_os_map_over(void *at, size_t size, int fd, int writable)
{
    int prot = PROT_READ | (writable ? PROT_WRITE : 0), error;

    if (mmap(at, size, prot, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED)
        return 0;
    error = errno;
    (void)fw_os_reserve_over(at, size);
    return -error;
}

void fw_os_unmap(void *at, size_t size)
{
    munmap(at, size);
}

int fw_os_advise_huge(void *at, size_t size)
{
    return madvise(at, size, MADV_HUGEPAGE) == 0 ? 0 : -errno;
}

int fw_os_advise_nodump(void *at, size_t size)
{
    return madvise(at, size, MADV_DONTDUMP) == 0 ? 0 : -errno;
}

/* Before Linux 5.14, under emulators, or where it is refused: touch each page. A lack of memory
 * is then a SIGBUS. */
static void touch(char *from, char *to)
{
    for (volatile char *p = from; p < (volatile char *)to; p += FW_PAGE)
        *p = *p;
}

int fw_os_populate(void *at, size_t size)
{
    const size_t page = system_page();
    char *from = (char *)((uintptr_t)at & ~(page - 1));
    char *to = (char *)(((uintptr_t)at + size + page - 1) & ~(page - 1));

    while (madvise(from, (size_t)(to - from), MADV_POPULATE_WRITE) != 0) {
        if (errno == EINTR || errno == EAGAIN)
            continue;
        if (errno == EINVAL || errno == ENOSYS || errno == EPERM) {
            touch(from, to);
            return 0;
        }
        return errno == EFAULT ? -ENOMEM
                               : -errno; /* shmem answers a lack with EFAULT */
    }
    if (!advice_is_followed())
        touch(from, to);
    return 0;
}

/* One page, then the kernel makes the extent around it huge: that copies one page, not
 * 512. Refused (an older kernel, no huge page free): small pages must do. */
static void collapse(char *from, char *to)
{
    for (char *p = from; p + HUGE_PAGE <= to; p += HUGE_PAGE)
        if (fw_os_populate(p, 1) != 0 || madvise(p, HUGE_PAGE, MADV_COLLAPSE) != 0)
            return;
}

int fw_os_populate_huge(void *at, size_t size)
{
    if (!fw_os_shm_huge() && (uintptr_t)at % HUGE_PAGE == 0)
        collapse(at, (char *)at + size);
    return fw_os_populate(at, size);
}

static int remove_pages(char *from, char *to)
{
    if (!advice_is_followed())
        return -EOPNOTSUPP;
    while (madvise(from, (size_t)(to - from), MADV_REMOVE) != 0)
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    return 0;
}

/* The edges lie in pages of the system that are others' too. */
int fw_os_punch(void *at, size_t size)
{
    const size_t page = system_page();
    char *from = at, *to = from + size;
    char *first = (char *)(((uintptr_t)from + page - 1) & ~(page - 1));
    char *last = (char *)((uintptr_t)to & ~(page - 1));

    if (first >= last) {
        memset(from, 0, size);
        return 0;
    }
    memset(from, 0, (size_t)(first - from));
    memset(last, 0, (size_t)(to - last));
    return remove_pages(first, last);
}

/* One answer for each page of the system, spread over those of FW_PAGE that lie in it. */
static int large_pages_there(char *at, size_t pages, unsigned char *there)
{
    const size_t page = system_page();
    unsigned char answer;

    for (size_t i = 0; i < pages; i++) {
        char *p = at + i * FW_PAGE;

        if ((i == 0 || (uintptr_t)p % page == 0) &&
            mincore(p - (uintptr_t)p % page, page, &answer) != 0)
            return -errno;
        there[i] = answer;
    }
    return 0;
}

int fw_os_pages_there(void *at, size_t pages, unsigned char *there)
{
    if (system_page() > FW_PAGE)
        return large_pages_there(at, pages, there);
    return mincore(at, pages * FW_PAGE, there) == 0 ? 0 : -errno;
}

size_t fw_os_resident(void *at, size_t size)
{
    enum { BATCH = 4096 };
    unsigned char there[BATCH];
    size_t pages = size / FW_PAGE, found = 0;

    for (size_t done = 0; done < pages; done += BATCH) {
        size_t n = pages - done < BATCH ? pages - done : BATCH;

        if (fw_os_pages_there((char *)at + done * FW_PAGE, n, there) != 0)
            break;
        for (size_t i = 0; i < n; i++)
            found += there[i] & 1;
    }
    return found * FW_PAGE;
}

void *fw_os_page_shared(void)
{
    void *p =
        mmap(NULL, FW_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

int fw_os_shm_huge(void)
{
    char text[128];
    ssize_t n = fw_os_read_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled",
                                text, sizeof text);

    return n > 0 && !strstr(text, "[never]") && !strstr(text, "[deny]");
}

size_t fw_os_address_space_left(void)
{
    struct rlimit limit;
    char text[64];
    unsigned long pages = 0;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    if (fw_os_read_file("/proc/self/statm", text, sizeof text) > 0)
        (void)sscanf(text, "%lu", &pages);
    return limit.rlim_cur > pages * system_page()
               ? limit.rlim_cur - pages * system_page()
               : 0;
}

size_t fw_os_memory_total(void)
{
    struct sysinfo is; /* sysconf() makes up a number where that is refused */

    return sysinfo(&is) == 0 ? (size_t)is.totalram * is.mem_unit : 0;
}
