/* SPDX-License-Identifier: MIT
 *
 * Two sides prove to each other that they have the same key.
 *
 *     listener                                client
 *        "#CHALLENGE#" M      ------------>
 *                             <------------   response(M)
 *        "#WELCOME#"          ------------>
 *                             <------------   "#CHALLENGE#" M'
 *        response(M')         ------------>
 *                             <------------   "#WELCOME#"
 *
 * or "#FAILURE#" instead of a welcome; each is a message of a connection, of 256 bytes
 * at most. M is "{sha256}" and 40 random bytes, the response "{sha256}" and the HMAC of
 * M with the key. Before Python 3.12: 20 random bytes, and the bare HMAC by MD5.
 */
#ifndef FW_HANDSHAKE_H
#define FW_HANDSHAKE_H

#include "digest.h"
#include "frame.h"
#include "os_stream.h"

enum { FW_HANDSHAKE_MOST = 256 };

/* What a side has to do with a message that came. */
enum { FW_AWAIT_CHALLENGE, FW_AWAIT_RESPONSE, FW_AWAIT_VERDICT, FW_HANDSHAKE_OVER };

typedef struct fw_handshake_terms {
    fw_digest_key key;
    int digest, legacy;
} fw_handshake_terms;

/* One side of one handshake; it does no input or output itself. */
typedef struct fw_handshake {
    const fw_handshake_terms *terms;
    int state;
    int first; /* the half that this side begins as is not over */
    int rc;    /* when over: 0 or a negative code, to be told after `out` is sent */
    unsigned char challenge[FW_HANDSHAKE_MOST]; /* ours, without its mark */
    size_t challenge_size;
    unsigned char out[2 * (FW_FRAME_LONG + FW_HANDSHAKE_MOST)]; /* to be sent */
    size_t out_begin, out_end;
    unsigned char in[FW_FRAME_SHORT + FW_HANDSHAKE_MOST]; /* a message as it comes */
    size_t in_have;
} fw_handshake;

/* Begin as the listener, who challenges first, or as the client. 0 or an error. */
int fw_handshake_init(fw_handshake *h, const fw_handshake_terms *terms, int listener);

/* How many more bytes of the other side's to read into fw_handshake_room(): no more
 * than belong to this message. 0: none, it is over. */
size_t fw_handshake_needs(const fw_handshake *h);
unsigned char *fw_handshake_room(fw_handshake *h);

/* So many bytes have come. 0, or an error: out may hold a last message to send. */
int fw_handshake_came(fw_handshake *h, size_t bytes);

/* Read and write what can be without waiting: 1 it is over and well, 0 to be gone on
 * with when the stream is ready for fw_handshake_events(), or an error. */
int fw_handshake_go_on(fw_handshake *h, const fw_stream *s);
short fw_handshake_events(const fw_handshake *h);

/* The response to a challenge M: its bytes, or an error. */
int fw_handshake_respond(const fw_handshake_terms *terms, const unsigned char *m,
                         size_t size, unsigned char out[FW_HANDSHAKE_MOST]);

/* Is it the right one to our challenge? 0 or FURROW_EAUTH. */
int fw_handshake_verify(const fw_handshake_terms *terms, const unsigned char *m,
                        size_t size, const unsigned char *response, size_t bytes);

#endif
