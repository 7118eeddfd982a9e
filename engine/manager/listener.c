/* SPDX-License-Identifier: MIT
 *
 * Listeners: opened, asked, closed. accept.c lets clients in.
 */
#include "listener.h"

#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG = 128 };
#define SECONDS 5.0

int fw_listener_check(const furrow_listener *l)
{
    if (!l)
        return FURROW_EINVAL;
    if (l->magic != FW_LISTENER_MAGIC)
        return fw_fail(FURROW_EINVAL, "%p is not an open listener", (const void *)l);
    return 0;
}

void fw_listener_drop(furrow_listener *l, int i)
{
    fw_os_socket_close(l->pending[i]->stream.fd);
    free(l->pending[i]);
    l->pending[i] = l->pending[--l->count];
}

/* ---- opening ---------------------------------------------------------------------*/

static int check_options(const furrow_listener_options *o)
{
    if (o->digest < FURROW_DIGEST_SHA256 || o->digest > FURROW_DIGEST_SHA3_384)
        return fw_fail(FURROW_EINVAL, "there is no digest %d", o->digest);
    if (o->backlog < 0)
        return fw_fail(FURROW_EINVAL, "a backlog of %d", o->backlog);
    if (!(o->handshake >= 0))
        return fw_fail(FURROW_EINVAL, "a handshake of %g seconds", o->handshake);
    if (!o->authkey && o->authkey_size)
        return fw_fail(FURROW_EINVAL, "the key of %zu bytes is NULL", o->authkey_size);
    return 0;
}

/* Remember the path, to remove it later while it is still this socket's. */
static int keep_path(furrow_listener *l, const char *path)
{
    int rc = fw_os_socket_path_id(path, &l->id);

    if (rc == 0) {
        l->path = strdup(path);
        if (l->path)
            return 0;
        rc = -ENOMEM;
    }
    fw_os_socket_unlink(path, NULL);
    return fw_fail_os(-rc, "cannot look after the path %.120s", path);
}

static int listen_at(furrow_listener *l, const char *address, int backlog)
{
    const char *path = fw_address_path(address);
    fw_addresses a;
    int rc = fw_address_parse(address, &a);

    if (rc < 0)
        return rc;
    rc = fw_os_socket_listen(a.at, backlog ? backlog : BACKLOG);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot listen at %.120s",
                          address ? address : "any name");
    l->fd = rc;
    fw_os_socket_text(a.at, l->address);
    return path ? keep_path(l, path) : 0;
}

static void dispose(furrow_listener *l)
{
    while (l->count)
        fw_listener_drop(l, 0);
    fw_os_socket_close(l->fd);
    if (l->path && l->pid == fw_os_socket_pid())
        fw_os_socket_unlink(l->path, &l->id);
    fw_digest_key_fini(&l->terms.key);
    l->magic = 0;
    free(l->path);
    free(l);
}

static int fill(furrow_listener *l, const char *address,
                const furrow_listener_options *o)
{
    l->magic = FW_LISTENER_MAGIC;
    l->fd = -1;
    l->pid = fw_os_socket_pid();
    l->keyed = o->authkey != NULL;
    l->terms.digest = o->digest;
    l->terms.legacy = o->legacy;
    l->seconds = o->handshake > 0 ? o->handshake : SECONDS;
    if (l->keyed && fw_digest_key_init(&l->terms.key, o->authkey, o->authkey_size) < 0)
        return FURROW_ENOMEM;
    return listen_at(l, address, o->backlog);
}

furrow_listener *furrow_listener_open_sized(const char *address,
                                            const furrow_listener_options *options,
                                            size_t size)
{
    furrow_listener_options o = {0};
    furrow_listener *l = NULL;

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (check_options(&o) == 0) {
        l = calloc(1, sizeof *l);
        if (!l)
            fw_fail(FURROW_ENOMEM, "no memory for a listener");
    }
    if (l && fill(l, address, &o) < 0) {
        dispose(l);
        l = NULL;
    }
    return fw_status_new("furrow_listener_open", l);
}

extern inline furrow_listener *
furrow_listener_open(const char *address, const furrow_listener_options *options);

int furrow_listener_close(furrow_listener *l)
{
    int rc = l ? fw_listener_check(l) : 0;

    if (l && rc == 0)
        dispose(l);
    return fw_status_in(__func__, rc);
}

/* ---- asking ----------------------------------------------------------------------*/

static const char *tell(const char *function, const furrow_listener *l,
                        const char *what)
{
    if (!l)
        (void)fw_status_null(function, "the listener");
    if (l && fw_listener_check(l) == 0)
        return what;
    return l ? fw_status_new(function, NULL) : NULL;
}

const char *furrow_listener_address(const furrow_listener *l)
{
    return tell(__func__, l, l ? l->address : NULL);
}

const char *furrow_listener_last_accepted(const furrow_listener *l)
{
    return tell(__func__, l, l ? l->last : NULL);
}

int furrow_listener_fileno(const furrow_listener *l)
{
    return tell(__func__, l, "") ? l->fd : FURROW_EINVAL;
}
