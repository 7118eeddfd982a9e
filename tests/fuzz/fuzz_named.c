/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the file of a named array on any bytes, as an attacher reads it. What it
 * accepts must lie within the file.
 *
 * A forger knows the checksum. So that mutations get past it, the first byte says what is
 * put right in the header behind it: bit 0 the checksum, bit 1 magic, version and abi, bit
 * 2 the offset; bits 3 to 7 how long the file is.
 */
#include "named.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 312, CHECKSUM_AT = 16, OFFSET_AT = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

static void put_right(unsigned char *header, int flags)
{
    static const uint64_t magic = UINT64_C(0x31414d4158575546), offset = 4096;
    const uint32_t version_and_abi[2] = {1, 0x01020304u ^ (uint32_t)sizeof(long double)
                                                              << 8};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    if (flags & 2) {
        memcpy(header, &magic, 8);
        memcpy(header + 8, version_and_abi, 8);
    }
    if (flags & 4)
        memcpy(header + OFFSET_AT, &offset, 8);
    if (!(flags & 1))
        return;
    memset(header + CHECKSUM_AT, 0, 8);
    for (int i = 0; i < BYTES; i++)
        hash = (hash ^ header[i]) * UINT64_C(0x100000001b3);
    memcpy(header + CHECKSUM_AT, &hash, 8);
}

static int file(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = fw_os_memfd("fuzz", 1 << 20);
    require(fd >= 0);
    return fd;
}

static void check_spec(const fw_array_spec *s, size_t size)
{
    size_t len = 1;

    require(s->view.ndim >= 1 && s->view.ndim <= FURROW_MAX_DIMS);
    for (int i = 0; i < s->view.ndim; i++)
        len *= s->view.shape[i];
    require(len == s->view.len && s->view.itemsize > 0);
    require(s->bytes / s->view.itemsize == len);
    require(size >= FW_PAGE && s->bytes <= size - FW_PAGE);
    require(strnlen(s->format, FW_TYPE_FORMAT_MAX) < FW_TYPE_FORMAT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned char header[BYTES] = {0};
    const int flags = size ? bytes[0] : 0;
    const size_t claimed = (size_t)1 << (flags >> 3);
    fw_array_spec s = {0};
    int rc;

    if (size > 1)
        memcpy(header, bytes + 1, size - 1 < BYTES ? size - 1 : BYTES);
    put_right(header, flags);
    require(pwrite(file(), header, BYTES, 0) == BYTES);
    rc = fw_named_read(file(), claimed, &s);
    require(rc == 0 || rc == FURROW_ECORRUPT);
    require(rc == 0 || furrow_last_error()->code == rc);
    if (rc == 0)
        check_spec(&s, claimed);
    return 0;
}
