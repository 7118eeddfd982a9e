/* SPDX-License-Identifier: MIT
 *
 * furrow_manager.h - meeting processes that are not of the family: listeners and
 * clients.
 *
 *     furrow_listener_options o = {.authkey = "secret", .authkey_size = 6};
 *     furrow_listener *l = furrow_listener_open("localhost:6000", &o);
 *     furrow_connection *c = furrow_listener_accept(l, FURROW_FOREVER);
 *
 *     furrow_client_options o = {.authkey = "secret", .authkey_size = 6};
 *     furrow_connection *c = furrow_client_open("localhost:6000", &o, furrow_in(5));
 *
 * They speak with multiprocessing.connection's Listener and Client, of Python 3.12 and
 * later by SHA-256, of earlier ones by MD5 where `.legacy` allows it. This library, and
 * it alone, needs libcrypto: link furrow_manager beside furrow.
 *
 * An address is text:
 *     "/run/me.sock"  a local socket; also "./me.sock"; "unix:" before any other path
 *     "@name"         an abstract local socket, Python's "\0name": it leaves no file
 *     "host:6000"     TCP; "[::1]:6000" for IPv6; port 0: one that is free
 */
#ifndef FURROW_MANAGER_H
#define FURROW_MANAGER_H

#include "furrow_pipe.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* By which digest the other side is to prove that it has the key. */
enum {
    FURROW_DIGEST_SHA256 = 0,
    FURROW_DIGEST_SHA384 = 1,
    FURROW_DIGEST_SHA3_256 = 2,
    FURROW_DIGEST_SHA3_384 = 3
};

/* ---- listening -------------------------------------------------------------------*/

typedef struct furrow_listener furrow_listener;

typedef struct furrow_listener_options {
    const void *authkey; /* NULL: whoever connects is let in; copied */
    size_t authkey_size; /* bytes; an empty key is a key */
    int digest;          /* FURROW_DIGEST_ */
    int legacy;          /* MD5 is a proof too: for Python before 3.12 */
    int backlog;         /* connections that may wait for accept; 0: 128 */
    double handshake;    /* seconds for a client to prove its key; 0: 5 */
} furrow_listener_options;

/* Listen at the address (of a host's name: at the first that it has); NULL: at an abstract
 * one that the system chooses.
 * Errors: FURROW_EINVAL (no such kind of address, or option), FURROW_EOS (os_error
 * says: EADDRINUSE, EACCES, ...), FURROW_ENOMEM. Blocks while a host's name is looked
 * up.
 * Death: the path of a listener that was killed stays, and must be removed before the
 * next one listens there; an abstract name goes by itself. */
furrow_listener *furrow_listener_open_sized(const char *address,
                                            const furrow_listener_options *options,
                                            size_t size);
inline furrow_listener *furrow_listener_open(const char *address,
                                             const furrow_listener_options *options)
{
    return furrow_listener_open_sized(address, options, sizeof *options);
}

/* The next client that has connected, and proved that it has the key, and to whom the
 * same was proved. Blocks until there is one, or the deadline. Handshakes go on side by
 * side, only while somebody accepts: who says nothing holds up nobody, up to 1024 of them,
 * and is dropped after `handshake` seconds of accepting, as is who goes away.
 * Errors: NULL with FURROW_EAUTH (a client has another key, and was told so; the
 * listener goes on), FURROW_ETIME, FURROW_EOS (EMFILE: no room for another file; the
 * client waits), FURROW_EINVAL, FURROW_ENOMEM. */
furrow_connection *furrow_listener_accept(furrow_listener *l, furrow_deadline deadline);

/* Where it listens, and where the client came from that was accepted last ("" for a
 * local one, or none), in the form above; lent until the next call or the listener is
 * closed. NULL when it is no open listener. */
const char *furrow_listener_address(const furrow_listener *l);
const char *furrow_listener_last_accepted(const furrow_listener *l);

/* A file descriptor, lent, for poll() or furrow_wait(): readable when somebody connects.
 * Handshakes that have begun are not seen. Errors: FURROW_EINVAL. */
int furrow_listener_fileno(const furrow_listener *l);

/* Stop listening; NULL is fine. Clients in the middle of a handshake see the end of
 * file. Removes the path, if it is still this listener's and this process opened it. */
int furrow_listener_close(furrow_listener *l);

/* ---- connecting ------------------------------------------------------------------*/

typedef struct furrow_client_options {
    const void *authkey; /* NULL: no handshake */
    size_t authkey_size; /* bytes */
    int digest;          /* FURROW_DIGEST_ */
    int legacy;          /* MD5 is a proof too: for Python before 3.12 */
} furrow_client_options;

/* Connect to a listener, prove that this side has the key and let it prove the same. Of a
 * host's name up to 16 addresses are tried, those of IPv6 and IPv4 by turns (RFC 8305), until
 * one takes the connection; each gets an equal share of the time that is left, and the
 * failure of the last is told.
 * Errors: NULL with FURROW_EAUTH (the keys differ, or what answers is no such
 * listener), FURROW_ETIME, FURROW_EEOF (it closed the connection), FURROW_EINVAL (no
 * such kind of address, or option), FURROW_EOS (nobody listens there: ECONNREFUSED,
 * ENOENT; nobody answers, and the system gives up before the deadline: ETIMEDOUT),
 * FURROW_ENOMEM. Blocks until the deadline; and while a host's name is looked up. */
furrow_connection *furrow_client_open_sized(const char *address,
                                            const furrow_client_options *options,
                                            size_t size, furrow_deadline deadline);
inline furrow_connection *furrow_client_open(const char *address,
                                             const furrow_client_options *options,
                                             furrow_deadline deadline)
{
    return furrow_client_open_sized(address, options, sizeof *options, deadline);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
