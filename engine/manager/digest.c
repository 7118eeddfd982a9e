/* SPDX-License-Identifier: MIT
 *
 * HMAC by libcrypto.
 */
#include "digest.h"

#include "status.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *evp;
} digests[FW_DIGESTS] = {
    [FURROW_DIGEST_SHA256] = {"sha256", "SHA256"},
    [FURROW_DIGEST_SHA384] = {"sha384", "SHA384"},
    [FURROW_DIGEST_SHA3_256] = {"sha3_256", "SHA3-256"},
    [FURROW_DIGEST_SHA3_384] = {"sha3_384", "SHA3-384"},
    [FW_DIGEST_MD5] = {"md5", "MD5"},
};

const char *fw_digest_name(int digest)
{
    return digest >= 0 && digest < FW_DIGESTS ? digests[digest].name : NULL;
}

int fw_digest_of(const char *name, size_t size)
{
    for (int i = 0; i < FW_DIGESTS; i++)
        if (strlen(digests[i].name) == size && memcmp(digests[i].name, name, size) == 0)
            return i;
    return -1;
}

/* Some systems forbid MD5; the others are always there, and fail for want of memory. */
static int refused(int digest)
{
    if (digest == FW_DIGEST_MD5)
        return fw_fail(FURROW_ENOTSUP, "libcrypto does not allow MD5 here");
    return fw_fail(FURROW_ENOMEM, "no memory for an HMAC by %s", digests[digest].name);
}

int fw_digest_hmac(int digest, const fw_digest_key *key, const void *message,
                   size_t size, unsigned char out[FW_DIGEST_BYTES])
{
    const EVP_MD *md = EVP_get_digestbyname(digests[digest].evp);
    unsigned char full[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;

    if (!md || !HMAC(md, key->bytes, (int)key->size, message, size, full, &bytes) ||
        bytes > FW_DIGEST_BYTES)
        return refused(digest);
    memcpy(out, full, bytes);
    return (int)bytes;
}

int fw_digest_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

int fw_digest_key_init(fw_digest_key *key, const void *bytes, size_t size)
{
    if (size > INT32_MAX)
        return fw_fail(FURROW_EINVAL, "a key of %zu bytes", size);
    key->size = size;
    key->bytes = malloc(size + 1);
    if (!key->bytes)
        return fw_fail(FURROW_ENOMEM, "no memory for a key of %zu bytes", size);
    memcpy(key->bytes, bytes, size);
    return 0;
}

void fw_digest_key_fini(fw_digest_key *key)
{
    if (key->bytes)
        OPENSSL_cleanse(key->bytes, key->size);
    free(key->bytes);
}
