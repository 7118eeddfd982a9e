/* SPDX-License-Identifier: MIT
 *
 * Open files through a connection, and connections, which are files.
 *
 * They go between two messages, as one byte that carries them. Neither side may be in
 * the middle of a message: the receiver is not while it holds `receiving` and has no
 * byte of a head, the sender when no rest is kept. A process that is killed after its
 * sendmsg() has sent them all, before it none; what nobody has received the kernel
 * closes with the last end of the connection.
 */
#include "connection.h"

#include "status.h"

#include <errno.h>
#include <string.h>

#define ACKNOWLEDGED 'A'

static int check_files(const furrow_connection *c, const int *fds, size_t n)
{
    if (!c->stream.socket)
        return fw_fail(FURROW_EINVAL, "files need a duplex connection, not a pipe");
    if (!fds || n == 0 || n > FW_STREAM_FILES)
        return fw_fail(FURROW_EINVAL, "there are 1 to %d files, not %zu",
                       FW_STREAM_FILES, n);
    return 0;
}

/* ---- sending ---------------------------------------------------------------------*/

static int failed_files(ssize_t rc)
{
    if (rc == -EBADF)
        return fw_fail(FURROW_EINVAL, "one of the file descriptors is not open");
    if (rc == -EINVAL || rc == -EOPNOTSUPP)
        return fw_fail(FURROW_EINVAL, "files go through local sockets only");
    return fw_connection_failed(rc, "sending files");
}

/* What the peer answers stands where a message would. */
static int await_ack(furrow_connection *c, furrow_deadline deadline)
{
    char answer = 0;
    ssize_t n;
    int rc = fw_receive_take(c, deadline);

    if (rc < 0)
        return rc;
    n = c->in.have ? 1 : fw_os_stream_read(&c->stream, &answer, 1, deadline);
    fw_grip_give(&c->receiving);
    if (n < 0)
        return fw_connection_failed(n, "waiting for the acknowledgement of files");
    if (n == 0)
        return fw_fail(FURROW_EEOF, "the other end is closed");
    return answer == ACKNOWLEDGED
               ? 0
               : fw_fail(FURROW_ECORRUPT, "the peer does not acknowledge files");
}

static int send_files(furrow_connection *c, const int *fds, size_t n,
                      furrow_deadline deadline)
{
    int rc = fw_send_take(c, deadline);

    if (rc < 0)
        return rc;
    rc = fw_send_rest(c, deadline);
    if (rc == FURROW_ETIME)
        rc = fw_fail(FURROW_EBUSY, "an earlier message is still to be sent");
    if (rc == 0) {
        rc = fw_os_stream_send_files(&c->stream, fds, n, deadline);
        if (rc < 0)
            rc = failed_files(rc);
    }
    if (rc == 0 && c->ack)
        rc = await_ack(c, deadline);
    return fw_send_give(c, rc);
}

int furrow_connection_send_fds(furrow_connection *c, const int *fds, size_t n,
                               furrow_deadline deadline)
{
    int rc = fw_connection_check_writable(c);

    if (rc == 0)
        rc = check_files(c, fds, n);
    if (rc == 0)
        rc = send_files(c, fds, n, deadline);
    return fw_connection_done(__func__, c, rc);
}

/* ---- receiving -------------------------------------------------------------------*/

static int judge(const fw_stream_files *files, size_t n)
{
    if (files->lost)
        return fw_fail_os(EMFILE, "%zu files came, and only %d find room here", n,
                          files->count);
    if ((size_t)files->count != n || files->body != n % 256)
        return fw_fail(FURROW_ECORRUPT,
                       "%zu files were to come, not %d with the byte %d", n,
                       files->count, files->body);
    return 0;
}

static int take_files(furrow_connection *c, int *fds, size_t n,
                      furrow_deadline deadline)
{
    fw_stream_files files;
    int rc = fw_os_stream_recv_files(&c->stream, &files, deadline);

    if (rc < 0)
        return fw_connection_failed(rc, "receiving files");
    if (rc == 0)
        return fw_fail(FURROW_EEOF, "the other end is closed");
    rc = judge(&files, n);
    if (rc == 0)
        memcpy(fds, files.fd, n * sizeof *fds);
    for (int i = 0; rc < 0 && i < files.count; i++)
        fw_os_close(files.fd[i]);
    return rc;
}

/* The peer waits for the acknowledgement whether its files were right or not. */
static int give_ack(furrow_connection *c, furrow_deadline deadline)
{
    struct iovec part = {(char[]){ACKNOWLEDGED}, 1};
    ssize_t n = fw_os_stream_write(&c->stream, &part, 1, deadline);

    return n < 0 ? fw_connection_failed(n, "acknowledging files") : 0;
}

static int recv_files(furrow_connection *c, int *fds, size_t n,
                      furrow_deadline deadline)
{
    int rc = fw_receive_take(c, deadline);

    if (rc < 0)
        return rc;
    if (c->in.have)
        rc = fw_fail(FURROW_ECORRUPT, "a message came, and no files; it stays");
    else
        rc = take_files(c, fds, n, deadline);
    if (rc == 0 && c->ack && give_ack(c, deadline) < 0) {
        rc = furrow_last_error()->code;
        for (size_t i = 0; i < n; i++)
            fw_os_close(fds[i]);
    }
    return fw_receive_give(c, rc);
}

static int receive_files(furrow_connection *c, int *fds, size_t n,
                         furrow_deadline deadline)
{
    int rc = fw_connection_check_readable(c);

    if (rc == 0)
        rc = check_files(c, fds, n);
    if (rc < 0)
        return rc;
    rc = recv_files(c, fds, n, deadline);
    for (size_t i = 0; rc < 0 && i < n; i++)
        fds[i] = -1;
    return rc;
}

int furrow_connection_recv_fds(furrow_connection *c, int *fds, size_t n,
                               furrow_deadline deadline)
{
    return fw_connection_done(__func__, c, receive_files(c, fds, n, deadline));
}

int furrow_connection_acknowledge(furrow_connection *c, int yes)
{
    int rc = fw_connection_check(c);

    if (rc == 0)
        c->ack = yes != 0;
    return fw_connection_done(__func__, c, rc);
}

/* ---- connections -----------------------------------------------------------------*/

int furrow_connection_send_connection(furrow_connection *c, furrow_connection *other,
                                      furrow_deadline deadline)
{
    int rc = fw_connection_check_writable(c);

    if (rc == 0 && !other)
        return fw_fail_null("the connection that is sent");
    if (rc == 0)
        rc = fw_connection_check(other);
    if (rc == 0 && (other->in.have || other->out.begin < other->out.end))
        rc = fw_fail(FURROW_EBUSY, "the connection is in the middle of a message");
    if (rc == 0)
        rc = check_files(c, &other->stream.fd, 1);
    if (rc == 0)
        rc = send_files(c, &other->stream.fd, 1, deadline);
    return fw_connection_done(__func__, c, rc);
}

furrow_connection *furrow_connection_recv_connection(furrow_connection *c,
                                                     furrow_deadline deadline)
{
    furrow_connection *got;
    int fd;

    if (receive_files(c, &fd, 1, deadline) < 0)
        return fw_connection_none(__func__, c);
    got = furrow_connection_from_fd(fd);
    if (!got)
        fw_os_close(fd);
    return got ? got : fw_connection_none(__func__, c);
}
