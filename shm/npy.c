/* SPDX-License-Identifier: MIT
 *
 * .npy files: load, map, save.
 *
 * A file is what its header says or it is refused before an array is made. A file under
 * its own name is complete: it is written under another name first and then renamed.
 */
#include "npy.h"
#include "array.h"
#include "os.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- byte order -----------------------------------------------------------------*/

static void reverse(unsigned char *at, size_t width)
{
    for (size_t i = 0; i < width / 2; i++) {
        const unsigned char byte = at[i];

        at[i] = at[width - 1 - i];
        at[width - 1 - i] = byte;
    }
}

static void swap_words64(unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++, at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        word = __builtin_bswap64(word);
        memcpy(at, &word, sizeof word);
    }
}

static void swap_words32(unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++, at += sizeof(uint32_t)) {
        uint32_t word;

        memcpy(&word, at, sizeof word);
        word = __builtin_bswap32(word);
        memcpy(at, &word, sizeof word);
    }
}

/* n elements in a row; a complex one is two numbers. */
static void swap_row(unsigned char *at, char code, size_t n)
{
    const size_t parts = code == 'F' || code == 'D' ? 2 : 1;
    const size_t width = furrow_type_of(code)->size / parts;

    n *= parts;
    if (width == sizeof(uint64_t))
        swap_words64(at, n);
    else if (width == sizeof(uint32_t))
        swap_words32(at, n);
    else
        for (size_t i = 0; i < n; i++)
            reverse(at + i * width, width);
}

void fw_npy_swap(const fw_npy_header *header, void *data, size_t len)
{
    const fw_struct *layout = &header->layout;
    unsigned char *at = data;

    if (!header->swapped)
        return;
    if (header->type != FURROW_STRUCT) {
        swap_row(at, (char)header->type, len);
        return;
    }
    for (size_t i = 0; i < len; i++, at += layout->size)
        for (int f = 0; f < layout->count; f++)
            if (header->swapped >> f & 1)
                swap_row(at + layout->field[f].offset, layout->field[f].code,
                         layout->field[f].count);
}

/* ---- reading --------------------------------------------------------------------*/

/* An open .npy file whose header is known and whose data are all there. */
typedef struct source {
    int fd;
    const char *path;
    size_t size;
    fw_npy_header header;
} source;

/* Say which file the failure is about. */
static int fail_in_file(const char *path, int code)
{
    char why[sizeof furrow_last_error()->text];

    memcpy(why, furrow_last_error()->text, sizeof why);
    return fw_fail(code, "'%.160s': %.300s", path, why);
}

static int check_size(size_t size, const fw_npy_header *header)
{
    const size_t end = header->offset + header->bytes;

    if (size >= end)
        return 0;
    return fw_fail(FURROW_ECORRUPT,
                   "the file ends too early: %zu of %zu bytes of data are missing",
                   end - size, header->bytes);
}

static int read_header(source *s)
{
    char *bytes = malloc(FW_NPY_HEADER_MAX);
    ssize_t n;
    int rc;

    if (!bytes)
        return fw_fail_os(ENOMEM, "no memory to read a header");
    n = fw_os_regular_read(s->fd, bytes, FW_NPY_HEADER_MAX, 0);
    if (n < 0)
        rc = fw_fail_os((int)-n, "cannot read '%.200s'", s->path);
    else if ((rc = fw_npy_parse(bytes, (size_t)n, &s->header)) < 0 ||
             (rc = check_size(s->size, &s->header)) < 0)
        rc = fail_in_file(s->path, rc);
    free(bytes);
    return rc;
}

static int open_file(source *s, int writable)
{
    s->fd = fw_os_regular_open(s->path, writable, &s->size);
    if (s->fd == -EINVAL)
        return fw_fail(FURROW_EINVAL, "'%.200s' is not a regular file", s->path);
    if (s->fd < 0)
        return fw_fail_os(-s->fd, "cannot open '%.200s'", s->path);
    return 0;
}

static int source_open(source *s, const char *path, int writable)
{
    int rc;

    *s = (source){.fd = -1, .path = path};
    if (!path)
        return fw_fail(FURROW_EINVAL, "path is NULL");
    if ((rc = open_file(s, writable)) < 0)
        return rc;
    if ((rc = read_header(s)) < 0)
        fw_os_close(s->fd);
    return rc;
}

static int read_data(const source *s, furrow_array *a)
{
    const fw_npy_header *header = &s->header;
    const ssize_t n = fw_os_regular_read(s->fd, a->data, header->bytes, header->offset);

    if (n == -EFAULT) /* the kernel could not take a page of the array */
        return fw_fail_os(ENOMEM, "no memory to read '%.200s' into", s->path);
    if (n < 0)
        return fw_fail_os((int)-n, "cannot read '%.200s'", s->path);
    if ((size_t)n < header->bytes) {
        check_size(header->offset + (size_t)n, header);
        return fail_in_file(s->path, FURROW_ECORRUPT);
    }
    fw_npy_swap(header, a->data, header->len);
    return 0;
}

static furrow_array *load(const source *s)
{
    const fw_npy_header *header = &s->header;
    furrow_array_options options = {.ndim = header->ndim};
    furrow_array *a;

    memcpy(options.shape, header->shape, sizeof options.shape);
    if (header->type == FURROW_STRUCT)
        options.format = header->format;
    a = furrow_array_new_sized(header->type, header->len, &options, sizeof options);
    if (a && read_data(s, a) < 0) {
        furrow_array_free(a);
        return NULL;
    }
    return a;
}

furrow_array *furrow_npy_load(const char *path)
{
    furrow_array *a = NULL;
    source s;

    if (source_open(&s, path, 0) == 0) {
        a = load(&s);
        fw_os_close(s.fd);
    }
    return fw_status_new(__func__, a);
}

/* ---- mapping --------------------------------------------------------------------*/

static int check_mappable(const fw_npy_header *header)
{
    if (header->swapped)
        return fw_fail(FURROW_ENOTSUP, "the data are in foreign byte order");
    if (header->offset % FW_NPY_ALIGN)
        return fw_fail(FURROW_ENOTSUP,
                       "the data begin at byte %zu, which is not a multiple of %d",
                       header->offset, FW_NPY_ALIGN);
    if (!header->len)
        return fw_fail(FURROW_ENOTSUP, "there are no elements to map");
    return 0;
}

/* Takes the source's fd over. */
static furrow_array *map(const source *s, int writable)
{
    const fw_npy_header *header = &s->header;
    fw_array_file file = {.fd = s->fd,
                          .offset = header->offset,
                          .writable = writable != 0,
                          .type = header->type,
                          .ndim = header->ndim};
    const int rc = check_mappable(header);

    if (rc < 0) {
        fw_os_close(s->fd);
        fail_in_file(s->path, rc);
        return NULL;
    }
    if (header->type == FURROW_STRUCT)
        file.format = header->format;
    memcpy(file.shape, header->shape, sizeof file.shape);
    return fw_array_map_file(&file);
}

furrow_array *furrow_npy_map(const char *path, int writable)
{
    furrow_array *a = NULL;
    source s;

    if (source_open(&s, path, writable) == 0)
        a = map(&s, writable);
    return fw_status_new(__func__, a);
}

/* ---- writing --------------------------------------------------------------------*/

static int open_target(fw_os_target *target, const char *path)
{
    const int rc = fw_os_target_open(target, path);

    if (rc == -EINVAL)
        return fw_fail(FURROW_EINVAL, "'%.200s' is not a regular file", path);
    return rc < 0 ? fw_fail_os(-rc, "cannot write '%.200s'", path) : 0;
}

static int save(const furrow_array *a, const char *path)
{
    char header[FW_NPY_WRITE_MAX];
    const char *format = a->type == FURROW_STRUCT ? furrow_array_format(a) : NULL;
    const int size = fw_npy_write(a, format, header);
    fw_os_target target;
    int rc;

    if (size < 0)
        return size;
    if (!path)
        return fw_fail(FURROW_EINVAL, "path is NULL");
    if ((rc = open_target(&target, path)) < 0)
        return rc;
    if ((rc = fw_os_target_write(&target, header, (size_t)size)) == 0)
        rc = fw_os_target_write(&target, a->data, a->len * a->itemsize);
    rc = fw_os_target_close(&target, rc);
    return rc < 0 ? fw_fail_os(-rc, "cannot write '%.200s'", path) : 0;
}

int furrow_npy_save(const furrow_array *a, const char *path)
{
    const fw_array *object;
    int rc;

    if (!a)
        return fw_fail_null("array");
    object = fw_array_of(a);
    rc = object ? fw_array_map_here(object) : furrow_last_error()->code;
    return fw_status_in(__func__, rc < 0 ? rc : save(a, path));
}
