/* SPDX-License-Identifier: MIT
 *
 * The operating system: pipes, sockets and waiting for them. As in os.h, functions
 * return 0 (or a value >= 0) or -errno, leave the error record alone and retry EINTR
 * themselves. `until` is a point of CLOCK_MONOTONIC in nanoseconds; 0 tries once,
 * INT64_MAX waits for ever. New file descriptors are close-on-exec and high.
 */
#ifndef FW_OS_STREAM_H
#define FW_OS_STREAM_H

#include "os.h"

#include <poll.h>
#include <sys/uio.h>

#pragma GCC visibility push(default) /* libfurrow_manager uses it */

/* ---- streams of bytes (os_linux_stream.c) ----------------------------------------*/

typedef struct fw_stream {
    int fd;
    int socket; /* a stream socket; else an end of a pipe or what behaves so */
    int readable, writable;
} fw_stream;

int fw_os_stream_pair(int fd[2]); /* local sockets, connected to each other */
int fw_os_stream_pipe(int fd[2]); /* the end to read, the end to write */

/* What is fd? -EBADF; -EINVAL when no bytes flow through it in order. */
int fw_os_stream_look(int fd, fw_stream *out);

/* Some bytes, at most `size`: how many, 0 at the end of the file, -ETIMEDOUT, -errno.
 * Waits until there is one. Does not change the mode of the fd, which others may
 * share. */
ssize_t fw_os_stream_read(const fw_stream *s, void *to, size_t size, int64_t until);

/* Write some of the parts: how many bytes, -ETIMEDOUT (none), -EPIPE without a signal,
 * -errno. A pipe that several processes write into may block beyond `until`. */
ssize_t fw_os_stream_write(const fw_stream *s, const struct iovec *part, int parts,
                           int64_t until);

/* Open files, through a local socket, with one byte that says how many (modulo 256). */
#define FW_STREAM_FILES 253 /* Linux takes no more at once */
typedef struct fw_stream_files {
    int fd[FW_STREAM_FILES];
    int count; /* that came */
    int lost;  /* others came that this process has no room for */
    unsigned char body;
} fw_stream_files;
int fw_os_stream_send_files(const fw_stream *s, const int *fd, size_t n, int64_t until);

/* 1, 0 at the end of the file, -ETIMEDOUT, -errno. */
int fw_os_stream_recv_files(const fw_stream *s, fw_stream_files *out, int64_t until);

/* Of the file that is mapped at `at` in this process. */
int fw_os_mapping_id(const void *at, fw_file_id *id);

/* The name ("/x") of a file in /dev/shm. -ENOENT. */
int fw_os_shm_name_of(const fw_file_id *id, char *name, size_t size);

/* ---- waiting ---------------------------------------------------------------------*/

/* poll() with nanoseconds, never early: how many are ready, 0 when the time is over. */
int fw_os_poll(struct pollfd *p, size_t n, int64_t until);

/* Is tid a thread of this process? */
int fw_os_thread_is_ours(pid_t tid);

#pragma GCC visibility pop
#endif
