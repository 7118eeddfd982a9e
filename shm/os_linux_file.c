/* SPDX-License-Identifier: MIT
 *
 * Files and descriptors of Linux.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FD_HIGH = 64 }; /* out of the way of programs that close and reopen 0, 1, 2 */

#define PIECE ((size_t)16 << 20) /* bytes that are allocated at a time */

ssize_t fw_os_read_file(const char *path, char *buffer, size_t size)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (used < size - 1) {
        ssize_t n = read(fd, buffer + used, size - 1 - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    buffer[used] = 0;
    close(fd);
    return (ssize_t)used;
}

int fw_os_fd_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);

    if (high < 0) /* a small RLIMIT_NOFILE */
        high = fd > 2 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (high < 0)
        return fd;
    close(fd);
    return high;
}

void fw_os_tell(const char *text)
{
    (void)syscall(SYS_write, 2, text, strlen(text));
}

void fw_os_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int fw_os_fd_own(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : -errno;
}

int fw_os_file_may_be(size_t size)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 1;
    return size <= limit.rlim_cur;
}

/* name as shm_open() wants it: "/x", checked by the caller. */
static int shm_path(const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "/dev/shm%s", name);

    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* In pieces: a kernel that lets a signal interrupt it takes the piece back. */
static int allocate(int fd, size_t size)
{
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < size; at += PIECE)
        do
            rc = posix_fallocate(fd, (off_t)at,
                                 (off_t)(size - at < PIECE ? size - at : PIECE));
        while (rc == EINTR);
    return -rc;
}

/* O_TMPFILE has no name until it is complete, so that nobody attaches to half of it. */
int fw_os_shm_new(size_t size)
{
    int rc, fd;

    if (!fw_os_file_may_be(size))
        return -EFBIG;
    fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    fd = fw_os_fd_high(fd);
    rc = allocate(fd, size);
    if (rc < 0) {
        fw_os_close(fd);
        return rc;
    }
    return fd;
}

int fw_os_open_of(pid_t pid, int fd, int writable)
{
    char path[64];
    int opened;

    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, fd);
    opened = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    return opened < 0 ? -errno : fw_os_fd_high(opened);
}

int fw_os_shm_publish(int fd, const char *name)
{
    char from[64], to[300];
    int rc = shm_path(name, to, sizeof to);

    if (rc < 0)
        return rc;
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int fw_os_shm_open(const char *name, size_t *size)
{
    struct stat status;
    char path[300];
    int fd, rc = shm_path(name, path, sizeof path);

    if (rc < 0)
        return rc;
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    fd = fw_os_fd_high(fd);
    rc = fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ? -EINVAL : 0;
    if (rc == 0 && status.st_uid != 0 && status.st_uid != geteuid())
        rc = -EPERM; /* whoever owns it may cut it short under us */
    if (rc < 0) {
        fw_os_close(fd);
        return rc;
    }
    *size = (size_t)status.st_size;
    return fd;
}

int fw_os_file_id(int fd, fw_file_id *id)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return -errno;
    id->device = status.st_dev;
    id->inode = status.st_ino;
    return 0;
}

int64_t fw_os_size(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 ? (int64_t)status.st_size : -errno;
}

int fw_os_shm_unlink(const char *name, const fw_file_id *id)
{
    struct stat status;
    char path[300];
    int rc = shm_path(name, path, sizeof path);

    if (rc < 0)
        return rc;
    if (lstat(path, &status) != 0)
        return -errno;
    if (status.st_dev != id->device || status.st_ino != id->inode)
        return -ENOENT; /* somebody else's by now */
    return unlink(path) == 0 ? 0 : -errno;
}
