/* SPDX-License-Identifier: MIT
 *
 * Pipes, local socket pairs and waiting for them, on Linux.
 *
 * The blocking mode belongs to the open file, which other processes share, so it is
 * never changed. Sockets take MSG_DONTWAIT per call. Pipes have no such flag: they are
 * polled first, and what is written then is a page at most, for which poll() promises
 * room.
 */
#include "os_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void raise_both(int fd[2])
{
    fd[0] = fw_os_fd_high(fd[0]);
    fd[1] = fw_os_fd_high(fd[1]);
}

int fw_os_stream_pair(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
        return -errno;
    raise_both(fd);
    return 0;
}

int fw_os_stream_pipe(int fd[2])
{
    if (pipe2(fd, O_CLOEXEC) != 0)
        return -errno;
    raise_both(fd);
    return 0;
}

/* A connected stream socket? One that listens has no bytes. */
static int look_at_socket(int fd)
{
    int type = 0, listens = 0;
    socklen_t size = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return -errno;
    size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0)
        return -errno;
    return type == SOCK_STREAM && !listens ? 0 : -EINVAL;
}

int fw_os_stream_look(int fd, fw_stream *out)
{
    int mode, flags = fcntl(fd, F_GETFL);
    struct stat status;

    if (flags < 0 || fstat(fd, &status) != 0)
        return -errno;
    if (flags & O_PATH || S_ISDIR(status.st_mode))
        return -EINVAL;
    mode = flags & O_ACCMODE;
    *out = (fw_stream){.fd = fd,
                       .socket = S_ISSOCK(status.st_mode),
                       .readable = mode != O_WRONLY,
                       .writable = mode != O_RDONLY};
    return out->socket ? look_at_socket(fd) : 0;
}

/* ---- waiting ---------------------------------------------------------------------*/

int fw_os_poll(struct pollfd *p, size_t n, int64_t until)
{
    for (;;) {
        int64_t left = until == INT64_MAX || until <= 0 ? 0 : until - fw_os_now();
        struct timespec t = {left > 0 ? left / 1000000000 : 0,
                             left > 0 ? left % 1000000000 : 0};
        int ready = ppoll(p, n, until == INT64_MAX ? NULL : &t, NULL);

        if (ready > 0)
            return ready;
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (until != INT64_MAX && left <= 0 && ready == 0)
            return 0;
    }
}

/* 0 when the stream is ready for it (or ended), -ETIMEDOUT, -errno. */
static int wait_for(const fw_stream *s, short events, int64_t until)
{
    struct pollfd p = {.fd = s->fd, .events = events};
    int ready = fw_os_poll(&p, 1, until);

    if (ready > 0)
        return p.revents & POLLNVAL ? -EBADF : 0;
    return ready == 0 ? -ETIMEDOUT : ready;
}

int fw_os_thread_is_ours(pid_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

/* What a system call on the stream has failed with. A network that has given the other side
 * up says what we say of a deadline. */
static ssize_t failed(void)
{
    return errno == ETIMEDOUT ? -ECONNRESET : -errno;
}

/* ---- reading ---------------------------------------------------------------------*/

static ssize_t read_now(const fw_stream *s, void *to, size_t size, int64_t until)
{
    ssize_t n = s->socket ? recv(s->fd, to, size, until == INT64_MAX ? 0 : MSG_DONTWAIT)
                          : read(s->fd, to, size);

    return n < 0 ? failed() : n;
}

ssize_t fw_os_stream_read(const fw_stream *s, void *to, size_t size, int64_t until)
{
    int look_first = !s->socket && until != INT64_MAX;

    for (;;) {
        ssize_t n = look_first ? wait_for(s, POLLIN, until) : 0;

        if (n == 0)
            n = read_now(s, to, size, until);
        if (n == -EAGAIN) {
            n = wait_for(s, POLLIN, until);
            if (n == 0)
                continue;
        }
        if (n != -EINTR)
            return n;
    }
}

/* ---- writing ---------------------------------------------------------------------*/

static ssize_t send_now(const fw_stream *s, const struct iovec *part, int parts,
                        int64_t until)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)part,
                       .msg_iovlen = (size_t)parts};
    ssize_t n =
        sendmsg(s->fd, &m, MSG_NOSIGNAL | (until == INT64_MAX ? 0 : MSG_DONTWAIT));

    return n < 0 ? failed() : n;
}

/* At most a page of the parts, gathered. */
static ssize_t write_page(int fd, const struct iovec *part, int parts)
{
    char page[PIPE_BUF];
    size_t used = 0;
    ssize_t n;

    for (int i = 0; i < parts && used < sizeof page; i++) {
        size_t take = part[i].iov_len;

        if (take > sizeof page - used)
            take = sizeof page - used;
        if (take)
            memcpy(page + used, part[i].iov_base, take);
        used += take;
    }
    n = write(fd, page, used);
    return n < 0 ? -errno : n;
}

static ssize_t write_now(const fw_stream *s, const struct iovec *part, int parts,
                         int64_t until)
{
    ssize_t n;

    if (until != INT64_MAX)
        return write_page(s->fd, part, parts);
    n = writev(s->fd, part, parts);
    return n < 0 ? -errno : n;
}

static size_t size_of(const struct iovec *part, int parts)
{
    size_t size = 0;

    for (int i = 0; i < parts; i++)
        size += part[i].iov_len;
    return size;
}

/* A write to a pipe that nobody reads raises SIGPIPE in the thread: kept back, and
 * taken out again unless it was there before. When the reader goes in the middle of a
 * write, the signal comes with a count that is short, not with EPIPE. */
static ssize_t write_quietly(const fw_stream *s, const struct iovec *part, int parts,
                             int64_t until)
{
    const struct timespec none = {0};
    sigset_t pipe_signal, pending, before;
    ssize_t n;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    sigpending(&pending);
    n = write_now(s, part, parts, until);
    if (n < (ssize_t)size_of(part, parts) && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_signal, NULL, &none) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

ssize_t fw_os_stream_write(const fw_stream *s, const struct iovec *part, int parts,
                           int64_t until)
{
    int look_first = !s->socket && until != INT64_MAX;

    for (;;) {
        ssize_t n = look_first ? wait_for(s, POLLOUT, until) : 0;

        if (n == 0)
            n = s->socket ? send_now(s, part, parts, until)
                          : write_quietly(s, part, parts, until);
        if (n == -EAGAIN) {
            n = wait_for(s, POLLOUT, until);
            if (n == 0)
                continue;
        }
        if (n != -EINTR)
            return n;
    }
}

/* ---- open files ------------------------------------------------------------------*/

/* Room for the files of one message, aligned as its head wants it. */
typedef union rights {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(FW_STREAM_FILES * sizeof(int))];
} rights;

static void fill_rights(rights *r, struct msghdr *m, const int *fd, size_t n)
{
    *m = (struct msghdr){.msg_iov = m->msg_iov,
                         .msg_iovlen = 1,
                         .msg_control = r,
                         .msg_controllen = CMSG_SPACE(n * sizeof *fd)};
    memset(r, 0, sizeof *r);
    r->head.cmsg_level = SOL_SOCKET;
    r->head.cmsg_type = SCM_RIGHTS;
    r->head.cmsg_len = CMSG_LEN(n * sizeof *fd);
    memcpy(CMSG_DATA(&r->head), fd, n * sizeof *fd);
}

int fw_os_stream_send_files(const fw_stream *s, const int *fd, size_t n, int64_t until)
{
    unsigned char body = (unsigned char)(n % 256);
    struct iovec part = {&body, 1};
    struct msghdr m = {.msg_iov = &part};
    rights r;

    fill_rights(&r, &m, fd, n);
    for (;;) {
        int rc = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;

        if (rc == -EAGAIN) {
            rc = wait_for(s, POLLOUT, until);
            if (rc == 0)
                continue;
        }
        if (rc != -EINTR)
            return rc;
    }
}

/* The files that came, as many as there is room for; others are closed. How many
 * came. */
static int take_rights(struct msghdr *m, int *fd, size_t room)
{
    int n = 0;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof *fd;

        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++, n++) {
            int got;

            memcpy(&got, CMSG_DATA(h) + i * sizeof got, sizeof got);
            if ((size_t)n < room)
                fd[n] = got;
            else
                close(got);
        }
    }
    return n;
}

int fw_os_stream_recv_files(const fw_stream *s, fw_stream_files *out, int64_t until)
{
    struct iovec part = {&out->body, 1};
    rights r;

    for (;;) {
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &r,
                           .msg_controllen = sizeof r};
        ssize_t n = recvmsg(s->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        int rc = n < 0 ? -errno : 0;

        if (rc == 0) {
            out->count = take_rights(&m, out->fd, FW_STREAM_FILES);
            out->lost = (m.msg_flags & MSG_CTRUNC) != 0;
            return (int)n;
        }
        if (rc == -EAGAIN) {
            rc = wait_for(s, POLLIN, until);
            if (rc == 0)
                continue;
        }
        if (rc != -EINTR)
            return rc;
    }
}
