/* SPDX-License-Identifier: MIT
 *
 * The parser of .npy headers: the preamble and the dict. Every byte is hostile.
 */
#include "literal.h"
#include "npy.h"
#include "status.h"

#include <string.h>

static const char magic[] = "\x93NUMPY";
#define MAGIC_SIZE (sizeof magic - 1)

typedef struct parser {
    fw_literal c;
    int major; /* version */
    int fortran;
    int dims; /* as in the file, where () is 0 */
    fw_npy_header *out;
} parser;

static int parse_fortran(parser *p)
{
    static const char yes[] = "True", no[] = "False";

    p->fortran = fw_literal_token(&p->c) == yes[0];
    for (const char *word = p->fortran ? yes : no; *word; word++, p->c.at++)
        if (fw_literal_peek(&p->c) != *word)
            return fw_literal_corrupt(&p->c, "True or False belongs here");
    return 0;
}

static int parse_descr(parser *p)
{
    return fw_npy_descr(&p->c, p->major, p->out);
}

static int parse_shape(parser *p)
{
    const int n = fw_literal_tuple(&p->c, p->out->shape);

    if (n < 0)
        return n;
    p->dims = n;
    if (n == 0)
        p->out->shape[0] = 1;
    p->out->ndim = n ? n : 1;
    return 0;
}

static const struct {
    const char *name;
    int (*parse)(parser *p);
} keys[] = {
    {"descr", parse_descr}, {"fortran_order", parse_fortran}, {"shape", parse_shape}};

#define KEYS (sizeof keys / sizeof *keys)

static int parse_entry(parser *p, unsigned *seen)
{
    fw_text key;
    int rc;

    if ((rc = fw_literal_text(&p->c, &key)) < 0 ||
        (rc = fw_literal_expect(&p->c, ':')) < 0)
        return rc;
    for (size_t i = 0; i < KEYS; i++) {
        if (key.len != strlen(keys[i].name) || memcmp(key.at, keys[i].name, key.len))
            continue;
        if (*seen & 1u << i)
            return fw_literal_corrupt(&p->c, "this key was there before");
        *seen |= 1u << i;
        return keys[i].parse(p);
    }
    return fw_literal_corrupt(&p->c,
                              "a key other than 'descr', 'fortran_order' and 'shape'");
}

static int parse_dict(parser *p)
{
    unsigned seen = 0;
    int rc;

    if ((rc = fw_literal_expect(&p->c, '{')) < 0)
        return rc;
    if (fw_literal_token(&p->c) != '}') {
        do {
            if ((rc = parse_entry(p, &seen)) < 0)
                return rc;
        } while ((rc = fw_literal_more(&p->c, '}')) > 0);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < KEYS; i++)
        if (!(seen & 1u << i))
            return fw_fail(FURROW_ECORRUPT, "NumPy header: '%s' is missing",
                           keys[i].name);
    fw_literal_token(&p->c);
    return p->c.at == p->c.end
               ? 0
               : fw_literal_corrupt(&p->c, "nothing may follow the dict");
}

/* ---- the file -------------------------------------------------------------------*/

/* len and bytes from the shape. The dimensions beside a 0 are bounded too: whoever
 * multiplies them first must not overflow. */
static int measure(fw_npy_header *out)
{
    size_t product = 1;
    int empty = 0;

    for (int i = 0; i < out->ndim; i++) {
        if (!out->shape[i])
            empty = 1;
        else if (__builtin_mul_overflow(product, out->shape[i], &product))
            product = SIZE_MAX;
    }
    if (product > (size_t)PTRDIFF_MAX / out->itemsize - FW_NPY_HEADER_MAX)
        return fw_fail(FURROW_ECORRUPT,
                       "NumPy header: the shape has more bytes than any memory");
    out->len = empty ? 0 : product;
    out->bytes = out->len * out->itemsize;
    return 0;
}

/* Bytes of the UTF-8 character at `at`, or 0 when it is not one. */
static size_t utf8_length(const char *at, const char *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char first = (unsigned char)*at;
    const size_t n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t code = n == 1 ? first : first & (0x7Fu >> n);

    if ((first & 0xC0) == 0x80 || first > 0xF4 || n > (size_t)(end - at))
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)at[i] & 0x3F);
    }
    return code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0
                                                                                   : n;
}

/* Version 3.0 promises UTF-8; the names of fields become part of our own formats. */
static int check_utf8(fw_literal c)
{
    while (c.at < c.end) {
        const size_t n = utf8_length(c.at, c.end);

        if (!n)
            return fw_literal_corrupt(&c, "not UTF-8");
        c.at += n;
    }
    return 0;
}

static int truncated(size_t size, size_t needed)
{
    return fw_fail(
        FURROW_ECORRUPT,
        "the file ends after %zu bytes, %zu before the end of its NumPy header", size,
        needed - size);
}

/* Magic, version and the length of the header: where the text begins and ends. */
static int parse_preamble(parser *p, size_t size)
{
    const unsigned char *byte = (const unsigned char *)p->c.start;
    const size_t known = size < MAGIC_SIZE ? size : MAGIC_SIZE;
    size_t first, length;

    if (memcmp(byte, magic, known) || !size)
        return fw_fail(FURROW_ECORRUPT, "not a .npy file: it %s",
                       size ? "begins with other bytes" : "is empty");
    if (size < MAGIC_SIZE + 2)
        return truncated(size, MAGIC_SIZE + 4);
    p->major = byte[6];
    if (p->major < 1 || p->major > 3 || byte[7])
        return fw_fail(FURROW_ENOTSUP, "version %d.%d of the .npy format is not known",
                       p->major, byte[7]);
    first = p->major == 1 ? 10 : 12;
    if (size < first)
        return truncated(size, first);
    length = byte[8] | (size_t)byte[9] << 8;
    if (p->major > 1)
        length |= (size_t)byte[10] << 16 | (size_t)byte[11] << 24;
    if (length > FW_NPY_HEADER_MAX - first)
        return fw_fail(FURROW_ENOTSUP, "a NumPy header of %zu bytes; the limit is %zu",
                       length, FW_NPY_HEADER_MAX - first);
    if (size - first < length)
        return truncated(size, first + length);
    p->c.at = p->c.start + first;
    p->c.end = p->c.at + length;
    p->out->offset = first + length;
    return 0;
}

int fw_npy_parse(const void *bytes, size_t size, fw_npy_header *out)
{
    parser p = {.c = {.start = bytes}, .out = out};
    int rc;

    *out = (fw_npy_header){0};
    if ((rc = parse_preamble(&p, size)) < 0)
        return rc;
    if (p.major >= 3 && (rc = check_utf8(p.c)) < 0)
        return rc;
    if ((rc = parse_dict(&p)) < 0)
        return rc;
    if (p.fortran && p.dims > 1)
        return fw_fail(FURROW_ENOTSUP, "the array is in Fortran order (NumPy: "
                                       "ascontiguousarray() before save())");
    return measure(out);
}
