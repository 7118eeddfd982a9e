/* SPDX-License-Identifier: MIT
 *
 * Letting clients in.
 *
 * One loop waits for whoever connects and for all whose handshake is not over, and goes
 * on with each of them as far as it can without waiting. So a client that says nothing
 * costs a file and its time limit, and nobody waits for it. What was begun stays in the
 * listener when accept() returns, and is gone on with by the next one; meanwhile its time
 * stands still, for it may be the listener that is waited for.
 *
 * When the process has no room for another file, nobody new is let in until a handshake
 * is over or has failed; with none going on the caller is told.
 */
#include "listener.h"

#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Begin with a client that has just connected. Takes the fd over. 0 or an error. */
static int begin(furrow_listener *l, int fd, const char *from)
{
    fw_pending *p = calloc(1, sizeof *p);

    if (!p || fw_handshake_init(&p->shake, &l->terms, 1) < 0) {
        fw_os_socket_close(fd);
        if (!p)
            fw_fail(FURROW_ENOMEM, "no memory for a handshake");
        free(p);
        return furrow_last_error()->code;
    }
    p->stream = (fw_stream){fd, 1, 1, 1};
    p->until = furrow_in(l->seconds);
    strcpy(p->from, from);
    l->pending[l->count++] = p;
    return 0;
}

static furrow_connection *let_in(furrow_listener *l, int fd, const char *from)
{
    furrow_connection *c = furrow_connection_from_fd(fd);

    if (!c)
        fw_os_socket_close(fd);
    else
        strcpy(l->last, from);
    return c;
}

static furrow_connection *finish(furrow_listener *l, int i)
{
    fw_pending *p = l->pending[i];
    furrow_connection *c = let_in(l, p->stream.fd, p->from);

    free(p);
    l->pending[i] = l->pending[--l->count];
    return c;
}

/* What a turn of the loop has come to. */
enum { NOTHING, SOMEBODY, FAILED, NO_ROOM };

/* Whoever has connected: at once, or the handshake begins. */
static int take_new(furrow_listener *l, furrow_connection **out)
{
    while (l->count < FW_LISTENER_PENDING) {
        char from[FW_SOCKET_TEXT];
        fw_socket_address a;
        int fd = fw_os_socket_accept(l->fd, &a);

        if (fd == -EAGAIN)
            return NOTHING;
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
            fw_fail_os(-fd, "somebody connects, and there is no room for another file");
            return l->count ? NO_ROOM : FAILED;
        }
        if (fd < 0) {
            fw_fail_os(-fd, "cannot accept");
            return FAILED;
        }
        fw_os_socket_text(&a, from);
        if (!l->keyed) {
            *out = let_in(l, fd, from);
            return *out ? SOMEBODY : FAILED;
        }
        if (begin(l, fd, from) < 0)
            return FAILED;
    }
    return NO_ROOM;
}

/* Go on with each handshake. Who is gone or late is dropped silently. */
static int go_on(furrow_listener *l, furrow_connection **out)
{
    for (int i = l->count - 1; i >= 0; i--) {
        fw_pending *p = l->pending[i];
        int rc = fw_handshake_go_on(&p->shake, &p->stream);

        if (rc > 0) {
            *out = finish(l, i);
            return *out ? SOMEBODY : FAILED;
        }
        if (rc == 0 && furrow_in(0) < p->until)
            continue;
        fw_listener_drop(l, i);
        if (rc < 0 && rc != FURROW_EEOF)
            return FAILED;
    }
    return NOTHING;
}

/* Until somebody connects (when there is room), says something, or it is time to
 * look. */
static int wait_for(furrow_listener *l, int room, furrow_deadline deadline)
{
    static _Thread_local struct pollfd p[FW_LISTENER_PENDING + 1];
    int rc;

    p[0] = (struct pollfd){.fd = room ? l->fd : -1, .events = POLLIN};
    for (int i = 0; i < l->count; i++) {
        const fw_pending *q = l->pending[i];

        p[i + 1] = (struct pollfd){.fd = q->stream.fd,
                                   .events = fw_handshake_events(&q->shake)};
        deadline = q->until < deadline ? q->until : deadline;
    }
    rc = fw_os_poll(p, (size_t)l->count + 1, deadline);
    return rc < 0 ? fw_fail_os(-rc, "cannot wait for clients") : 0;
}

static furrow_connection *accept_one(furrow_listener *l, furrow_deadline deadline)
{
    furrow_connection *c = NULL;

    for (;;) {
        int room = take_new(l, &c), rc = room;

        if (room == NOTHING || room == NO_ROOM)
            rc = go_on(l, &c);
        if (rc != NOTHING)
            return c;
        if (furrow_in(0) >= deadline) {
            fw_fail(FURROW_ETIME, "no client has come in by the deadline");
            return NULL;
        }
        if (wait_for(l, room == NOTHING, deadline) < 0)
            return NULL;
    }
}

/* Nobody has accepted for a while. */
static void put_off(furrow_listener *l)
{
    int64_t idle = furrow_in(0) - l->left;

    for (int i = 0; i < l->count; i++)
        l->pending[i]->until += idle;
}

furrow_connection *furrow_listener_accept(furrow_listener *l, furrow_deadline deadline)
{
    furrow_connection *c = NULL;

    if (!l)
        (void)fw_status_null(__func__, "the listener");
    if (!l || fw_listener_check(l) < 0)
        return l ? fw_status_new(__func__, NULL) : NULL;
    if (fw_grip_take(&l->grip, deadline) < 0) {
        fw_fail(FURROW_ETIME, "another thread is accepting");
    } else {
        put_off(l);
        c = accept_one(l, deadline);
        l->left = furrow_in(0);
        fw_grip_give(&l->grip);
    }
    return fw_status_new(__func__, c);
}
