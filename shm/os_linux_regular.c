/* SPDX-License-Identifier: MIT
 *
 * Regular files: read in full, written under another name and then renamed.
 *
 * Invariant: a target's path holds what it held before, or all that was written.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof((fw_os_target *)0)->path >= PATH_MAX, "realpath() fills it");

/* Of one read or write: the kernel ends at 2 GiB. */
#define PART_MAX ((size_t)1 << 30)

static int check_regular(int fd, size_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *size = (size_t)st.st_size;
    return 0;
}

/* O_NONBLOCK: not to wait for whoever writes a FIFO, which is refused right after. */
int fw_os_regular_open(const char *path, int writable, size_t *size)
{
    const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd, rc;

    do {
        fd = open(path, (writable ? O_RDWR : O_RDONLY) | flags);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    rc = check_regular(fd, size);
    if (rc == 0)
        return fw_os_fd_high(fd);
    close(fd);
    return rc;
}

ssize_t fw_os_regular_read(int fd, void *buffer, size_t size, size_t offset)
{
    size_t done = 0;

    while (done < size) {
        const size_t part = size - done < PART_MAX ? size - done : PART_MAX;
        const ssize_t n =
            pread(fd, (char *)buffer + done, part, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* ---- targets --------------------------------------------------------------------*/

/* Where the file will be: through symbolic links, so that they stay. What is there and
 * is not a regular file (a device, say) must not be replaced by one. */
static int target_find(fw_os_target *t, const char *path)
{
    struct stat st;

    if (strlen(path) >= sizeof t->path)
        return -ENAMETOOLONG;
    if (!realpath(path, t->path))
        strcpy(t->path, path);
    t->mode = -1;
    if (stat(t->path, &st) < 0)
        return 0;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    t->mode = (int)(st.st_mode & 0777);
    return 0;
}

/* A new file beside it. Nobody has its number but, on a shared file system, a process
 * of another machine; then the next is tried. */
int fw_os_target_open(fw_os_target *t, const char *path)
{
    static _Atomic uint32_t number;
    const int rc = target_find(t, path);
    const mode_t mode = t->mode < 0 ? 0666 : (mode_t)t->mode;

    if (rc < 0)
        return rc;
    for (int tries = 0; tries < 100; tries++) {
        const int n = snprintf(t->part, sizeof t->part, "%s.%ld-%u.tmp", t->path,
                               (long)getpid(), (unsigned)fw_add_relaxed(&number, 1));

        if ((size_t)n >= sizeof t->part)
            return -ENAMETOOLONG;
        t->fd = open(t->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (t->fd >= 0 || (errno != EEXIST && errno != EINTR))
            break;
    }
    if (t->fd < 0)
        return -errno;
    if (t->mode >= 0)
        (void)!fchmod(t->fd, mode); /* give back what the umask took, where possible */
    return 0;
}

int fw_os_target_write(const fw_os_target *t, const void *buffer, size_t size)
{
    const off_t at = lseek(t->fd, 0, SEEK_CUR);
    size_t done = 0;

    if (at >= 0 && !fw_os_file_may_be((size_t)at + size))
        return -EFBIG;
    while (done < size) {
        const size_t part = size - done < PART_MAX ? size - done : PART_MAX;
        const ssize_t n = write(t->fd, (const char *)buffer + done, part);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

int fw_os_target_close(fw_os_target *t, int rc)
{
    if (close(t->fd) < 0 && rc == 0 && errno != EINTR)
        rc = -errno;
    if (rc == 0 && rename(t->part, t->path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(t->part);
    return rc;
}
