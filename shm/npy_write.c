/* SPDX-License-Identifier: MIT
 *
 * The writer of .npy headers: an array's type and shape as NumPy would put them.
 *
 * Invariant: what fw_npy_write() lets out, fw_npy_parse() reads (it is asked).
 */
#include "npy.h"
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A header is at most a struct's 32 fields of some 80 characters and the shape. */
typedef struct writer {
    char *start;
    size_t used;
    int full;
} writer;

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format,
                                                      ...)
{
    const size_t left = FW_NPY_WRITE_MAX - w->used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(w->start + w->used, left, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= left)
        w->full = 1;
    else
        w->used += (size_t)n;
}

/* ---- descr ----------------------------------------------------------------------*/

static int is_name_taken(const fw_struct *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (!strcmp(s->field[i].name, name))
            return 1;
    return 0;
}

/* NumPy calls field i without a name "f<i>"; where that is taken it would refuse. */
static void put_field_name(writer *w, const fw_struct *s, int i)
{
    char name[sizeof s->field->name];
    int n = i;

    if (*s->field[i].name) {
        put(w, "'%s'", s->field[i].name);
        return;
    }
    snprintf(name, sizeof name, "f%d", n);
    while (is_name_taken(s, name))
        snprintf(name, sizeof name, "f%d", n += FW_TYPE_FIELDS_MAX);
    put(w, "'%s'", name);
}

static void put_padding(writer *w, size_t bytes)
{
    if (bytes)
        put(w, "('', '|V%zu'), ", bytes);
}

static void put_struct(writer *w, const fw_struct *s)
{
    size_t end = 0;

    put(w, "[");
    for (int i = 0; i < s->count; i++) {
        const fw_field *field = &s->field[i];
        const furrow_type *type = furrow_type_of(field->code);

        put_padding(w, field->offset - end);
        put(w, "(");
        put_field_name(w, s, i);
        put(w, ", '%s'", type->numpy);
        if (field->count != 1)
            put(w, ", (%zu,)", field->count);
        put(w, "), ");
        end = field->offset + field->count * type->size;
    }
    put_padding(w, s->size - end);
    w->used -= 2; /* the last ", " */
    put(w, "]");
}

static int put_descr(writer *w, const furrow_array *a, const char *format)
{
    const furrow_type *type;
    fw_struct layout;
    int rc;

    if (a->type == FURROW_STRUCT) {
        if ((rc = fw_type_parse_struct(format, &layout)) < 0)
            return rc;
        put_struct(w, &layout);
        return 0;
    }
    if (!(type = furrow_type_of(a->type)))
        return FURROW_EINVAL;
    put(w, "'%s'", type->numpy);
    return 0;
}

/* ---- the header -----------------------------------------------------------------*/

static void put_shape(writer *w, const furrow_array *a)
{
    put(w, "(%zu,", a->shape[0]);
    for (int i = 1; i < a->ndim; i++)
        put(w, " %zu%s", a->shape[i], i + 1 < a->ndim ? "," : "");
    put(w, ")");
}

/* Version 3.0 is for names that are not ASCII; what 2.0 is for, longer headers than
 * 65535 bytes, cannot come up. Both numbers are little-endian. */
static void finish(writer *w, size_t first)
{
    size_t length;

    while ((w->used + 1) % FW_NPY_ALIGN && w->used + 1 < FW_NPY_WRITE_MAX)
        w->start[w->used++] = ' ';
    w->start[w->used++] = '\n';
    length = w->used - first;
    memcpy(w->start, "\x93NUMPY", 6);
    w->start[6] = first == 10 ? 1 : 3;
    w->start[7] = 0;
    w->start[8] = (char)(length & 0xFF);
    w->start[9] = (char)(length >> 8);
    if (first == 12)
        w->start[10] = w->start[11] = 0;
}

static size_t preamble_size(const char *format)
{
    for (; format && *format; format++)
        if ((unsigned char)*format >= 0x80)
            return 12;
    return 10;
}

static int check(const char *header, size_t size)
{
    fw_npy_header parsed;
    char why[sizeof furrow_last_error()->text];

    if (fw_npy_parse(header, size, &parsed) == 0)
        return 0;
    memcpy(why, furrow_last_error()->text, sizeof why);
    return fw_fail(FURROW_EINVAL, "the array has no .npy header: %.400s", why);
}

int fw_npy_write(const furrow_array *a, const char *format,
                 char buffer[FW_NPY_WRITE_MAX])
{
    const size_t first = preamble_size(a->type == FURROW_STRUCT ? format : NULL);
    writer w = {.start = buffer, .used = first};
    int rc;

    if (a->ndim < 1 || a->ndim > FURROW_MAX_DIMS)
        return fw_fail(FURROW_EINVAL, "an array of %d dimensions", a->ndim);
    put(&w, "{'descr': ");
    if ((rc = put_descr(&w, a, format)) < 0)
        return rc;
    put(&w, ", 'fortran_order': False, 'shape': ");
    put_shape(&w, a);
    put(&w, ", }");
    if (w.full || w.used + 1 >= FW_NPY_WRITE_MAX)
        return fw_fail(FURROW_EINVAL, "the .npy header is too long");
    finish(&w, first);
    return (rc = check(buffer, w.used)) < 0 ? rc : (int)w.used;
}
