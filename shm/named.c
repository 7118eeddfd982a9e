/* SPDX-License-Identifier: MIT
 *
 * The file of a named array.
 *
 *   a named array in /dev/shm
 *   +---------------------------+------------------------------------------+
 *   | fw_named, one page        | elements                                 |
 *   +---------------------------+------------------------------------------+
 * The header is complete, with its checksum, before the file gets its name; an attacher
 * copies it once and believes only what it has checked in the copy.
 */
#include "named.h"

#include "status.h"
#include "type.h"

#include <string.h>

#define FW_NAMED_MAGIC   UINT64_C(0x31414d4158575546)
#define FW_NAMED_VERSION 1u
#define FW_NAMED_ABI     (0x01020304u ^ (uint32_t)sizeof(long double) << 8)

typedef struct fw_named {
    uint64_t magic;
    uint32_t version;
    uint32_t abi; /* byte order and the size of long double */
    uint64_t checksum;
    uint64_t offset;
    uint64_t bytes;
    uint64_t itemsize;
    int32_t type;
    int32_t ndim;
    uint64_t shape[FURROW_MAX_DIMS];
    char format[FW_TYPE_FORMAT_MAX];
} fw_named;
_Static_assert(sizeof(fw_named) <= FW_PAGE, "one page");

int fw_named_is_name(const char *name)
{
    return name[0] == '/' && name[1] && !strchr(name + 1, '/') &&
           strlen(name) < FW_NAME_MAX && strcmp(name, "/.") != 0 &&
           strcmp(name, "/..") != 0;
}

int fw_named_spell(const char *name, char out[FW_NAME_MAX])
{
    size_t slash = name[0] != '/', size = strlen(name) + 1;

    out[0] = '/';
    if (slash + size <= FW_NAME_MAX)
        memcpy(out + slash, name, size);
    if (slash + size > FW_NAME_MAX || !fw_named_is_name(out))
        return fw_fail(FURROW_EINVAL,
                       "'%.40s' is no name: 1 to %d characters other than '/'", name,
                       FW_NAME_MAX - 2);
    return 0;
}

int fw_named_open(const char *name, size_t *size)
{
    char spelt[FW_NAME_MAX];
    int fd, rc = fw_named_spell(name, spelt);

    if (rc < 0)
        return rc;
    fd = fw_os_shm_open(spelt, size);
    return fd < 0 ? fw_fail_os(-fd, "cannot open %s", spelt) : fd;
}

/* FNV-1a over the header, its checksum taken as zero. */
static uint64_t named_checksum(fw_named header)
{
    const unsigned char *p = (const unsigned char *)&header;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    header.checksum = 0;
    for (size_t i = 0; i < sizeof header; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void fw_named_write(void *page, const fw_array_spec *s)
{
    fw_named h;

    memset(&h, 0, sizeof h);
    h.magic = FW_NAMED_MAGIC;
    h.version = FW_NAMED_VERSION;
    h.abi = FW_NAMED_ABI;
    h.offset = FW_PAGE;
    h.bytes = s->bytes;
    h.itemsize = s->view.itemsize;
    h.type = s->view.type;
    h.ndim = s->view.ndim;
    for (int i = 0; i < s->view.ndim; i++)
        h.shape[i] = s->view.shape[i];
    strncpy(h.format, s->format, sizeof h.format - 1);
    h.checksum = named_checksum(h);
    memcpy(page, &h, sizeof h);
}

/* Everything an attacher relies on, in its own copy of the header. */
static int named_check(const fw_named *h, size_t size, fw_array_spec *s)
{
    furrow_array shape = {0};

    if (h->magic != FW_NAMED_MAGIC || h->version != FW_NAMED_VERSION)
        return fw_fail(FURROW_ECORRUPT, "it is not a furrow array of this version");
    if (h->abi != FW_NAMED_ABI)
        return fw_fail(FURROW_ECORRUPT, "it was made on another kind of machine");
    if (h->checksum != named_checksum(*h) || !memchr(h->format, 0, sizeof h->format))
        return fw_fail(FURROW_ECORRUPT, "its header is damaged");
    if (h->ndim < 1 || h->ndim > FURROW_MAX_DIMS)
        return fw_fail(FURROW_ECORRUPT, "it says it has %d dimensions", (int)h->ndim);
    for (int i = 0; i < h->ndim; i++)
        shape.shape[i] = h->shape[i];
    shape.ndim = h->ndim;
    if (fw_array_spec_make(s, h->type, h->format, &shape) < 0)
        return fw_fail(FURROW_ECORRUPT, "its type or shape makes no sense");
    if (s->view.itemsize != h->itemsize || s->bytes != h->bytes ||
        h->offset != FW_PAGE || size < FW_PAGE || size - FW_PAGE < s->bytes)
        return fw_fail(FURROW_ECORRUPT, "its size does not fit its shape");
    return 0;
}

int fw_named_read(int fd, size_t size, fw_array_spec *s)
{
    fw_named header;
    int rc;

    if (size < sizeof header ||
        fw_os_regular_read(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
        return fw_fail(FURROW_ECORRUPT, "it is too short for an array");
    rc = named_check(&header, size, s);
    if (rc < 0)
        return rc;
    memcpy(s->format_storage, s->format, strlen(s->format) + 1);
    s->format = s->format_storage;
    return 0;
}
