/* SPDX-License-Identifier: MIT
 *
 * Lines of Linux: stream sockets between two processes. Nothing of a line outlives them:
 * a death closes its end, and what was sent before can still be read.
 */
#include "os.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOMENT_NS (200 * INT64_C(1000000))

typedef union one_fd { /* and who sent it, where that is told */
    char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr align;
} one_fd;

/* The kernel had no memory for a message just now. Waits a millisecond; 0 when that has been
 * so for a moment: *since is 0 before the first time. */
static int memory_may_come(int64_t *since)
{
    int64_t now = fw_os_now();

    if (errno != ENOMEM && errno != ENOBUFS)
        return 0;
    if (!*since)
        *since = now;
    if (now - *since > MOMENT_NS)
        return 0;
    (void)poll(NULL, 0, 1);
    return 1;
}

int fw_os_line(int end[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
        return -errno;
    end[0] = fw_os_fd_high(end[0]);
    end[1] = fw_os_fd_high(end[1]);
    return 0;
}

static void put_fd(struct msghdr *m, one_fd *with, int fd)
{
    struct cmsghdr *c;

    memset(with, 0, sizeof *with);
    m->msg_control = with->room;
    m->msg_controllen = CMSG_SPACE(sizeof fd);
    c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

int fw_os_line_send(int line, const void *bytes, size_t size, int fd)
{
    const char *at = bytes;
    int64_t since = 0;
    one_fd with;

    while (size) {
        struct iovec part = {(void *)at, size};
        struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        if (fd >= 0)
            put_fd(&m, &with, fd);
        n = sendmsg(line, &m, MSG_NOSIGNAL);
        if (n < 0 && (errno == EINTR || memory_may_come(&since)))
            continue;
        if (n < 0)
            return errno == ECONNRESET ? -EPIPE : -errno;
        since = 0;
        fd = -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int left_ms(int64_t until)
{
    int64_t now = fw_os_now(), left = (until - now) / 1000000 + 1;

    return until <= now ? 0 : left > 60000 ? 60000 : (int)left;
}

unsigned fw_os_readable(const int *fd, int count, int64_t until)
{
    for (;;) {
        struct pollfd p[FW_READABLE_MAX];
        unsigned found = 0;

        for (int i = 0; i < count; i++)
            p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
        if (poll(p, (nfds_t)count, left_ms(until)) > 0)
            for (int i = 0; i < count; i++)
                found |= (p[i].revents ? 1u : 0) << i;
        if (found || fw_os_now() >= until)
            return found;
    }
}

/* A later fd takes the place of an earlier one. */
static void take_fds(const struct cmsghdr *c, fw_os_along *with)
{
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; i++) {
        int got;

        memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
        if (!with) {
            fw_os_close(got);
            continue;
        }
        fw_os_close(with->fd);
        with->fd = fw_os_fd_high(got);
    }
}

static void take_along(struct msghdr *m, fw_os_along *with)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct ucred sender;

        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            take_fds(c, with);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS || !with)
            continue;
        memcpy(&sender, CMSG_DATA(c), sizeof sender);
        with->from = sender.pid;
    }
}

int fw_os_line_know_senders(int line)
{
    int on = 1;

    return setsockopt(line, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 ? 0 : -errno;
}

size_t fw_os_line_waiting(int line)
{
    int bytes = 0;

    return ioctl(line, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

int fw_os_line_await(int line, int64_t until)
{
    char byte;
    ssize_t n =
        recv(line, &byte, 1, MSG_DONTWAIT); /* it is there already, most often */

    if (n >= 0)
        return n > 0 ? 0 : -EPIPE;
    if (!fw_os_readable(&line, 1, until))
        return -ETIMEDOUT;
    if (fw_os_line_waiting(line) == 0)
        return -EPIPE;
    (void)recv(line, &byte, 1, MSG_DONTWAIT); /* that it came is known */
    return 0;
}

void fw_os_line_end(int line)
{
    (void)shutdown(line, SHUT_RDWR);
}

/* Nothing that came along is left to a caller whose bytes did not all come. */
static int came_in_part(fw_os_along *with, int rc)
{
    if (with) {
        fw_os_close(with->fd);
        with->fd = -1;
    }
    return rc;
}

int fw_os_line_recv(int line, void *bytes, size_t size, fw_os_along *with,
                    int64_t until)
{
    char *at = bytes;
    int64_t since = 0;
    one_fd along;

    if (with)
        *with = (fw_os_along){.fd = -1};
    while (size) {
        struct iovec part = {at, size};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = along.room,
                           .msg_controllen = sizeof along.room};
        ssize_t n = recvmsg(line, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return came_in_part(with, -EPIPE);
        if (n < 0 && (errno == EINTR || memory_may_come(&since)))
            continue;
        if (n < 0 && errno != EAGAIN)
            return came_in_part(with, -errno);
        if (n < 0 && errno == EAGAIN && !fw_os_readable(&line, 1, until))
            return came_in_part(with, -ETIMEDOUT);
        if (n < 0)
            continue;
        since = 0;
        take_along(&m, with);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}
