/* SPDX-License-Identifier: MIT
 *
 * Waiting for several connections and files at once.
 *
 * A connection is ready when its file is, or when all bytes of its message are here
 * already. The latter only this process can change, and it is looked at once, before
 * the sleep: whoever takes a message in another thread meanwhile races with this one
 * anyway.
 */
#include "connection.h"
#include "status.h"

#include <stdlib.h>

enum { FEW = 32 };

/* Fill in what is polled; returns how many are ready without, or an error. */
static int prepare(furrow_waited *objects, size_t n, struct pollfd *p)
{
    int rc, ready = 0;

    for (size_t i = 0; i < n; i++) {
        furrow_waited *o = &objects[i];

        if (o->what != FURROW_WAIT_CONNECTION && o->what != FURROW_WAIT_FD)
            return fw_fail(FURROW_EINVAL, "object %zu is of no kind: %d", i, o->what);
        if (o->what == FURROW_WAIT_FD && o->fd < 0)
            return fw_fail(FURROW_EINVAL, "object %zu has the file descriptor %d", i,
                           o->fd);
        p[i] = (struct pollfd){.fd = o->fd, .events = POLLIN};
        if (o->what == FURROW_WAIT_FD)
            continue;
        if (!o->connection)
            return fw_fail_null("the connection");
        rc = fw_connection_check_readable(o->connection);
        if (rc < 0)
            return rc;
        p[i].fd = o->connection->stream.fd;
        o->ready = fw_receive_ready(o->connection);
        ready += o->ready;
    }
    return ready;
}

/* What poll() has found, beside what was ready before. */
static int tell(furrow_waited *objects, size_t n, const struct pollfd *p)
{
    int ready = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i].revents & POLLNVAL)
            return fw_fail(FURROW_EINVAL, "object %zu: file descriptor %d is not open",
                           i, p[i].fd);
        objects[i].ready |= p[i].revents != 0;
        ready += objects[i].ready;
    }
    return ready;
}

static int wait_for(furrow_waited *objects, size_t n, struct pollfd *p,
                    furrow_deadline deadline)
{
    int rc;

    for (size_t i = 0; i < n; i++)
        objects[i].ready = 0;
    rc = prepare(objects, n, p);
    if (rc < 0)
        return rc;
    rc = fw_os_poll(p, n, rc > 0 ? 0 : deadline);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot wait for %zu objects", n);
    return tell(objects, n, p);
}

int furrow_wait(furrow_waited *objects, size_t n, furrow_deadline deadline)
{
    struct pollfd few[FEW], *p = few;
    int rc;

    if (!objects && n)
        return fw_status_in(__func__, fw_fail(FURROW_EINVAL, "the objects are NULL"));
    if (n == 0 && deadline == FURROW_FOREVER)
        return fw_status_in(__func__,
                            fw_fail(FURROW_EINVAL, "for ever for no object at all"));
    if (n > FEW)
        p = calloc(n, sizeof *p);
    if (!p)
        return fw_status_in(
            __func__, fw_fail(FURROW_ENOMEM, "no memory to wait for %zu objects", n));
    rc = wait_for(objects, n, p, deadline);
    if (p != few)
        free(p);
    return fw_status_in(__func__, rc);
}
