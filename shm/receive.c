/* SPDX-License-Identifier: MIT
 *
 * Receiving messages.
 *
 * Nothing is read beyond the message that is asked for, so that the stream can be
 * handed to another process, or carry files, between any two messages; and what was
 * read of one that is not complete yet stays in the handle:
 *
 *     head   up to 12 bytes, until `known`; then `size` is
 *     kept   the first `got` bytes of the message
 *
 * A message goes straight into the user's buffer. Where a deadline may cut that short,
 * memory to keep as much is taken before the first byte is read, so that no deadline
 * and no lack of memory loses a byte. Without a buffer of the user's, `kept` grows with
 * what comes in: a length is no promise.
 */
#include "connection.h"

#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_LEAST = 4096, KEEP_MOST = 1 << 16, STEP = 1 << 20 };

int fw_receive_take(furrow_connection *c, furrow_deadline deadline)
{
    if (fw_grip_take(&c->receiving, deadline) < 0)
        return fw_fail(FURROW_ETIME, "another thread is receiving");
    return 0;
}

int fw_receive_give(furrow_connection *c, int rc)
{
    fw_grip_give(&c->receiving);
    return rc;
}

/* ---- what is kept ----------------------------------------------------------------*/

/* Room for so many bytes and a NUL. */
static int reserve(fw_incoming *in, uint64_t bytes)
{
    size_t room = bytes < KEEP_LEAST ? KEEP_LEAST : (size_t)bytes + 1;
    char *kept;

    if (bytes < in->room)
        return 0;
    kept = realloc(in->kept, room);
    if (!kept)
        return fw_fail(FURROW_ENOMEM, "no memory for a message of %llu bytes",
                       (unsigned long long)in->size);
    in->kept = kept;
    in->room = room;
    return 0;
}

/* The message has been handed over. */
static void begin_next(fw_incoming *in)
{
    in->have = 0;
    in->known = 0;
    in->got = 0;
    if (in->room <= KEEP_MOST)
        return;
    free(in->kept);
    in->kept = NULL;
    in->room = 0;
}

void fw_receive_done(furrow_connection *c)
{
    begin_next(&c->in);
}

void fw_receive_fini(furrow_connection *c)
{
    free(c->in.kept);
}

/* ---- the stream ------------------------------------------------------------------*/

static int tell_broken(const fw_incoming *in)
{
    uint64_t size;
    size_t need = in->have < FW_FRAME_SHORT ? FW_FRAME_SHORT : FW_FRAME_LONG;

    if (in->broken == FW_BAD_LENGTH)
        return fw_frame_decode(in->head, in->have, &size);
    if (!in->known)
        return fw_fail(
            FURROW_ECORRUPT,
            "the end of file came in the middle of a message: after %zu of the "
            "%zu bytes of its length",
            in->have, need);
    return fw_fail(FURROW_ECORRUPT,
                   "the end of file came in the middle of a message: after %zu of its "
                   "%llu bytes",
                   in->got, (unsigned long long)in->size);
}

/* Read some bytes: how many, or a negative code. The end of file is clean only between
 * two messages. */
static ssize_t read_some(furrow_connection *c, void *to, size_t size,
                         furrow_deadline deadline)
{
    ssize_t n = fw_os_stream_read(&c->stream, to, size, deadline);

    if (n > 0)
        return n;
    if (n < 0 && n != -ECONNRESET)
        return fw_connection_failed(n, "receiving");
    if (!c->in.have)
        return fw_fail(FURROW_EEOF, "the other end is closed");
    c->in.broken = FW_CUT_SHORT;
    return tell_broken(&c->in);
}

int fw_receive_is_ack(furrow_connection *c, unsigned char byte)
{
    uint32_t due = fw_load_seqcst(&c->due);

    while (byte == FW_ACKNOWLEDGED && due > 0)
        if (fw_cas_seqcst(&c->due, &due, due - 1))
            return 1;
    return 0;
}

/* So many bytes came for the head. Acknowledgements are no part of it. */
static void head_came(furrow_connection *c, size_t n)
{
    fw_incoming *in = &c->in;

    while (!in->have && n > 0 && fw_receive_is_ack(c, in->head[0]))
        memmove(in->head, in->head + 1, --n);
    in->have += n;
}

static int read_head(furrow_connection *c, furrow_deadline deadline)
{
    fw_incoming *in = &c->in;

    for (;;) {
        int need = fw_frame_decode(in->head, in->have, &in->size);
        ssize_t n;

        if (need < 0)
            in->broken = FW_BAD_LENGTH;
        if (need <= 0) {
            in->known = need == 0;
            return need;
        }
        n = read_some(c, in->head + in->have, (size_t)need, deadline);
        if (n < 0)
            return (int)n;
        head_came(c, (size_t)n);
    }
}

int fw_receive_head(furrow_connection *c, furrow_deadline deadline)
{
    fw_incoming *in = &c->in;
    int rc = in->broken ? tell_broken(in) : in->known ? 0 : read_head(c, deadline);

    if (rc == 0 && in->size > c->limit)
        return fw_fail(FURROW_ESHORT,
                       "the next message has %llu bytes, the limit is %llu; it stays",
                       (unsigned long long)in->size, (unsigned long long)c->limit);
    return rc;
}

int fw_receive_ready(furrow_connection *c)
{
    int ready;

    if (fw_grip_take(&c->receiving, 0) < 0)
        return 0; /* another thread is at it: the stream tells */
    ready = c->in.broken || (c->in.known && c->in.got == c->in.size);
    fw_grip_give(&c->receiving);
    return ready;
}

/* ---- into the user's buffer ------------------------------------------------------*/

/* Read the message to its end, after its first *at bytes. */
static int read_rest(furrow_connection *c, char *to, size_t *at,
                     furrow_deadline deadline)
{
    while (*at < c->in.size) {
        ssize_t n = read_some(c, to + *at, (size_t)c->in.size - *at, deadline);

        if (n < 0)
            return (int)n;
        *at += (size_t)n;
    }
    return 0;
}

static int receive_into(furrow_connection *c, char *to, furrow_deadline deadline)
{
    fw_incoming *in = &c->in;
    size_t at = in->got;
    int rc;

    if (deadline != FURROW_FOREVER && at < in->size && reserve(in, in->size) < 0)
        return FURROW_ENOMEM;
    if (at > 0)
        memcpy(to, in->kept, at);
    rc = read_rest(c, to, &at, deadline);
    if (rc == 0) {
        begin_next(in);
    } else if (rc == FURROW_ETIME) {
        memcpy(in->kept + in->got, to + in->got, at - in->got);
        in->got = at;
    }
    return rc;
}

static int receive(furrow_connection *c, void *buffer, size_t room, size_t *size,
                   furrow_deadline deadline)
{
    int rc = fw_receive_head(c, deadline);

    if (size && c->in.known)
        *size = (size_t)c->in.size;
    if (rc < 0)
        return rc;
    if (c->in.size > room)
        return fw_fail(FURROW_ESHORT,
                       "the next message has %llu bytes, the buffer %zu; it stays",
                       (unsigned long long)c->in.size, room);
    return receive_into(c, buffer, deadline);
}

int furrow_connection_recv(furrow_connection *c, void *buffer, size_t room,
                           size_t *size, furrow_deadline deadline)
{
    int rc = fw_connection_check_readable(c);

    if (rc == 0 && !buffer && room)
        rc = fw_fail(FURROW_EINVAL, "the buffer of %zu bytes is NULL", room);
    if (rc == 0)
        rc = fw_receive_take(c, deadline);
    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    return fw_status_in(__func__,
                        fw_receive_give(c, receive(c, buffer, room, size, deadline)));
}

/* ---- into memory of its own ------------------------------------------------------*/

/* Room for the next bytes, twice as much as before. */
static int grow(fw_incoming *in)
{
    uint64_t bytes = in->got < STEP ? STEP : (uint64_t)in->got * 2;

    return reserve(in, bytes < in->size ? bytes : in->size);
}

int fw_receive_kept(furrow_connection *c, furrow_deadline deadline)
{
    fw_incoming *in = &c->in;
    int rc = grow(in);

    while (rc == 0 && in->got < in->size) {
        uint64_t left = in->size - in->got;
        size_t room = in->room - 1 - in->got;
        ssize_t n = read_some(c, in->kept + in->got, left < room ? (size_t)left : room,
                              deadline);

        if (n < 0)
            return (int)n;
        in->got += (size_t)n;
        rc = grow(in);
    }
    return rc;
}

static void *receive_new(furrow_connection *c, size_t *size, furrow_deadline deadline)
{
    fw_incoming *in = &c->in;
    char *message;
    int rc = fw_receive_head(c, deadline);

    if (size && in->known)
        *size = (size_t)in->size;
    if (rc < 0 || fw_receive_kept(c, deadline) < 0)
        return NULL;
    message = in->kept;
    message[in->size] = '\0';
    in->kept = NULL;
    in->room = 0;
    begin_next(in);
    return message;
}

void *furrow_connection_recv_new(furrow_connection *c, size_t *size,
                                 furrow_deadline deadline)
{
    void *message = NULL;

    if (fw_connection_check_readable(c) == 0 && fw_receive_take(c, deadline) == 0) {
        message = receive_new(c, size, deadline);
        fw_grip_give(&c->receiving);
    }
    return message ? message : fw_connection_none(__func__, c);
}

/* ---- looking ---------------------------------------------------------------------*/

int furrow_connection_next(furrow_connection *c, size_t *size, furrow_deadline deadline)
{
    int rc = fw_connection_check_readable(c);

    if (rc == 0)
        rc = fw_receive_take(c, deadline);
    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    rc = fw_receive_head(c, deadline);
    if (size && c->in.known)
        *size = (size_t)c->in.size;
    return fw_connection_done(__func__, c, fw_receive_give(c, rc));
}

int furrow_connection_limit(furrow_connection *c, size_t bytes)
{
    int rc = fw_connection_check_readable(c);

    if (rc == 0)
        rc = fw_receive_take(c, FURROW_FOREVER);
    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    c->limit = bytes;
    return fw_receive_give(c, 0);
}

int furrow_connection_poll(furrow_connection *c, furrow_deadline deadline)
{
    int rc = fw_connection_check_readable(c);
    struct pollfd p;

    if (rc < 0)
        return fw_connection_done(__func__, c, rc);
    if (fw_receive_ready(c))
        return 1;
    p = (struct pollfd){.fd = c->stream.fd, .events = POLLIN};
    rc = fw_os_poll(&p, 1, deadline);
    if (rc < 0 || (rc > 0 && p.revents & POLLNVAL))
        return fw_status_in(__func__,
                            fw_connection_failed(rc < 0 ? rc : -EBADF, "waiting"));
    return rc;
}
