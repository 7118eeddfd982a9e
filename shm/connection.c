/* SPDX-License-Identifier: MIT
 *
 * The handle of a connection: made, asked, ended. receive.c and send.c move its
 * messages.
 *
 * It lies in memory of its process alone: nothing here is shared but the stream itself,
 * which the kernel keeps whole. What a kill can tear is a message on its way, and the
 * reader sees that by its length. Of the threads of the process, one at a time
 * receives, under the grip `receiving`, and one sends, under `sending`; each writes its
 * half of the handle alone. All else is set before the handle is given out.
 */
#include "connection.h"

#include "status.h"

#include <errno.h>
#include <stdlib.h>

int fw_connection_check(const furrow_connection *c)
{
    if (!c)
        return FURROW_EINVAL;
    if (c->magic != FW_CONNECTION_MAGIC)
        return fw_fail(FURROW_EINVAL, "%p is not an open connection", (const void *)c);
    return 0;
}

int fw_connection_done(const char *function, const furrow_connection *c, int rc)
{
    return c || rc >= 0 ? fw_status_in(function, rc)
                        : fw_status_null(function, "the connection");
}

void *fw_connection_none(const char *function, const furrow_connection *c)
{
    (void)fw_connection_done(function, c, FURROW_EINVAL);
    return NULL;
}

int fw_connection_check_readable(const furrow_connection *c)
{
    int rc = fw_connection_check(c);

    if (rc == 0 && !c->stream.readable)
        return fw_fail(FURROW_EINVAL, "this end of the pipe only sends");
    return rc;
}

int fw_connection_check_writable(const furrow_connection *c)
{
    int rc = fw_connection_check(c);

    if (rc == 0 && !c->stream.writable)
        return fw_fail(FURROW_EINVAL, "this end of the pipe only receives");
    return rc;
}

furrow_connection *fw_connection_new(const fw_stream *s)
{
    furrow_connection *c = calloc(1, sizeof *c);

    if (!c) {
        fw_fail(FURROW_ENOMEM, "no memory for a connection");
        return NULL;
    }
    c->magic = FW_CONNECTION_MAGIC;
    c->stream = *s;
    c->limit = UINT64_MAX;
    return c;
}

int fw_connection_failed(ssize_t n, const char *doing)
{
    switch (n) {
    case -ETIMEDOUT:
        return fw_fail(FURROW_ETIME, "the deadline has passed while %s", doing);
    case -EPIPE:
    case -ECONNRESET:
        return fw_fail(FURROW_EEOF, "the other end is closed");
    case -EBADF:
        return fw_fail(FURROW_EINVAL,
                       "the file descriptor of the connection was closed");
    default:
        return fw_fail_os((int)-n, "the connection failed while %s", doing);
    }
}

furrow_connection *furrow_connection_from_fd(int fd)
{
    fw_stream s;
    int rc = fw_os_stream_look(fd, &s);

    if (rc == -EBADF)
        fw_fail(FURROW_EINVAL, "file descriptor %d is not open", fd);
    else if (rc < 0 && rc != -EINVAL)
        fw_fail_os(-rc, "cannot look at file descriptor %d", fd);
    else if (rc < 0)
        fw_fail(FURROW_EINVAL,
                "file descriptor %d is neither an end of a pipe nor a connected stream "
                "socket",
                fd);
    return fw_status_new(__func__, rc < 0 ? NULL : fw_connection_new(&s));
}

int furrow_connection_close(furrow_connection *c)
{
    int rc = c ? fw_connection_check(c) : 0;

    if (!c || rc < 0)
        return fw_connection_done(__func__, c, rc);
    c->magic = 0;
    fw_os_close(c->stream.fd);
    fw_receive_fini(c);
    free(c->out.kept);
    free(c);
    return 0;
}

int furrow_connection_fileno(const furrow_connection *c)
{
    int rc = fw_connection_check(c);

    return rc < 0 ? fw_connection_done(__func__, c, rc) : c->stream.fd;
}

int furrow_connection_readable(const furrow_connection *c)
{
    int rc = fw_connection_check(c);

    return rc < 0 ? fw_connection_done(__func__, c, rc) : c->stream.readable;
}

int furrow_connection_writable(const furrow_connection *c)
{
    int rc = fw_connection_check(c);

    return rc < 0 ? fw_connection_done(__func__, c, rc) : c->stream.writable;
}
