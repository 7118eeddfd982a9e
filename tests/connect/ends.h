/* SPDX-License-Identifier: MIT
 *
 * A pipe to a peer, under any start method.
 *
 * A spawned process inherits no files, and a forked one more than is good: an end that
 * it has a copy of never sees the end of file. So the peer is started first, and
 * fetches its end over a local socket whose name stands in the heap.
 *
 *     static int echo(void *arg) { furrow_connection *c = ends_take(arg); ... }
 *     ends_stage *s = ends_stage_new();
 *     furrow_connection *c = ends_begin(&p, echo, s, ENDS_DUPLEX);
 */
#ifndef ENDS_H
#define ENDS_H

#include "furrow_pipe.h"
#include "left.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { ENDS_DUPLEX, ENDS_PEER_SENDS, ENDS_PEER_RECEIVES, ENDS_TEXT = 400 };
#define ENDS_SOON furrow_in(15)

/* Lies in the heap. */
typedef struct ends_stage {
    char door[64];
    int number, code[4];
    _Atomic int interrupts; /* handled by the other (interrupt.h) */
    size_t size;
    int64_t pid;
    char text[ENDS_TEXT];
} ends_stage;

static inline ends_stage *ends_stage_new(void)
{
    furrow_array *a = furrow_array_new('B', sizeof(ends_stage), NULL);

    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    return a->data;
}

static inline struct sockaddr_un ends_address(const ends_stage *s, socklen_t *size)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    strcpy(a.sun_path + 1, s->door);
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(s->door));
    return a;
}

static inline int ends_door(ends_stage *s)
{
    static int number;
    struct sockaddr_un a;
    socklen_t size;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(s->door, sizeof s->door, "furrow-ends-%d-%d", (int)getpid(), ++number);
    a = ends_address(s, &size);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, size), 0, "%s", strerror(errno));
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

/* Send one fd by hand, not by what is tested. */
static inline int ends_pass(int through, int fd)
{
    char body = 1, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&body, 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(through, &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static inline int ends_fetch(int through)
{
    char body, control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&body, 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    int fd = -1;

    if (recvmsg(through, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

/* In the peer: its end. */
static inline int ends_take_fd(const ends_stage *s)
{
    int got, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un a;
    socklen_t size;

    a = ends_address(s, &size);
    if (connect(fd, (struct sockaddr *)&a, size) != 0)
        return -1;
    got = ends_fetch(fd);
    close(fd);
    return got;
}

static inline furrow_connection *ends_take(const ends_stage *s)
{
    return furrow_connection_from_fd(ends_take_fd(s));
}

/* Start the peer run(s); it gets fd by ends_take_fd(), and this process keeps no
 * copy. */
static inline void ends_start(peer *p, int (*run)(void *), ends_stage *s,
                              int (*make)(void *ctx), void *ctx)
{
    int through, fd, door = ends_door(s);

    cr_assert_eq(peer_start(p, run, s), 0);
    through = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(through, 0);
    fd = make(ctx);
    cr_assert_eq(ends_pass(through, fd), 0);
    close(fd);
    close(through);
    close(door);
}

typedef struct ends_pair {
    furrow_connection *mine;
    int how;
} ends_pair;

static inline int ends_make(void *ctx)
{
    ends_pair *e = ctx;
    furrow_connection *a, *b, *theirs;
    int fd;

    cr_assert_eq(furrow_pipe(&a, &b, e->how == ENDS_DUPLEX), 0);
    e->mine = e->how == ENDS_PEER_RECEIVES ? b : a;
    theirs = e->how == ENDS_PEER_RECEIVES ? a : b;
    fd = fcntl(furrow_connection_fileno(theirs), F_DUPFD_CLOEXEC, 3);
    cr_assert_eq(furrow_connection_close(theirs), 0);
    return fd;
}

static inline furrow_connection *ends_begin(peer *p, int (*run)(void *), ends_stage *s,
                                            int how)
{
    ends_pair e = {.how = how};

    ends_start(p, run, s, ends_make, &e);
    return e.mine;
}

/* Close this end and wait for the peer: what it returned. */
static inline int ends_finish(peer *p, furrow_connection *c)
{
    cr_assert_eq(furrow_connection_close(c), 0);
    return peer_join(p);
}

static inline void ends_want(int code, const char *says)
{
    const furrow_error *e = furrow_last_error();

    cr_assert_eq(e->code, code, "%s: %s", furrow_status_name(e->code), e->text);
    cr_assert(strstr(e->text, says), "\"%s\" does not say \"%s\"", e->text, says);
    cr_assert_null(strchr(e->text, '\n'));
}

/* Bytes that differ from place to place. */
static inline void ends_pattern(unsigned char *to, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)((i * 2654435761u >> 13) + seed + (i >> 16));
}

#endif
