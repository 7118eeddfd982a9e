/* SPDX-License-Identifier: MIT
 *
 * Open files through a connection, and connections, which are files.
 *
 * They go between two messages, as one byte that carries them. Neither side may be in
 * the middle of a message: the receiver is not while it holds `receiving` and has no
 * byte of a head, the sender when no rest is kept. A process that is killed after its
 * sendmsg() has sent them all, before it none; what nobody has received the kernel
 * closes with the last end of the connection.
 *
 * An acknowledgement is one byte between two messages, too. It is `due` before the files
 * go out, and whoever receives next takes it in, also when it comes late, or while another
 * thread waits for a message. It is given and awaited with no other grip held than that of
 * its direction: two sides that send each other files would wait for each other.
 */
#include "connection.h"

#include "status.h"

#include <errno.h>
#include <string.h>

#define TICK_NS (100 * 1000 * 1000)

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

/* Under `receiving`: the next byte is an acknowledgement. Another one is a message's. */
static int take_ack(furrow_connection *c, furrow_deadline deadline)
{
    unsigned char *byte = c->in.head;
    ssize_t n = c->in.have ? 1 : fw_os_stream_read(&c->stream, byte, 1, deadline);

    if (n < 0)
        return fw_connection_failed(n, "waiting for the acknowledgement of files");
    if (n == 0)
        return fw_fail(FURROW_EEOF, "the other end is closed");
    if (!c->in.have && fw_receive_is_ack(c, *byte))
        return 0;
    c->in.have += !c->in.have;
    return fw_fail(FURROW_ECORRUPT, "the peer does not acknowledge files");
}

/* Until none is due; another thread that receives may take them in. */
static int await_acks(furrow_connection *c, furrow_deadline deadline)
{
    int rc = 0;

    while (rc == 0 && fw_load_seqcst(&c->due) > 0) {
        furrow_deadline tick = fw_os_now() + TICK_NS;

        rc = fw_receive_take(c, deadline < tick ? deadline : tick);
        if (rc == 0 && fw_load_seqcst(&c->due) > 0)
            rc = fw_receive_give(c, take_ack(c, deadline));
        else if (rc == 0)
            fw_grip_give(&c->receiving);
        else if (fw_os_now() < deadline)
            rc = 0;
    }
    return rc;
}

static int send_now(furrow_connection *c, const int *fds, size_t n,
                    furrow_deadline deadline)
{
    int rc;

    if (c->ack)
        (void)fw_add_seqcst(&c->due, 1);
    rc = fw_os_stream_send_files(&c->stream, fds, n, deadline);
    if (rc < 0 && c->ack)
        (void)fw_receive_is_ack(c, FW_ACKNOWLEDGED);
    return rc < 0 ? failed_files(rc) : 0;
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
    rc = fw_send_give(c, rc == 0 ? send_now(c, fds, n, deadline) : rc);
    return rc == 0 && c->ack ? await_acks(c, deadline) : rc;
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

/* What came instead of files is the beginning of a message. */
static int keep_byte(furrow_connection *c, unsigned char byte)
{
    c->in.head[0] = byte;
    c->in.have = 1;
    return fw_fail(FURROW_ECORRUPT, "a message came, and no files; it stays");
}

/* 1 files came, or an error. */
static int next_files(furrow_connection *c, fw_stream_files *files,
                      furrow_deadline deadline)
{
    int rc;

    do {
        rc = fw_os_stream_recv_files(&c->stream, files, deadline);
        if (rc < 0)
            return fw_connection_failed(rc, "receiving files");
        if (rc == 0)
            return fw_fail(FURROW_EEOF, "the other end is closed");
        if (files->count || files->lost)
            return 1;
    } while (fw_receive_is_ack(c, files->body));
    return keep_byte(c, files->body);
}

static int recv_files(furrow_connection *c, int *fds, size_t n,
                      furrow_deadline deadline)
{
    fw_stream_files files = {.count = 0};
    int rc = fw_receive_take(c, deadline), ack = 0;
    furrow_error error;

    if (rc < 0)
        return rc;
    rc = c->in.have ? fw_fail(FURROW_ECORRUPT, "a message came, and no files; it stays")
                    : next_files(c, &files, deadline);
    fw_grip_give(&c->receiving);
    if (rc < 0)
        return rc;
    rc = judge(&files, n);
    error = *furrow_last_error();
    if (c->ack) /* the peer waits for it whether its files were right or not */
        ack = fw_send_byte(c, FW_ACKNOWLEDGED, deadline);
    if (rc == 0 && ack == 0)
        memcpy(fds, files.fd, n * sizeof *fds);
    else
        for (int i = 0; i < files.count; i++)
            fw_os_close(files.fd[i]);
    return rc < 0 ? fw_status_adopt(&error) : ack;
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
