/* SPDX-License-Identifier: MIT
 *
 * The 'descr' of a .npy header: a type string, or a list of the fields of a struct,
 * turned into a typecode or a PEP 3118 format.
 *
 * Invariant: what the file describes is laid out byte for byte as the format that comes
 * out of it, or it is refused. Text of the file gets into a message only when
 * printable.
 */
#include "literal.h"
#include "npy.h"
#include "status.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define STRUCT_SIZE_MAX ((size_t)INT_MAX)

/* One type string: a type, or padding. */
typedef struct element {
    const furrow_type *type; /* NULL: padding of `count` bytes */
    size_t count;
    int swapped;
} element;

/* A struct under construction. */
typedef struct layout {
    fw_literal *c;
    int major;        /* the file's version: from 3 on, names are UTF-8, not Latin-1 */
    size_t packed;    /* bytes so far in the file's layout */
    size_t described; /* bytes that out->format accounts for, without C's padding */
    size_t align;
    fw_npy_header *out;
} layout;

static int fail_type(const fw_literal *c, fw_text descr)
{
    for (size_t i = 0; i < descr.len; i++)
        if ((unsigned char)descr.at[i] >= 127)
            return fw_literal_corrupt(c, "the type before here is not one of NumPy's");
    return fw_fail(FURROW_ENOTSUP,
                   "NumPy header: no typecode for NumPy's type '%.*s'%s",
                   descr.len < 24 ? (int)descr.len : 24, descr.at,
                   memchr(descr.at, 'O', descr.len) ? ", a Python object" : "");
}

/* The size behind the kind letter: all of the rest, in decimal. 0: not that. */
static size_t type_size(fw_text digits)
{
    size_t n = 0;

    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9' || n > STRUCT_SIZE_MAX)
            return 0;
        n = n * 10 + (size_t)(digits.at[i] - '0');
    }
    return n <= STRUCT_SIZE_MAX ? n : 0;
}

/* "<f8": byte order, kind, size. */
static int parse_type(fw_literal *c, element *out)
{
    const int little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    fw_text descr, rest;
    char order = '=';
    size_t size;
    int rc;

    if ((rc = fw_literal_text(c, &descr)) < 0)
        return rc;
    rest = descr;
    if (rest.len && memchr("<>=|", rest.at[0], 4))
        order = *rest.at++, rest.len--;
    if (rest.len < 2)
        return fail_type(c, descr);
    size = type_size((fw_text){.at = rest.at + 1, .len = rest.len - 1});
    *out = (element){.count = 1, .swapped = size > 1 && order == (little ? '>' : '<')};
    if (size && (*rest.at == 'S' || *rest.at == 'V')) {
        *out = (element){.count = size};
        size = 1;
    }
    if (size && *rest.at != 'V')
        out->type = fw_type_of_numpy(*rest.at, size);
    return !size || (!out->type && *rest.at != 'V') ? fail_type(c, descr) : 0;
}

/* ---- structs --------------------------------------------------------------------*/

static int format_too_long(const layout *l)
{
    return fw_literal_unsupported(
        l->c, "the struct needs a longer format than furrow can hold");
}

static int format_add(layout *l, const char *string, size_t len)
{
    const size_t used = strlen(l->out->format);

    if (len >= sizeof l->out->format - used)
        return format_too_long(l);
    memcpy(l->out->format + used, string, len);
    l->out->format[used + len] = '\0';
    return 0;
}

static int format_add_count(layout *l, size_t count, const char *letter)
{
    char item[32];
    const int len = count == 1 ? snprintf(item, sizeof item, "%s", letter)
                               : snprintf(item, sizeof item, "%zu%s", count, letter);

    return format_add(l, item, (size_t)len);
}

/* ":name:", in UTF-8. */
static int format_add_name(layout *l, fw_text name)
{
    int rc = name.len ? format_add(l, ":", 1) : 0;

    if (memchr(name.at, ':', name.len))
        return fw_literal_unsupported(l->c, "a field's name with a ':'");
    for (size_t i = 0; rc == 0 && i < name.len; i++) {
        const unsigned char byte = (unsigned char)name.at[i];
        const char utf8[2] = {(char)(0xC0 | byte >> 6), (char)(0x80 | (byte & 0x3F))};

        if (byte >= 0x80 && l->major < 3)
            rc = format_add(l, utf8, sizeof utf8);
        else
            rc = format_add(l, &name.at[i], 1);
    }
    return rc == 0 && name.len ? format_add(l, ":", 1) : rc;
}

static int fail_layout(const layout *l, size_t wanted)
{
    return fw_fail(
        FURROW_ENOTSUP,
        "NumPy header, byte %zu: the struct is not laid out as C would: byte "
        "%zu of it comes where C has byte %zu (NumPy: dtype(..., align=True))",
        (size_t)(l->c->at - l->c->start), l->packed, wanted);
}

/* Let the format reach the file's next offset: C's own padding comes of itself, what is
 * more is told. */
static int pad_to(layout *l, size_t align)
{
    const size_t wanted = (l->described + align - 1) / align * align;

    if (l->packed < wanted || l->packed % align)
        return fail_layout(l, wanted);
    if (l->packed == wanted)
        return 0;
    return format_add_count(l, l->packed - l->described, "x");
}

static int add_padding(layout *l, fw_text name, size_t count)
{
    if (name.len)
        return fw_literal_unsupported(l->c,
                                      "a field of raw bytes ('V') has no typecode");
    if (count > STRUCT_SIZE_MAX - l->packed)
        return fw_literal_unsupported(l->c, "the struct is too large");
    l->packed += count;
    return 0;
}

static int add_field(layout *l, fw_text name, const element *e)
{
    fw_struct *so_far = &l->out->layout;
    int rc;

    if (!e->type)
        return add_padding(l, name, e->count);
    if (so_far->count == FW_TYPE_FIELDS_MAX)
        return fw_literal_unsupported(l->c, "more than 32 fields");
    if (e->count > (STRUCT_SIZE_MAX - l->packed) / e->type->size)
        return fw_literal_unsupported(l->c, "the struct is too large");
    if ((rc = pad_to(l, e->type->align)) < 0 ||
        (rc = format_add_count(l, e->count, e->type->format)) < 0 ||
        (rc = format_add_name(l, name)) < 0)
        return rc;
    if (e->swapped)
        l->out->swapped |= UINT32_C(1) << so_far->count;
    so_far->count++;
    l->packed += e->count * e->type->size;
    l->described = l->packed;
    if (l->align < e->type->align)
        l->align = e->type->align;
    return 0;
}

/* The third item of a field's tuple: the shape of an array in the struct. */
static int parse_field_shape(layout *l, size_t *count)
{
    size_t dims[FURROW_MAX_DIMS];
    const int n = fw_literal_tuple(l->c, dims);

    for (int i = 0; i < n; i++) {
        if (!dims[i])
            return fw_literal_unsupported(l->c, "an array of no elements in a struct");
        if (*count > STRUCT_SIZE_MAX / dims[i])
            return fw_literal_unsupported(l->c, "the struct is too large");
        *count *= dims[i];
    }
    return n < 0 ? n : 0;
}

/* ('name', '<f8') or ('name', '<f8', (3,)). */
static int parse_field(layout *l)
{
    fw_text name = {0};
    element e = {0};
    int rc;

    if ((rc = fw_literal_expect(l->c, '(')) < 0)
        return rc;
    if (fw_literal_token(l->c) == '(')
        return fw_literal_unsupported(l->c, "fields with titles are not supported");
    if ((rc = fw_literal_text(l->c, &name)) < 0 ||
        (rc = fw_literal_expect(l->c, ',')) < 0)
        return rc;
    if (fw_literal_token(l->c) == '[' || fw_literal_token(l->c) == '(')
        return fw_literal_unsupported(l->c,
                                      "a struct inside a struct is not supported");
    if ((rc = parse_type(l->c, &e)) < 0 || (rc = fw_literal_more(l->c, ')')) < 0)
        return rc;
    if (rc > 0) {
        if ((rc = parse_field_shape(l, &e.count)) < 0)
            return rc;
        if ((rc = fw_literal_more(l->c, ')')) != 0)
            return rc < 0 ? rc
                          : fw_literal_corrupt(l->c, "a field has at most three parts");
    }
    return add_field(l, name, &e);
}

/* The format is complete: its own parser gives the layout, and has the last word. */
static int finish_struct(layout *l)
{
    fw_npy_header *out = l->out;
    char why[sizeof furrow_last_error()->text];
    int rc;

    if (!out->layout.count)
        return fw_literal_unsupported(l->c, "a struct without fields");
    if ((rc = pad_to(l, l->align)) < 0 || (rc = format_add(l, "}", 1)) < 0)
        return rc;
    if (fw_type_parse_struct(out->format, &out->layout) < 0) {
        memcpy(why, furrow_last_error()->text, sizeof why);
        return fw_fail(FURROW_ENOTSUP, "the file's struct: %.400s", why);
    }
    if (out->layout.size != l->packed)
        return fail_layout(l, out->layout.size);
    out->type = FURROW_STRUCT;
    out->itemsize = out->layout.size;
    return 0;
}

static int parse_struct(layout *l)
{
    int rc;

    l->c->at++;
    l->align = 1;
    strcpy(l->out->format, "T{");
    if (fw_literal_token(l->c) == ']')
        return fw_literal_unsupported(l->c, "a struct without fields");
    do {
        if ((rc = parse_field(l)) < 0)
            return rc;
    } while ((rc = fw_literal_more(l->c, ']')) > 0);
    return rc < 0 ? rc : finish_struct(l);
}

static int parse_scalar(fw_literal *c, fw_npy_header *out)
{
    element e;
    int rc;

    if ((rc = parse_type(c, &e)) < 0)
        return rc;
    if (!e.type || e.count != 1)
        return fw_literal_unsupported(
            c, "strings and raw bytes as elements have no typecode");
    out->type = e.type->code;
    out->itemsize = e.type->size;
    out->swapped = (uint32_t)e.swapped;
    out->layout = (fw_struct){.size = e.type->size, .align = e.type->align, .count = 1};
    out->layout.field[0] = (fw_field){.code = e.type->code, .count = 1};
    return 0;
}

int fw_npy_descr(fw_literal *c, int major, fw_npy_header *out)
{
    layout l = {.c = c, .major = major, .out = out};

    switch (fw_literal_token(c)) {
    case '[':
        return parse_struct(&l);
    case '(':
    case '{':
        return fw_literal_unsupported(
            c, "a type that is neither a string nor a list of fields");
    default:
        return parse_scalar(c, out);
    }
}
