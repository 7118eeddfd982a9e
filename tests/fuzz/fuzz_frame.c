/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: a connection on any bytes, in any pieces. The first byte says how they are
 * cut and how they are received; what comes out must be what a plain reading of the bytes
 * gives, message by message, up to the first length that cannot be or the end.
 */
#include "furrow_pipe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST = 60000, ROOM = 4096 };

static void require(int what)
{
    if (!what)
        abort();
}

/* The next message by the book: its size and *at behind its head; -1 there is none whole,
 * -2 the length cannot be. */
static int64_t plain(const uint8_t *bytes, size_t size, size_t *at)
{
    uint64_t n = 0;

    if (size - *at < 4)
        return -1;
    for (int i = 0; i < 4; i++)
        n = n << 8 | bytes[(*at)++];
    if (n != 0xffffffff)
        return n > INT32_MAX ? -2 : size - *at < n ? -1 : (int64_t)n;
    if (size - *at < 8)
        return -1;
    n = 0;
    for (int i = 0; i < 8; i++)
        n = n << 8 | bytes[(*at)++];
    return n > INT64_MAX ? -2 : size - *at < n ? -1 : (int64_t)n;
}

/* One try; 0, or the error. */
static int receive(furrow_connection *c, unsigned how, char **message, size_t *got)
{
    static char buffer[ROOM];
    int rc;

    if (how % 3 == 0)
        (void)furrow_connection_next(c, got, 0);
    if (how % 2) {
        *message = furrow_connection_recv_new(c, got, 0);
        return *message ? 0 : furrow_last_error()->code;
    }
    rc = furrow_connection_recv(c, buffer, ROOM, got, 0);
    if (rc == FURROW_ESHORT) {
        require(*got > ROOM);
        *message = furrow_connection_recv_new(c, got, 0);
        return *message ? 0 : furrow_last_error()->code;
    }
    if (rc == 0) {
        *message = malloc(*got + 1);
        memcpy(*message, buffer, *got);
    }
    return rc;
}

static void check(furrow_connection *c, const uint8_t *bytes, size_t size, int raw)
{
    size_t step = 1 + bytes[0] % 97, sent = 1, at = 1, got;
    unsigned tries = bytes[0];
    int rc = 0, want = 0;
    char *message = NULL;

    while (want == 0) {
        size_t head = at;
        int64_t n = plain(bytes, size, &at);

        want = n == -2        ? FURROW_ECORRUPT
               : n >= 0       ? 0
               : head == size ? FURROW_EEOF
                              : FURROW_ECORRUPT;
        while ((rc = receive(c, tries++, &message, &got)) == FURROW_ETIME) {
            size_t left = size - sent < step ? size - sent : step;

            if (left == 0)
                shutdown(raw, SHUT_WR);
            else
                require(write(raw, bytes + sent, left) == (ssize_t)left);
            sent += left;
        }
        require(rc == want);
        if (rc < 0)
            break;
        require(got == (size_t)n && memcmp(message, bytes + at, got) == 0);
        free(message);
        at += got;
    }
    require(receive(c, 1, &message, &got) == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    furrow_connection *c;
    int fd[2];

    if (size == 0 || size > MOST)
        return 0;
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    c = furrow_connection_from_fd(fd[0]);
    require(c != NULL);
    check(c, bytes, size, fd[1]);
    require(furrow_connection_close(c) == 0);
    close(fd[1]);
    return 0;
}
