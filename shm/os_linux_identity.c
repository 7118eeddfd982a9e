/* SPDX-License-Identifier: MIT
 *
 * Which file is mapped here, and what a file is called.
 */
#include "os_stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SHM "/dev/shm"

typedef struct wanted {
    uintptr_t at;
    fw_file_id id;
} wanted;

/* "begin-end rights offset major:minor inode path" */
static int see_mapping(void *ctx, char *line)
{
    unsigned long begin, end, inode;
    unsigned major_number, minor_number;
    wanted *w = ctx;

    if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", &begin, &end, &major_number,
               &minor_number, &inode) != 5 ||
        w->at < begin || w->at >= end)
        return 0;
    w->id = (fw_file_id){makedev(major_number, minor_number), inode};
    return 1;
}

int fw_os_mapping_id(const void *at, fw_file_id *id)
{
    wanted w = {.at = (uintptr_t)at};
    int rc = fw_os_read_lines("/proc/self/maps", see_mapping, &w);

    if (rc == 0 && w.id.inode == 0)
        rc = -ENOENT;
    *id = w.id;
    return rc;
}

/* A file that was made nameless and published later does not know its name itself. */
int fw_os_shm_name_of(const fw_file_id *id, char *name, size_t size)
{
    DIR *dir = opendir(SHM);
    struct dirent *e;
    struct stat status;
    int rc = -ENOENT;

    if (!dir)
        return -errno;
    while (rc != 0 && (e = readdir(dir)))
        if (e->d_ino == id->inode && strlen(e->d_name) + 2 <= size &&
            fstatat(dirfd(dir), e->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_dev == id->device) {
            name[0] = '/';
            strcpy(name + 1, e->d_name);
            rc = 0;
        }
    closedir(dir);
    return rc;
}
