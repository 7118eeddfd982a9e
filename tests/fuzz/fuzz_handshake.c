/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: a handshake against any bytes. The first byte says which side we are, and
 * whether MD5 will do. Nobody gets in who does not know the key, whatever he says; what
 * we say stays within its buffers.
 */
#include "handshake.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

/* The key is new each time: bytes that were seen before do not help. */
static void new_key(unsigned char key[16])
{
    static uint64_t number = 88172645463325252u;

    for (int i = 0; i < 16; i++) {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        key[i] = (unsigned char)(number >> 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned char key[16];
    fw_handshake_terms terms = {.key = {key, sizeof key}};
    fw_handshake h;
    size_t at = 1;

    if (size == 0)
        return 0;
    new_key(key);
    terms.legacy = bytes[0] >> 1 & 1;
    terms.digest = bytes[0] >> 2 & 3;
    require(fw_handshake_init(&h, &terms, bytes[0] & 1) == 0);
    while (h.state != FW_HANDSHAKE_OVER && at < size) {
        size_t n = fw_handshake_needs(&h);

        require(n > 0 && n <= FW_FRAME_SHORT + FW_HANDSHAKE_MOST);
        n = n < size - at ? n : size - at;
        memcpy(fw_handshake_room(&h), bytes + at, n);
        at += n;
        require(fw_handshake_came(&h, n) == 0 || h.state == FW_HANDSHAKE_OVER);
        require(h.out_end <= sizeof h.out);
        h.out_begin = h.out_end = 0; /* sent */
    }
    /* A client may be told that its response is right, but never that the other side's
     * is: so only an error ends it. */
    require(h.state != FW_HANDSHAKE_OVER || h.rc < 0);
    return 0;
}
