/* SPDX-License-Identifier: MIT
 *
 * The handshake, as a machine that eats messages.
 *
 * Each side is challenger in one half and answers in the other; the listener challenges
 * first. What comes is not trusted in any way: a message is 256 bytes at most, its
 * state says what it must be, and anything else ends the handshake. Nothing is read
 * beyond the last message: what follows belongs to the connection.
 *
 * A challenge that is our own, sent back to us, is refused: who answered it would prove
 * our key with our help.
 */
#include "handshake.h"

#include "os_socket.h"
#include "status.h"

#include <errno.h>
#include <string.h>

enum { RANDOM = 40, LEGACY_CHALLENGE = 20, LEGACY_RESPONSE = 16, NAME_MOST = 8 };

#define CHALLENGE "#CHALLENGE#"
#define WELCOME   "#WELCOME#"
#define FAILURE   "#FAILURE#"
#define MARK      (sizeof CHALLENGE - 1)

/* ---- challenge and response ------------------------------------------------------*/

/* The digest that "{name}..." names, and the bytes of the prefix. A message of the
 * length of an old one is an old one. -1: no digest. */
static int digest_of(const unsigned char *m, size_t size, size_t *prefix)
{
    const unsigned char *end;

    *prefix = 0;
    if (size == LEGACY_CHALLENGE || size == LEGACY_RESPONSE)
        return FW_DIGEST_MD5;
    if (size < 2 || m[0] != '{')
        return -1;
    end = memchr(m + 1, '}', size - 1 < NAME_MOST + 1 ? size - 1 : NAME_MOST + 1);
    if (!end)
        return -1;
    *prefix = (size_t)(end - m) + 1;
    return fw_digest_of((const char *)m + 1, (size_t)(end - m) - 1);
}

static int check_digest(const fw_handshake_terms *terms, int digest)
{
    if (digest < 0)
        return fw_fail(FURROW_EAUTH, "the other side names no digest that is known");
    if (digest == FW_DIGEST_MD5 && !terms->legacy)
        return fw_fail(FURROW_EAUTH,
                       "the other side takes MD5 for a proof, as Python before 3.12 "
                       "does; .legacy allows it");
    return 0;
}

int fw_handshake_respond(const fw_handshake_terms *terms, const unsigned char *m,
                         size_t size, unsigned char out[FW_HANDSHAKE_MOST])
{
    unsigned char mac[FW_DIGEST_BYTES];
    size_t prefix;
    int bytes, digest = digest_of(m, size, &prefix), rc = check_digest(terms, digest);

    if (rc == 0 && size - prefix < LEGACY_CHALLENGE)
        rc = fw_fail(FURROW_EAUTH, "the other side's challenge has %zu bytes only",
                     size - prefix);
    if (rc < 0)
        return rc;
    bytes = fw_digest_hmac(digest, &terms->key, m, size, mac);
    if (bytes < 0)
        return bytes;
    memcpy(out, m, prefix);
    memcpy(out + prefix, mac, (size_t)bytes);
    return (int)prefix + bytes;
}

int fw_handshake_verify(const fw_handshake_terms *terms, const unsigned char *m,
                        size_t size, const unsigned char *response, size_t bytes)
{
    unsigned char mac[FW_DIGEST_BYTES];
    size_t prefix;
    int want, digest = digest_of(response, bytes, &prefix);
    int rc = check_digest(terms, digest);

    if (rc < 0)
        return rc;
    want = fw_digest_hmac(digest, &terms->key, m, size, mac);
    if (want < 0)
        return want;
    if (bytes - prefix != (size_t)want ||
        !fw_digest_equal(mac, response + prefix, (size_t)want))
        return fw_fail(FURROW_EAUTH, "the other side has another key");
    return 0;
}

/* ---- what is to be sent ----------------------------------------------------------*/

static void say(fw_handshake *h, const void *a, size_t a_size, const void *b,
                size_t b_size)
{
    unsigned char *to = h->out + h->out_end;
    size_t head = fw_frame_encode(to, a_size + b_size);

    if (a_size)
        memcpy(to + head, a, a_size);
    if (b_size)
        memcpy(to + head + a_size, b, b_size);
    h->out_end += head + a_size + b_size;
}

static int challenge(fw_handshake *h)
{
    const char *name = fw_digest_name(h->terms->digest);
    size_t size = strlen(name);
    unsigned char *m = h->challenge;
    int rc;

    m[0] = '{';
    memcpy(m + 1, name, size);
    m[size + 1] = '}';
    rc = fw_os_socket_random(m + size + 2, RANDOM);
    if (rc < 0)
        return fw_fail_os(-rc, "no random bytes for a challenge");
    h->challenge_size = size + 2 + RANDOM;
    say(h, CHALLENGE, MARK, m, h->challenge_size);
    h->state = FW_AWAIT_RESPONSE;
    return 0;
}

static int end(fw_handshake *h, int rc)
{
    h->state = FW_HANDSHAKE_OVER;
    h->rc = rc;
    return rc;
}

int fw_handshake_init(fw_handshake *h, const fw_handshake_terms *terms, int listener)
{
    memset(h, 0, sizeof *h);
    h->terms = terms;
    h->first = 1;
    h->state = FW_AWAIT_CHALLENGE;
    return listener ? challenge(h) : 0;
}

/* ---- what has come ---------------------------------------------------------------*/

static int got_challenge(fw_handshake *h, const unsigned char *m, size_t size)
{
    unsigned char response[FW_HANDSHAKE_MOST];
    int bytes;

    if (size < MARK || memcmp(m, CHALLENGE, MARK) != 0)
        return fw_fail(FURROW_EAUTH, "what came is no challenge");
    m += MARK;
    size -= MARK;
    if (size == h->challenge_size && memcmp(m, h->challenge, size) == 0)
        return fw_fail(FURROW_EAUTH, "the other side sends our own challenge back");
    bytes = fw_handshake_respond(h->terms, m, size, response);
    if (bytes < 0)
        return bytes;
    say(h, response, (size_t)bytes, NULL, 0);
    h->state = FW_AWAIT_VERDICT;
    return 0;
}

static int got_response(fw_handshake *h, const unsigned char *m, size_t size)
{
    int rc = fw_handshake_verify(h->terms, h->challenge, h->challenge_size, m, size);

    if (rc < 0) {
        say(h, FAILURE, sizeof FAILURE - 1, NULL, 0);
        return rc;
    }
    say(h, WELCOME, sizeof WELCOME - 1, NULL, 0);
    if (!h->first)
        return end(h, 0);
    h->first = 0;
    h->state = FW_AWAIT_CHALLENGE;
    return 0;
}

static int got_verdict(fw_handshake *h, const unsigned char *m, size_t size)
{
    if (size != sizeof WELCOME - 1 || memcmp(m, WELCOME, size) != 0)
        return fw_fail(FURROW_EAUTH, "the other side does not accept our key");
    if (!h->first)
        return end(h, 0);
    h->first = 0;
    return challenge(h);
}

static int got_message(fw_handshake *h, const unsigned char *m, size_t size)
{
    switch (h->state) {
    case FW_AWAIT_CHALLENGE:
        return got_challenge(h, m, size);
    case FW_AWAIT_RESPONSE:
        return got_response(h, m, size);
    default:
        return got_verdict(h, m, size);
    }
}

/* The size of the message that comes, once its head is there; else
 * FW_HANDSHAKE_MOST. */
static int message_size(const fw_handshake *h, uint64_t *size)
{
    *size = FW_HANDSHAKE_MOST;
    if (h->in_have < FW_FRAME_SHORT)
        return 0;
    if (fw_frame_decode(h->in, FW_FRAME_SHORT, size) != 0 || *size > FW_HANDSHAKE_MOST)
        return fw_fail(FURROW_EAUTH, "a message of a handshake has %d bytes at most",
                       FW_HANDSHAKE_MOST);
    return 0;
}

size_t fw_handshake_needs(const fw_handshake *h)
{
    uint64_t size;

    if (h->state == FW_HANDSHAKE_OVER)
        return 0;
    if (h->in_have < FW_FRAME_SHORT)
        return FW_FRAME_SHORT - h->in_have;
    return message_size(h, &size) < 0 ? 0 : FW_FRAME_SHORT + (size_t)size - h->in_have;
}

unsigned char *fw_handshake_room(fw_handshake *h)
{
    return h->in + h->in_have;
}

int fw_handshake_came(fw_handshake *h, size_t bytes)
{
    uint64_t size;
    int rc;

    h->in_have += bytes;
    rc = message_size(h, &size);
    if (rc < 0)
        return end(h, rc);
    if (h->in_have < FW_FRAME_SHORT || h->in_have < FW_FRAME_SHORT + size)
        return 0;
    h->in_have = 0;
    rc = got_message(h, h->in + FW_FRAME_SHORT, (size_t)size);
    return rc < 0 ? end(h, rc) : 0;
}

/* ---- over a stream ---------------------------------------------------------------*/

short fw_handshake_events(const fw_handshake *h)
{
    return h->out_begin < h->out_end ? POLLOUT : POLLIN;
}

/* 1 all is sent, 0 not yet, or an error. */
static int flush(fw_handshake *h, const fw_stream *s)
{
    while (h->out_begin < h->out_end) {
        struct iovec part = {h->out + h->out_begin, h->out_end - h->out_begin};
        ssize_t n = fw_os_stream_write(s, &part, 1, 0);

        if (n == -ETIMEDOUT)
            return 0;
        if (n < 0)
            return fw_fail(FURROW_EEOF, "the other side is gone before the handshake "
                                        "was over");
        h->out_begin += (size_t)n;
    }
    h->out_begin = h->out_end = 0;
    return 1;
}

/* 1 some bytes came, 0 none, or an error. */
static int read_some(fw_handshake *h, const fw_stream *s)
{
    ssize_t n = fw_os_stream_read(s, fw_handshake_room(h), fw_handshake_needs(h), 0);

    if (n == -ETIMEDOUT)
        return 0;
    if (n <= 0)
        return fw_fail(FURROW_EEOF,
                       "the other side is gone before the handshake was over");
    (void)fw_handshake_came(h, (size_t)n);
    return 1;
}

int fw_handshake_go_on(fw_handshake *h, const fw_stream *s)
{
    for (;;) {
        furrow_error error = *furrow_last_error();
        int rc = flush(h, s);

        if (h->state == FW_HANDSHAKE_OVER && h->rc < 0)
            return fw_status_adopt(&error); /* the other side was told, if it listens */
        if (rc <= 0)
            return rc;
        if (h->state == FW_HANDSHAKE_OVER)
            return 1;
        rc = fw_handshake_needs(h) ? read_some(h, s) : FURROW_EAUTH;
        if (rc <= 0)
            return rc;
    }
}
