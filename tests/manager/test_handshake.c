/* SPDX-License-Identifier: MIT
 *
 * The handshake: the bytes of each Python, and what is no handshake.
 */
#include "connect/ends.h"
#include "handshake.h"

#include <criterion/criterion.h>

#define MD5_MAC "f70bfd024a752d679558d6e9b3d092f6"
#define SHA384_MAC                                                                     \
    "9c51813cba2114994bc8e6d2537383996326f80de6f0964017d800aa31b1fdff"                 \
    "7794f0c73f9bfb151e242ff6de6a256b"
#define SHA3_256_MAC "0e54ef968cbfdb4b61e5e6b129fd16902d209abcb02b4cd38f262af77b284f3d"
#define SHA3_384_MAC                                                                   \
    "d115a2144989ca46a7d66205043eb6a83d557340c1525ce0b54b7e75fbfb7d73"                 \
    "332e7288b0029d047c9a4f3d4a0871ba"

static fw_handshake_terms terms_with(const char *key, int digest, int legacy)
{
    fw_handshake_terms t = {.digest = digest, .legacy = legacy};

    cr_assert_eq(fw_digest_key_init(&t.key, key, strlen(key)), 0);
    return t;
}

static size_t from_hex(const char *hex, unsigned char *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++)
        sscanf(hex + 2 * i, "%2hhx", &out[i]);
    return n;
}

/* Bytes 0, 1, 2 ... after a prefix. */
static size_t counted(const char *prefix, size_t n, unsigned char *out)
{
    size_t size = strlen(prefix);

    memcpy(out, prefix, size);
    for (size_t i = 0; i < n; i++)
        out[size + i] = (unsigned char)i;
    return size + n;
}

static void want_response(const char *prefix, size_t n, const char *mac)
{
    fw_handshake_terms t = terms_with("abracadabra", 0, 1);
    unsigned char m[256], want[256], got[256];
    size_t size = counted(prefix, n, m), bytes;

    memcpy(want, prefix, strlen(prefix));
    bytes = strlen(prefix) + from_hex(mac, want + strlen(prefix));
    cr_assert_eq(fw_handshake_respond(&t, m, size, got), (int)bytes);
    cr_assert_arr_eq(got, want, bytes);
    cr_assert_eq(fw_handshake_verify(&t, m, size, got, bytes), 0);
    got[bytes - 1] ^= 1;
    cr_assert_eq(fw_handshake_verify(&t, m, size, got, bytes), FURROW_EAUTH);
    cr_assert_eq(fw_handshake_verify(&t, m, size, want, bytes - 1), FURROW_EAUTH);
    fw_digest_key_fini(&t.key);
}

/* CPython: ChallengeResponseTest.test_challengeresponse (fork) */
Test(handshake, response_of_old_pythons)
{
    want_response("", 20, "ff63d69f0d1055b99f32d588bd840b74");
}

/* CPython: ChallengeResponseTest.test_challengeresponse (fork) */
Test(handshake, response_of_new_pythons)
{
    want_response("{sha256}", 40,
                  "536016a8c32ca9231522a6e91ddbbd637ba292f333e6fd43599971f107db3002");
}

/* The same as `hmac.new(b"abracadabra", b"{...}" + bytes(range(40)), ...)`. */
Test(handshake, responses_by_other_digests)
{
    want_response("{md5}", 40, MD5_MAC);
    want_response("{sha384}", 40, SHA384_MAC);
    want_response("{sha3_256}", 40, SHA3_256_MAC);
    want_response("{sha3_384}", 40, SHA3_384_MAC);
}

/* A modern challenge, answered by a Python that knows MD5 alone. */
Test(handshake, an_old_answer_to_a_new_challenge)
{
    fw_handshake_terms t = terms_with("abracadabra", 0, 1);
    unsigned char m[256], mac[16];
    size_t size = counted("{sha256}", 40, m);

    from_hex("7690e2569f3bc902fa21a77cf545d7f6", mac);
    cr_assert_eq(fw_handshake_verify(&t, m, size, mac, 16), 0);
    t.legacy = 0;
    cr_assert_eq(fw_handshake_verify(&t, m, size, mac, 16), FURROW_EAUTH);
    ends_want(FURROW_EAUTH, "takes MD5 for a proof");
    fw_digest_key_fini(&t.key);
}

Test(handshake, md5_is_refused_unless_allowed)
{
    fw_handshake_terms t = terms_with("abracadabra", 0, 0);
    unsigned char m[256], out[256];

    cr_assert_eq(fw_handshake_respond(&t, m, counted("", 20, m), out), FURROW_EAUTH);
    ends_want(FURROW_EAUTH, ".legacy allows it");
    cr_assert_eq(fw_handshake_respond(&t, m, counted("{md5}", 40, m), out),
                 FURROW_EAUTH);
    fw_digest_key_fini(&t.key);
}

Test(handshake, the_answer_may_name_another_digest)
{
    fw_handshake_terms t = terms_with("abracadabra", 0, 0);
    unsigned char m[256], out[256], prefixed[256];
    size_t size = counted("{sha256}", 40, m);
    int mac = fw_digest_hmac(FURROW_DIGEST_SHA384, &t.key, m, size, out);

    cr_assert_eq(mac, 48);
    memcpy(prefixed, "{sha384}", 8);
    memcpy(prefixed + 8, out, 48);
    cr_assert_eq(fw_handshake_verify(&t, m, size, prefixed, 56), 0);
    fw_digest_key_fini(&t.key);
}

static void refused(const char *m, size_t size, const char *says)
{
    fw_handshake_terms t = terms_with("abracadabra", 0, 1);
    unsigned char out[256];

    cr_assert_eq(fw_handshake_respond(&t, (const unsigned char *)m, size, out),
                 FURROW_EAUTH);
    ends_want(FURROW_EAUTH, says);
    fw_digest_key_fini(&t.key);
}

Test(handshake, challenges_that_are_none)
{
    refused("", 0, "names no digest");
    refused("something bogus", 15, "names no digest");
    refused("{sha1}0123456789012345678901234567890123456789", 46, "names no digest");
    refused("{sha256 0123456789012345678901234567890123456789", 48, "names no digest");
    refused("{}0123456789012345678901234567890123456789", 42, "names no digest");
    refused("{sha256}0123456789", 18, "has 10 bytes only");
    refused("{", 1, "names no digest");
}

/* ---- both machines, without a stream ---------------------------------------------*/

/* Carry `step` bytes at a time from one to the other until nothing moves. */
static void carry(fw_handshake *from, fw_handshake *to, size_t step, int *moved)
{
    while (from->out_begin < from->out_end && fw_handshake_needs(to)) {
        size_t n = from->out_end - from->out_begin;

        n = n < step ? n : step;
        n = n < fw_handshake_needs(to) ? n : fw_handshake_needs(to);
        memcpy(fw_handshake_room(to), from->out + from->out_begin, n);
        from->out_begin += n;
        (void)fw_handshake_came(to, n);
        *moved = 1;
    }
    if (from->out_begin == from->out_end)
        from->out_begin = from->out_end = 0;
}

static void run_both(const char *one, const char *other, size_t step, int want)
{
    fw_handshake_terms t = terms_with(one, 0, 0), u = terms_with(other, 1, 0);
    fw_handshake l, c;
    int moved = 1;

    cr_assert_eq(fw_handshake_init(&l, &t, 1), 0);
    cr_assert_eq(fw_handshake_init(&c, &u, 0), 0);
    while (moved) {
        moved = 0;
        carry(&l, &c, step, &moved);
        carry(&c, &l, step, &moved);
    }
    cr_assert_eq(l.state, FW_HANDSHAKE_OVER);
    cr_assert_eq(c.state, FW_HANDSHAKE_OVER);
    cr_assert_eq(l.rc, want);
    cr_assert_eq(c.rc, want);
    cr_assert(l.out_begin == l.out_end && c.out_begin == c.out_end);
    fw_digest_key_fini(&t.key);
    fw_digest_key_fini(&u.key);
}

Test(handshake, the_same_key)
{
    run_both("secret", "secret", 256, 0);
    run_both("", "", 256, 0);
}

Test(handshake, different_keys)
{
    run_both("secret", "secre", 256, FURROW_EAUTH);
    run_both("secret", "", 256, FURROW_EAUTH);
}

Test(handshake, byte_by_byte)
{
    run_both("secret", "secret", 1, 0);
    run_both("secret", "Secret", 1, FURROW_EAUTH);
    run_both("secret", "secret", 5, 0);
}

/* ---- through a connection, against what is no peer -------------------------------*/

static int go_on_until(fw_handshake *h, const fw_stream *s)
{
    int rc;

    do
        rc = fw_handshake_go_on(h, s);
    while (rc == 0 && fw_os_poll(&(struct pollfd){.fd = s->fd, .events = POLLIN}, 1,
                                 furrow_in(0.05)) > 0);
    return rc;
}

/* One side against bytes that lie in the socket already. */
static int against(int listener, const void *bytes, size_t size)
{
    fw_handshake_terms t = terms_with("secret", 0, 0);
    fw_handshake h;
    int fd[2], rc;
    fw_stream s = {.socket = 1, .readable = 1, .writable = 1};

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    s.fd = fd[0];
    cr_assert_eq(write(fd[1], bytes, size), (ssize_t)size);
    cr_assert_eq(fw_handshake_init(&h, &t, listener), 0);
    rc = go_on_until(&h, &s);
    close(fd[0]);
    close(fd[1]);
    fw_digest_key_fini(&t.key);
    return rc;
}

/* CPython: OtherTest.test_deliver_challenge_auth_failure (fork) */
Test(handshake, a_bogus_response)
{
    cr_assert_eq(against(1, "\0\0\0\x0fsomething bogus", 19), FURROW_EAUTH);
    cr_assert_eq(against(1, "\0\0\0\0", 4), FURROW_EAUTH);
}

/* CPython: OtherTest.test_answer_challenge_auth_failure (fork) */
Test(handshake, a_bogus_challenge)
{
    cr_assert_eq(against(0, "\0\0\0\x0fsomething bogus", 19), FURROW_EAUTH);
    ends_want(FURROW_EAUTH, "is no challenge");
    cr_assert_eq(against(0,
                         "\0\0\0\x3b#CHALLENGE#{sha256}"
                         "0123456789012345678901234567890123456789"
                         "\0\0\0\x0fsomething bogus",
                         82),
                 FURROW_EAUTH);
    ends_want(FURROW_EAUTH, "does not accept our key");
}

Test(handshake, messages_too_long)
{
    cr_assert_eq(against(0, "\0\0\1\1", 4), FURROW_EAUTH);
    ends_want(FURROW_EAUTH, "has 256 bytes at most");
    cr_assert_eq(against(1, "\xff\xff\xff\xff", 4), FURROW_EAUTH);
    cr_assert_eq(against(1, "\x80\0\0\0", 4), FURROW_EAUTH);
}

/* What we challenged with comes back as the other side's challenge. */
Test(handshake, our_own_challenge_is_not_answered)
{
    fw_handshake_terms t = terms_with("secret", 0, 0);
    fw_handshake l, c;
    int moved = 0;
    size_t size;

    cr_assert_eq(fw_handshake_init(&l, &t, 1), 0);
    cr_assert_eq(fw_handshake_init(&c, &t, 0), 0);
    carry(&l, &c, 256, &moved);
    carry(&c, &l, 256, &moved);
    cr_assert_eq(l.state, FW_AWAIT_CHALLENGE);
    size = fw_frame_encode(l.in, 11 + l.challenge_size);
    memcpy(l.in + size, "#CHALLENGE#", 11);
    memcpy(l.in + size + 11, l.challenge, l.challenge_size);
    cr_assert_eq(fw_handshake_came(&l, size + 11 + l.challenge_size), FURROW_EAUTH);
    ends_want(FURROW_EAUTH, "our own challenge");
    fw_digest_key_fini(&t.key);
}

/* What follows the handshake is the connection's. */
Test(handshake, nothing_beyond_it_is_read)
{
    fw_handshake_terms t = terms_with("secret", 0, 0);
    fw_handshake l, c;
    int fd[2], rc[2] = {0, 0};
    char rest[16];
    fw_stream s = {.socket = 1, .readable = 1, .writable = 1}, u = s;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    s.fd = fd[0];
    u.fd = fd[1];
    cr_assert_eq(fw_handshake_init(&l, &t, 1), 0);
    cr_assert_eq(fw_handshake_init(&c, &t, 0), 0);
    while (rc[1] == 0) {
        if (rc[0] == 0)
            rc[0] = fw_handshake_go_on(&l, &s);
        rc[1] = fw_handshake_go_on(&c, &u);
    }
    cr_assert_eq(rc[1], 1);
    cr_assert_eq(write(fd[1], "\0\0\0\5hello", 9), 9);
    while (rc[0] == 0)
        rc[0] = fw_handshake_go_on(&l, &s);
    cr_assert_eq(rc[0], 1);
    cr_assert_eq(read(fd[0], rest, sizeof rest), 9);
    cr_assert_eq(memcmp(rest, "\0\0\0\5hello", 9), 0);
    close(fd[0]);
    close(fd[1]);
    fw_digest_key_fini(&t.key);
}
