/* SPDX-License-Identifier: MIT
 *
 * Python literals, read without recursion and without an allocation.
 *
 * Invariant: fw_literal.at never passes fw_literal.end, and every number is checked
 * before it is added or multiplied.
 */
#include "literal.h"
#include "status.h"

int fw_literal_corrupt(const fw_literal *c, const char *why)
{
    return fw_fail(FURROW_ECORRUPT, "NumPy header, byte %zu: %s",
                   (size_t)(c->at - c->start), why);
}

int fw_literal_unsupported(const fw_literal *c, const char *why)
{
    return fw_fail(FURROW_ENOTSUP, "NumPy header, byte %zu: %s",
                   (size_t)(c->at - c->start), why);
}

char fw_literal_peek(const fw_literal *c)
{
    return c->at < c->end ? *c->at : '\0';
}

char fw_literal_token(fw_literal *c)
{
    while (fw_literal_peek(c) == ' ' ||
           (fw_literal_peek(c) >= '\t' && fw_literal_peek(c) <= '\r'))
        c->at++;
    return fw_literal_peek(c);
}

int fw_literal_expect(fw_literal *c, char what)
{
    char why[] = "a '?' belongs here";

    if (fw_literal_token(c) == what) {
        c->at++;
        return 0;
    }
    why[3] = what;
    return fw_literal_corrupt(c, why);
}

int fw_literal_more(fw_literal *c, char close)
{
    if (fw_literal_token(c) == ',') {
        c->at++;
        if (fw_literal_token(c) != close)
            return 1;
    }
    return fw_literal_expect(c, close);
}

int fw_literal_text(fw_literal *c, fw_text *out)
{
    const char quote = fw_literal_token(c);

    if (quote != '\'' && quote != '"')
        return fw_literal_corrupt(c, "a string belongs here");
    c->at++;
    *out = (fw_text){.at = c->at};
    for (; fw_literal_peek(c) != quote; c->at++, out->len++) {
        const unsigned char byte = (unsigned char)fw_literal_peek(c);

        if (c->at == c->end)
            return fw_literal_corrupt(c, "the string does not end");
        if (byte < ' ' || byte == 127)
            return fw_literal_corrupt(c, "a control character in a string");
        if (byte == '\\')
            return fw_literal_unsupported(c, "escapes in strings are not supported");
    }
    c->at++;
    return 0;
}

static int is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static int parse_size(fw_literal *c, size_t *out)
{
    const char first = fw_literal_token(c);
    size_t n = 0;

    if (first == '-')
        return fw_literal_corrupt(c, "a size cannot be negative");
    if (!is_digit(first))
        return fw_literal_corrupt(c, "a number belongs here");
    for (; is_digit(fw_literal_peek(c)); c->at++)
        if (__builtin_mul_overflow(n, (size_t)10, &n) ||
            __builtin_add_overflow(n, (size_t)(*c->at - '0'), &n))
            return fw_literal_corrupt(c, "the number is larger than any memory");
    if (fw_literal_peek(c) == 'L') /* a long of Python 2 */
        c->at++;
    *out = n;
    return 0;
}

int fw_literal_tuple(fw_literal *c, size_t dims[FURROW_MAX_DIMS])
{
    int n = 0, rc = 1;

    if ((rc = fw_literal_expect(c, '(')) < 0)
        return rc;
    if (fw_literal_token(c) == ')')
        return c->at++, 0;
    do {
        if (n == FURROW_MAX_DIMS)
            return fw_literal_unsupported(c, "more than 8 dimensions");
        if ((rc = parse_size(c, &dims[n])) < 0)
            return rc;
        if (n++ == 0 && fw_literal_token(c) != ',')
            return fw_literal_corrupt(
                c, "a ',' belongs here: (3) is not a tuple, (3,) is");
    } while ((rc = fw_literal_more(c, ')')) > 0);
    return rc < 0 ? rc : n;
}
