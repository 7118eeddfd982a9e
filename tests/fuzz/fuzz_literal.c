/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the reader of Python literals on any bytes. The first byte says which tokens
 * are asked for, in turns; the cursor never leaves the text, never goes back, and what is
 * returned lies in it.
 */
#include "literal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int what)
{
    if (!what)
        abort();
}

static int text(fw_literal *c)
{
    fw_text t = {0};
    int rc = fw_literal_text(c, &t);

    if (rc == 0)
        require(t.at >= c->start && t.at + t.len < c->end && !memchr(t.at, 0, t.len));
    return rc;
}

static int tuple(fw_literal *c)
{
    size_t dims[FURROW_MAX_DIMS + 1];
    int rc;

    dims[FURROW_MAX_DIMS] = 4711;
    rc = fw_literal_tuple(c, dims);
    require(rc <= FURROW_MAX_DIMS && dims[FURROW_MAX_DIMS] == 4711);
    return rc;
}

static int one(fw_literal *c, unsigned what)
{
    switch (what & 3) {
    case 0:
        return text(c);
    case 1:
        return tuple(c);
    case 2:
        return fw_literal_expect(c, ':');
    default:
        return fw_literal_more(c, '}');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fw_literal c;
    char *copy; /* without a NUL, so that a look behind the end is seen */
    int rc = 0;

    if (size < 2)
        return 0;
    copy = malloc(size - 1);
    memcpy(copy, bytes + 1, size - 1);
    c = (fw_literal){.start = copy, .at = copy, .end = copy + size - 1};
    for (unsigned turn = 0; turn < 64 && rc >= 0; turn++) {
        const char *before = c.at;

        rc = one(&c, bytes[0] >> turn % 4 * 2);
        require(c.at >= before && c.at <= c.end);
        require(rc >= 0 || rc == FURROW_ECORRUPT || rc == FURROW_ENOTSUP);
    }
    free(copy);
    return 0;
}
