/* SPDX-License-Identifier: MIT
 *
 * Connecting to a listener.
 */
#include "address.h"
#include "handshake.h"
#include "os_socket.h"
#include "status.h"

#include <errno.h>
#include <string.h>

static int shake(const fw_stream *s, const fw_handshake_terms *terms,
                 furrow_deadline deadline)
{
    fw_handshake h;
    int rc = fw_handshake_init(&h, terms, 0);

    while (rc == 0) {
        struct pollfd p = {.fd = s->fd};

        rc = fw_handshake_go_on(&h, s);
        if (rc != 0)
            break;
        p.events = fw_handshake_events(&h);
        rc = fw_os_poll(&p, 1, deadline);
        if (rc == 0)
            return fw_fail(FURROW_ETIME,
                           "the listener did not go on with the handshake");
        rc = rc < 0 ? fw_fail_os(-rc, "cannot wait for the listener") : 0;
    }
    return rc < 0 ? rc : 0;
}

static int prove(int fd, const furrow_client_options *o, furrow_deadline deadline)
{
    const fw_stream s = {fd, 1, 1, 1};
    fw_handshake_terms terms = {.digest = o->digest, .legacy = o->legacy};
    int rc;

    if (!o->authkey)
        return 0;
    rc = fw_digest_key_init(&terms.key, o->authkey, o->authkey_size);
    if (rc == 0)
        rc = shake(&s, &terms, deadline);
    fw_digest_key_fini(&terms.key);
    return rc;
}

static int check_options(const furrow_client_options *o)
{
    if (o->digest < FURROW_DIGEST_SHA256 || o->digest > FURROW_DIGEST_SHA3_384)
        return fw_fail(FURROW_EINVAL, "there is no digest %d", o->digest);
    if (!o->authkey && o->authkey_size)
        return fw_fail(FURROW_EINVAL, "the key of %zu bytes is NULL", o->authkey_size);
    return 0;
}

static furrow_connection *connect_to(const char *address,
                                     const furrow_client_options *o,
                                     furrow_deadline deadline)
{
    furrow_connection *c = NULL;
    fw_addresses a;
    int fd;

    if (check_options(o) < 0 || fw_address_parse(address, &a) < 0)
        return NULL;
    fd = fw_address_connect(&a, deadline);
    if (fd == -ETIME)
        fw_fail(FURROW_ETIME, "%.120s did not take the connection in time", address);
    else if (fd < 0)
        fw_fail_os(-fd, "cannot connect to %.120s", address);
    if (fd < 0)
        return NULL;
    if (prove(fd, o, deadline) == 0)
        c = furrow_connection_from_fd(fd);
    if (!c)
        fw_os_socket_close(fd);
    return c;
}

furrow_connection *furrow_client_open_sized(const char *address,
                                            const furrow_client_options *options,
                                            size_t size, furrow_deadline deadline)
{
    furrow_client_options o = {0};

    if (!address) {
        (void)fw_status_null("furrow_client_open", "the address");
        return NULL;
    }
    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    return fw_status_new("furrow_client_open", connect_to(address, &o, deadline));
}

extern inline furrow_connection *
furrow_client_open(const char *address, const furrow_client_options *options,
                   furrow_deadline deadline);
