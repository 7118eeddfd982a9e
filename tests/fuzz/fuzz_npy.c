/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the parser of .npy headers on any bytes. What it accepts must hold
 * together, and swapping the data twice must give them back.
 */
#include "npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

static void check_header(const fw_npy_header *h, size_t size)
{
    size_t len = 1;

    require(h->offset <= size);
    require(h->ndim >= 1 && h->ndim <= FURROW_MAX_DIMS);
    for (int i = 0; i < h->ndim; i++)
        len *= h->shape[i];
    require(len == h->len && h->itemsize && h->bytes / h->itemsize == len);
    require(h->layout.count >= 1 && h->layout.count <= FW_TYPE_FIELDS_MAX);
    require(h->layout.size == h->itemsize);
    for (int i = 0; i < h->layout.count; i++) {
        const fw_field *field = &h->layout.field[i];
        const size_t size_of_one = furrow_type_of(field->code)->size;

        require(field->offset + field->count * size_of_one <= h->itemsize);
    }
}

/* The header of the same array, written by us, says the same. */
static void check_written(const fw_npy_header *h)
{
    static char bytes[FW_NPY_WRITE_MAX];
    furrow_array a = {.type = h->type, .ndim = h->ndim};
    fw_npy_header again;
    int size;

    memcpy(a.shape, h->shape, sizeof a.shape);
    size = fw_npy_write(&a, h->format, bytes);
    require(size > 0 && size % FW_NPY_ALIGN == 0);
    require(fw_npy_parse(bytes, (size_t)size, &again) == 0);
    require(again.bytes == h->bytes && again.itemsize == h->itemsize);
    require(again.type == h->type && again.layout.count == h->layout.count);
    for (int i = 0; i < h->layout.count; i++)
        require(again.layout.field[i].offset == h->layout.field[i].offset &&
                again.layout.field[i].code == h->layout.field[i].code &&
                again.layout.field[i].count == h->layout.field[i].count);
}

static void check_swap(const fw_npy_header *h)
{
    const size_t len = h->len < 3 ? h->len : 3;
    unsigned char *data, *copy;

    if (h->itemsize > 4096)
        return;
    data = malloc(len * h->itemsize + 1);
    copy = malloc(len * h->itemsize + 1);
    for (size_t i = 0; i < len * h->itemsize; i++)
        data[i] = copy[i] = (unsigned char)(i * 7);
    fw_npy_swap(h, data, len);
    fw_npy_swap(h, data, len);
    require(!memcmp(data, copy, len * h->itemsize));
    free(data);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fw_npy_header h;
    const int rc = fw_npy_parse(bytes, size, &h);

    require(rc == 0 || rc == FURROW_ECORRUPT || rc == FURROW_ENOTSUP);
    require(rc == 0 || furrow_last_error()->code == rc);
    if (rc == 0) {
        check_header(&h, size);
        check_written(&h);
        check_swap(&h);
    }
    return 0;
}
