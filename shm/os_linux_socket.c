/* SPDX-License-Identifier: MIT
 *
 * Sockets of Linux: local ones by path or abstract name, and TCP.
 */
#include "os_socket.h"

#include "os_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(struct sockaddr_storage) <= 128, "every address fits");
#define PATH_AT    offsetof(struct sockaddr_un, sun_path)
#define TICK_NS    (100 * 1000 * 1000)
#define generic(a) ((struct sockaddr *)(uintptr_t)(a)->bytes)

/* ---- addresses -------------------------------------------------------------------*/

int fw_os_socket_local(const char *name, size_t size, fw_socket_address *out)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    if (size >= sizeof local.sun_path)
        return -ENAMETOOLONG;
    memcpy(local.sun_path, name, size);
    *out = (fw_socket_address){.size = (uint32_t)(PATH_AT + size)};
    if (size && name[0])
        out->size++; /* a path ends with a NUL */
    memcpy(out->bytes, &local, sizeof local);
    return 0;
}

/* From p on, the first that is of the family, or that is not. */
static const struct addrinfo *next_of(const struct addrinfo *p, int family, int is)
{
    while (p && (p->ai_family == family) != is)
        p = p->ai_next;
    return p;
}

static int copy_by_turns(const struct addrinfo *found, fw_socket_address *out, int room)
{
    int n = 0, family = found->ai_family;
    const struct addrinfo *next[2] = {next_of(found, family, 0), found};

    for (int is = 1; n < room && (next[0] || next[1]); is = !is) {
        const struct addrinfo *p = next[is];

        if (!p)
            continue;
        out[n] = (fw_socket_address){.size = p->ai_addrlen};
        memcpy(out[n++].bytes, p->ai_addr, p->ai_addrlen);
        next[is] = next_of(p->ai_next, family, is);
    }
    return n;
}

int fw_os_socket_inet(const char *host, const char *port, fw_socket_address *out,
                      int room)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    int n;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -ENOENT;
    n = copy_by_turns(found, out, room);
    freeaddrinfo(found);
    return n;
}

static void local_text(const fw_socket_address *a, char text[FW_SOCKET_TEXT])
{
    const char *name = (const char *)a->bytes + PATH_AT;
    size_t size = a->size > PATH_AT ? a->size - PATH_AT : 0;

    if (size > 0 && name[0] == '\0')
        snprintf(text, FW_SOCKET_TEXT, "@%.*s", (int)size - 1, name + 1);
    else
        snprintf(text, FW_SOCKET_TEXT, "%.*s", (int)size, name);
}

void fw_os_socket_text(const fw_socket_address *a, char text[FW_SOCKET_TEXT])
{
    char host[64], port[16];

    text[0] = '\0';
    if (generic(a)->sa_family == AF_UNIX)
        local_text(a, text);
    else if (getnameinfo(generic(a), a->size, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(text, FW_SOCKET_TEXT, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
                 port);
}

static void read_name(int fd, fw_socket_address *out,
                      int (*get)(int, struct sockaddr *restrict, socklen_t *restrict))
{
    socklen_t size = sizeof out->bytes;

    memset(out, 0, sizeof *out);
    if (get(fd, generic(out), &size) == 0)
        out->size = size;
}

/* ---- listening -------------------------------------------------------------------*/

/* TCP must not hold a small message back until the one before it is acknowledged. */
static void set_up(int fd, const fw_socket_address *a, int listens)
{
    int yes = 1;

    if (generic(a)->sa_family == AF_UNIX)
        return;
    if (listens)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    else
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static int new_socket(const fw_socket_address *a, int flags)
{
    int fd = socket(generic(a)->sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    return fd < 0 ? -errno : fw_os_fd_high(fd);
}

int fw_os_socket_listen(fw_socket_address *a, int backlog)
{
    int error, fd = new_socket(a, SOCK_NONBLOCK);

    if (fd < 0)
        return fd;
    set_up(fd, a, 1);
    if (bind(fd, generic(a), a->size) == 0 && listen(fd, backlog) == 0) {
        read_name(fd, a, getsockname);
        return fd;
    }
    error = errno;
    close(fd);
    return -error;
}

int fw_os_socket_accept(int fd, fw_socket_address *from)
{
    int got;

    do
        got = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (got < 0)
        return -errno;
    got = fw_os_fd_high(got);
    read_name(got, from, getpeername);
    set_up(got, from, 0);
    return got;
}

/* ---- connecting ------------------------------------------------------------------*/

/* A local socket waits in connect() while the listener's queue is full, and poll() does
 * not tell when it is not: it waits in turns of a tick. */
static int connect_local(int fd, const fw_socket_address *a, int64_t until)
{
    for (;;) {
        int64_t left = until == INT64_MAX ? TICK_NS : until - fw_os_now();
        struct timeval t = {0, (suseconds_t)((left > TICK_NS ? TICK_NS : left) / 1000)};

        if (left < 1000)
            t.tv_usec = 1; /* 0 would be for ever */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
        if (connect(fd, generic(a), a->size) == 0) {
            t = (struct timeval){0};
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (until != INT64_MAX && fw_os_now() >= until)
            return -ETIME;
    }
}

static int connect_inet(int fd, const fw_socket_address *a, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(int);
    int rc, error = 0, no = 0;

    if (connect(fd, generic(a), a->size) != 0 && errno != EINPROGRESS)
        return -errno;
    rc = fw_os_poll(&p, 1, until);
    if (rc <= 0)
        return rc == 0 ? -ETIME : rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    (void)ioctl(fd, FIONBIO, &no);
    return -error;
}

int fw_os_socket_connect(const fw_socket_address *a, int64_t until)
{
    int local = generic(a)->sa_family == AF_UNIX;
    int rc, fd = new_socket(a, local ? 0 : SOCK_NONBLOCK);

    if (fd < 0)
        return fd;
    set_up(fd, a, 0);
    rc = local ? connect_local(fd, a, until) : connect_inet(fd, a, until);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* ---- paths -----------------------------------------------------------------------*/

int fw_os_socket_path_id(const char *path, fw_file_id *id)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return -errno;
    if (!S_ISSOCK(status.st_mode))
        return -ENOTSOCK;
    *id = (fw_file_id){status.st_dev, status.st_ino};
    return 0;
}

void fw_os_socket_unlink(const char *path, const fw_file_id *id)
{
    fw_file_id now;

    if (!id)
        unlink(path);
    else if (fw_os_socket_path_id(path, &now) == 0 && now.device == id->device &&
             now.inode == id->inode)
        unlink(path);
}

void fw_os_socket_close(int fd)
{
    fw_os_close(fd);
}

int fw_os_socket_random(void *to, size_t size)
{
    ssize_t n;

    do
        n = getrandom(to, size, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

int32_t fw_os_socket_pid(void)
{
    return getpid();
}
