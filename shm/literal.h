/* SPDX-License-Identifier: MIT
 *
 * The few Python literals that a .npy header is made of: strings, sizes, tuples of
 * sizes. The text is hostile input and need not end with a NUL.
 */
#ifndef FW_LITERAL_H
#define FW_LITERAL_H

#include "furrow_shm.h"

#include <stddef.h>

typedef struct fw_literal {
    const char *start; /* of the file: messages count from here */
    const char *at;
    const char *end; /* of the text */
} fw_literal;

/* A piece of the text. */
typedef struct fw_text {
    const char *at;
    size_t len;
} fw_text;

/* What is at the cursor is wrong (FURROW_ECORRUPT), or more than furrow can hold
 * (FURROW_ENOTSUP). Both return the code. */
int fw_literal_corrupt(const fw_literal *c, const char *why);
int fw_literal_unsupported(const fw_literal *c, const char *why);

/* The next character, or 0 at the end: a NUL is wrong wherever it is. */
char fw_literal_peek(const fw_literal *c);

/* The same behind any white space. */
char fw_literal_token(fw_literal *c);

/* Consume the token `what`, or fail. */
int fw_literal_expect(fw_literal *c, char what);

/* After an item: 1 when a ',' announces that another follows, 0 at `close`, which is
 * consumed. */
int fw_literal_more(fw_literal *c, char close);

/* 'text' or "text", without escapes and control characters. */
int fw_literal_text(fw_literal *c, fw_text *out);

/* A tuple of sizes: (), (3,), (3, 4). Returns how many. */
int fw_literal_tuple(fw_literal *c, size_t dims[FURROW_MAX_DIMS]);

#endif
