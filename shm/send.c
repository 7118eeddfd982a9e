/* SPDX-License-Identifier: MIT
 *
 * Sending messages.
 *
 * Length and bytes go out by one system call. A message is either not begun, or the
 * whole of it will follow in order: when a deadline passes after its first byte, the
 * rest is kept in the handle, and nothing else is sent before it. The memory for that
 * is taken before the first byte goes out.
 */
#include "connection.h"

#include "status.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, KEEP_LEAST = 4096, KEEP_MOST = 1 << 16 };

int fw_send_take(furrow_connection *c, furrow_deadline deadline)
{
    if (fw_grip_take(&c->sending, deadline) < 0)
        return fw_fail(FURROW_EBUSY, "another thread is sending");
    return 0;
}

int fw_send_give(furrow_connection *c, int rc)
{
    fw_grip_give(&c->sending);
    return rc;
}

/* ---- the rest --------------------------------------------------------------------*/

static int reserve(fw_outgoing *out, size_t bytes)
{
    char *kept;

    if (bytes <= out->room)
        return 0;
    if (bytes < KEEP_LEAST)
        bytes = KEEP_LEAST;
    kept = realloc(out->kept, bytes);
    if (!kept)
        return fw_fail(FURROW_ENOMEM, "no memory to keep a message of %zu bytes",
                       bytes);
    out->kept = kept;
    out->room = bytes;
    return 0;
}

static void drop_large(fw_outgoing *out)
{
    if (out->begin < out->end || out->room <= KEEP_MOST)
        return;
    free(out->kept);
    out->kept = NULL;
    out->room = out->begin = out->end = 0;
}

int fw_send_rest(furrow_connection *c, furrow_deadline deadline)
{
    fw_outgoing *out = &c->out;

    if (out->torn)
        return fw_fail(FURROW_ECORRUPT,
                       "an earlier message was cut short by a failure");
    while (out->begin < out->end) {
        struct iovec part = {out->kept + out->begin, out->end - out->begin};
        ssize_t n = fw_os_stream_write(&c->stream, &part, 1, deadline);

        if (n < 0)
            return fw_connection_failed(n, "sending the rest of a message");
        out->begin += (size_t)n;
    }
    drop_large(out);
    return 0;
}

static int append(fw_outgoing *out, char byte)
{
    int rc;

    if (out->begin == out->end)
        out->begin = out->end = 0;
    rc = reserve(out, out->end + 1);
    if (rc == 0)
        out->kept[out->end++] = byte;
    return rc;
}

int fw_send_byte(furrow_connection *c, char byte, furrow_deadline deadline)
{
    int rc = fw_send_take(c, deadline);

    if (rc < 0)
        return fw_fail(FURROW_ETIME, "another thread is sending");
    rc = append(&c->out, byte);
    if (rc == 0)
        rc = fw_send_rest(c, deadline);
    return fw_send_give(c, rc == FURROW_ETIME ? 0 : rc);
}

/* The message failed with rc after its beginning went out. Returns FURROW_UNSENT. When
 * there is no memory to keep the rest, no message can follow: then rc. */
static int keep_rest(fw_outgoing *out, const struct iovec part[PARTS], int rc)
{
    furrow_error error = *furrow_last_error();
    size_t left = 0;

    for (int i = 0; i < PARTS; i++)
        left += part[i].iov_len;
    if (rc == FURROW_EEOF)
        return rc;
    out->torn = reserve(out, left) < 0;
    if (out->torn)
        return fw_status_adopt(&error);
    out->begin = out->end = 0;
    for (int i = 0; i < PARTS; i++) {
        if (part[i].iov_len)
            memcpy(out->kept + out->end, part[i].iov_base, part[i].iov_len);
        out->end += part[i].iov_len;
    }
    return FURROW_UNSENT;
}

/* ---- a message -------------------------------------------------------------------*/

/* So many bytes of the parts are sent. Returns how many are not. */
static size_t advance(struct iovec part[PARTS], size_t sent)
{
    size_t left = 0;

    for (int i = 0; i < PARTS; i++) {
        size_t step = sent < part[i].iov_len ? sent : part[i].iov_len;

        if (step) {
            part[i].iov_base = (char *)part[i].iov_base + step;
            part[i].iov_len -= step;
        }
        sent -= step;
        left += part[i].iov_len;
    }
    return left;
}

static int send_parts(furrow_connection *c, struct iovec part[PARTS],
                      furrow_deadline deadline)
{
    size_t left = advance(part, 0), whole = left;

    while (left > 0) {
        ssize_t n = fw_os_stream_write(&c->stream, part, PARTS, deadline);
        int rc = n < 0 ? fw_connection_failed(n, "sending") : 0;

        if (rc < 0)
            return left < whole ? keep_rest(&c->out, part, rc) : rc;
        left = advance(part, (size_t)n);
    }
    return 0;
}

static int send_message(furrow_connection *c, const struct iovec given[2],
                        furrow_deadline deadline)
{
    size_t size = given[0].iov_len + given[1].iov_len;
    unsigned char head[FW_FRAME_LONG];
    struct iovec part[PARTS] = {
        {head, fw_frame_encode(head, size)}, given[0], given[1]};
    int rc = fw_send_rest(c, deadline);

    if (rc == FURROW_ETIME)
        return fw_fail(FURROW_EBUSY,
                       "%zu bytes of an earlier message are still to be sent",
                       c->out.end - c->out.begin);
    if (rc == 0 && deadline != FURROW_FOREVER)
        rc = reserve(&c->out, size + FW_FRAME_LONG);
    if (rc == 0)
        rc = send_parts(c, part, deadline);
    drop_large(&c->out);
    return rc;
}

int fw_send_message(furrow_connection *c, const struct iovec part[2],
                    furrow_deadline deadline)
{
    int rc = fw_send_take(c, deadline);

    if (rc < 0)
        return rc;
    return fw_send_give(c, send_message(c, part, deadline));
}

int furrow_connection_send(furrow_connection *c, const void *data, size_t size,
                           furrow_deadline deadline)
{
    struct iovec part[2] = {{(void *)(uintptr_t)data, size}, {NULL, 0}};
    int rc = fw_connection_check_writable(c);

    if (rc == 0 && !data && size)
        rc = fw_fail(FURROW_EINVAL, "the message of %zu bytes is NULL", size);
    if (rc == 0 && size > INT64_MAX)
        rc = fw_fail(FURROW_EINVAL, "no message has %zu bytes", size);
    if (rc == 0)
        rc = fw_send_message(c, part, deadline);
    return fw_connection_done(__func__, c, rc);
}

int64_t furrow_connection_unsent(furrow_connection *c)
{
    int64_t left;
    int rc = fw_connection_check_writable(c);

    if (rc == 0)
        rc = fw_send_take(c, FURROW_FOREVER);
    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    left = (int64_t)(c->out.end - c->out.begin);
    fw_grip_give(&c->sending);
    return left;
}

int furrow_connection_flush(furrow_connection *c, furrow_deadline deadline)
{
    int rc = fw_connection_check_writable(c);

    if (rc == 0)
        rc = fw_send_take(c, deadline);
    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    return fw_connection_done(__func__, c, fw_send_give(c, fw_send_rest(c, deadline)));
}
