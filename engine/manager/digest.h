/* SPDX-License-Identifier: MIT
 *
 * The digests of the handshake. digest.c is the one file that knows libcrypto.
 */
#ifndef FW_DIGEST_H
#define FW_DIGEST_H

#include "furrow_manager.h"

enum { FW_DIGEST_MD5 = FURROW_DIGEST_SHA3_384 + 1, FW_DIGESTS };
enum { FW_DIGEST_BYTES = 48 }; /* of the longest */

typedef struct fw_digest_key {
    unsigned char *bytes;
    size_t size;
} fw_digest_key;

/* "sha256", as it stands in a message, or NULL. */
const char *fw_digest_name(int digest);

/* The digest of that name, or -1. */
int fw_digest_of(const char *name, size_t size);

/* The HMAC: its bytes, 16 to 48, or a negative code (libcrypto refuses that digest
 * here). */
int fw_digest_hmac(int digest, const fw_digest_key *key, const void *message,
                   size_t size, unsigned char out[FW_DIGEST_BYTES]);

/* Equal? Takes as long when they are not. */
int fw_digest_equal(const void *a, const void *b, size_t size);

/* A copy of the user's key / overwritten and freed. */
int fw_digest_key_init(fw_digest_key *key, const void *bytes, size_t size);
void fw_digest_key_fini(fw_digest_key *key);

#endif
