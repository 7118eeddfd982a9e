/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: struct formats and signatures on any string. What is accepted must lie
 * within its struct, in order, aligned.
 */
#include "type.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

static void check_layout(const fw_struct *s)
{
    size_t end = 0;

    require(s->count >= 1 && s->count <= FW_TYPE_FIELDS_MAX);
    require(s->align && s->size % s->align == 0 && s->size <= INT32_MAX);
    for (int i = 0; i < s->count; i++) {
        const furrow_type *type = furrow_type_of(s->field[i].code);

        require(type != NULL && s->field[i].count >= 1);
        require(s->field[i].offset >= end && s->field[i].offset % type->align == 0);
        require(strnlen(s->field[i].name, sizeof s->field[i].name) <
                sizeof s->field[i].name);
        end = s->field[i].offset + s->field[i].count * type->size;
    }
    require(end <= s->size);
}

static void check_signature(const char *at)
{
    fw_struct s;
    int code;

    do {
        const char *before = at;

        code = fw_type_parse_item(&at, &s);
        require(code >= 0 || code == FURROW_EINVAL);
        require(code <= 0 || at > before);
        if (code == FURROW_STRUCT)
            check_layout(&s);
        if (code == 0 && *at == '>')
            code = 1, at++;
    } while (code > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *string = malloc(size + 1);
    fw_struct s;
    int rc;

    memcpy(string, bytes, size);
    string[size] = '\0';
    rc = fw_type_parse_struct(string, &s);
    require(rc == 0 || rc == FURROW_EINVAL);
    if (rc == 0)
        check_layout(&s);
    check_signature(string);
    free(string);
    return 0;
}
