/* SPDX-License-Identifier: MIT
 *
 * The typecode table, and the parser of struct formats.
 *
 * Invariant: every size and offset that a parse lets out is at most FW_TYPE_SIZE_MAX,
 * so that sums of them cannot overflow. A format may come from a file or from another
 * program's memory: nothing in it is trusted, and no index is taken from it.
 */
#include "type.h"

#include "status.h"

#include <limits.h>
#include <string.h>

/* Whoever exchanges structs through the buffer protocol holds an item's size in an int.
 */
#define FW_TYPE_SIZE_MAX ((size_t)INT_MAX)

/* The one table: letter, C type, NumPy's kind, PEP 3118 format. */
#define FW_TYPE_TABLE(X)                                                               \
    X('c', char, 'S', "c")                                                             \
    X('b', signed char, 'i', "b")                                                      \
    X('B', unsigned char, 'u', "B")                                                    \
    X('h', short, 'i', "h")                                                            \
    X('H', unsigned short, 'u', "H")                                                   \
    X('i', int, 'i', "i")                                                              \
    X('I', unsigned int, 'u', "I")                                                     \
    X('l', long, 'i', "l")                                                             \
    X('L', unsigned long, 'u', "L")                                                    \
    X('q', long long, 'i', "q")                                                        \
    X('Q', unsigned long long, 'u', "Q")                                               \
    X('f', float, 'f', "f")                                                            \
    X('d', double, 'f', "d")                                                           \
    X('g', long double, 'f', "g")                                                      \
    X('F', float _Complex, 'c', "Zf")                                                  \
    X('D', double _Complex, 'c', "Zd")                                                 \
    X('?', _Bool, 'b', "?")

#define LETTERS "c b B h H i I l L q Q f d g F D ?"

/* NumPy's descr: byte order ('|' where there is none), kind, size in decimal. */
#define NATIVE       (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>')
#define ORDER(size)  ((size) == 1 ? '|' : NATIVE)
#define DIGIT1(size) (char)((size) < 10 ? '0' + (int)(size) : '0' + (int)(size) / 10)
#define DIGIT2(size) (char)((size) < 10 ? 0 : '0' + (int)(size) % 10)

static const furrow_type types[128] = {
#define ROW(letter, ctype, kind, pep3118)                                              \
    [letter] = {.code = letter,                                                        \
                .size = sizeof(ctype),                                                 \
                .align = _Alignof(ctype),                                              \
                .c_name = #ctype,                                                      \
                .numpy =                                                               \
                    (const char[]){ORDER(sizeof(ctype)), kind, DIGIT1(sizeof(ctype)),  \
                                   DIGIT2(sizeof(ctype)), 0},                          \
                .format = pep3118},
    FW_TYPE_TABLE(ROW)
#undef ROW
};

static const char letters[] = {
#define LETTER(letter, ctype, kind, pep3118) letter,
    FW_TYPE_TABLE(LETTER)
#undef LETTER
};

static const furrow_type *find(int code)
{
    if (code <= 0 || code >= (int)(sizeof types / sizeof *types) || !types[code].code)
        return NULL;
    return &types[code];
}

static int fail_letter(int code)
{
    if (code == FURROW_STRUCT)
        return fw_fail(FURROW_EINVAL,
                       "'T' is a struct, whose size its format alone tells");
    if (code > ' ' && code <= '~')
        return fw_fail(FURROW_EINVAL, "'%c' is not a typecode; they are " LETTERS,
                       code);
    return fw_fail(FURROW_EINVAL, "%d is not a typecode; they are " LETTERS, code);
}

const furrow_type *furrow_type_of(int code)
{
    const furrow_type *type = find(code);

    if (!type) {
        fail_letter(code);
        fw_status_in(__func__, FURROW_EINVAL);
    }
    return type;
}

const furrow_type *fw_type_of_numpy(char kind, size_t size)
{
    for (size_t i = 0; i < sizeof letters; i++) {
        const furrow_type *type = find(letters[i]);

        if (type->numpy[1] == kind && type->size == size)
            return type;
    }
    return NULL;
}

/* ---- struct formats ---------------------------------------------------------------*/

typedef struct cursor {
    const char *start;
    const char *at;
} cursor;

/* The character at the cursor is wrong. */
static int wrong(const cursor *c, const char *why)
{
    return fw_fail(FURROW_EINVAL, "struct format, character %zu: %s",
                   (size_t)(c->at - c->start) + 1, why);
}

static int wrong_letter(const cursor *c)
{
    const unsigned char letter = (unsigned char)*c->at;
    const size_t where = (size_t)(c->at - c->start) + 1;

    if (!letter)
        return wrong(c, "it ends without a '}'");
    if (letter == 'T')
        return wrong(c, "a struct inside a struct is not supported");
    if (strchr("<>=!^", letter))
        return wrong(c, "only the C layout in native byte order ('@') is supported");
    if (letter > '~' || letter < ' ')
        return fw_fail(FURROW_EINVAL,
                       "struct format, character %zu: byte %d is not a typecode; they "
                       "are " LETTERS,
                       where, letter);
    return fw_fail(FURROW_EINVAL,
                   "struct format, character %zu: '%c' is not a typecode; they "
                   "are " LETTERS,
                   where, letter);
}

static void skip_space(cursor *c)
{
    while (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r'))
        c->at++;
}

static int is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static int parse_number(cursor *c, size_t *number)
{
    const cursor first = *c;
    size_t n = 0;

    if (!is_digit(*c->at))
        return wrong(c, "a number belongs here");
    for (; is_digit(*c->at); c->at++) {
        n = n * 10 + (size_t)(*c->at - '0');
        if (n > FW_TYPE_SIZE_MAX)
            return wrong(&first, "the count is too large");
    }
    if (n == 0)
        return wrong(&first, "a count must be at least 1");
    *number = n;
    skip_space(c);
    return 0;
}

/* PEP 3118's "(2,3)" before a letter: an array of 2 x 3, here 6 in a row. */
static int parse_dims(cursor *c, size_t *count)
{
    const cursor first = *c;

    do {
        size_t n;
        int rc;

        c->at++;
        skip_space(c);
        if ((rc = parse_number(c, &n)) < 0)
            return rc;
        if (n > FW_TYPE_SIZE_MAX / *count)
            return wrong(&first, "the count is too large");
        *count *= n;
    } while (*c->at == ',');
    if (*c->at != ')')
        return wrong(c, "a ')' belongs here");
    c->at++;
    skip_space(c);
    return 0;
}

static int parse_count(cursor *c, size_t *count)
{
    *count = 1;
    if (*c->at == '(')
        return parse_dims(c, count);
    return is_digit(*c->at) ? parse_number(c, count) : 0;
}

/* A letter, or PEP 3118's two-letter complex types. NULL with an error. */
static const furrow_type *parse_letter(cursor *c)
{
    const furrow_type *type = find((unsigned char)*c->at);

    if (*c->at == 'Z' && (c->at[1] == 'f' || c->at[1] == 'd')) {
        c->at++;
        type = find(*c->at == 'f' ? 'F' : 'D');
    }
    if (!type)
        wrong_letter(c);
    else
        c->at++;
    return type;
}

/* Names go into file headers and messages unescaped: no control characters, no quotes.
 */
static int is_name_byte(char letter)
{
    const unsigned char byte = (unsigned char)letter;

    return byte >= ' ' && byte != 127 && !strchr("'\"\\", letter);
}

static int parse_name(cursor *c, fw_field *field)
{
    const cursor first = *c;
    size_t n = 0;

    if (*c->at != ':')
        return 0;
    for (c->at++; *c->at != ':'; c->at++) {
        if (!*c->at)
            return wrong(&first, "the name has no second ':'");
        if (!is_name_byte(*c->at))
            return wrong(c, "a name may not have this character");
        if (n + 1 == sizeof field->name)
            return wrong(&first, "the name is longer than 31 bytes");
        field->name[n++] = *c->at;
    }
    field->name[n] = '\0';
    c->at++;
    return 0;
}

static int is_name_taken(const fw_struct *s, const char *name)
{
    for (int i = 0; *name && i < s->count; i++)
        if (!strcmp(s->field[i].name, name))
            return 1;
    return 0;
}

static size_t align_up(size_t offset, size_t align)
{
    return (offset + align - 1) / align * align;
}

/* Room for count elements at the next aligned offset. */
static int place(fw_struct *s, const furrow_type *type, fw_field *field)
{
    field->offset = align_up(s->size, type->align);
    if (field->offset > FW_TYPE_SIZE_MAX ||
        field->count > (FW_TYPE_SIZE_MAX - field->offset) / type->size)
        return -1;
    s->size = field->offset + field->count * type->size;
    if (s->align < type->align)
        s->align = type->align;
    return 0;
}

/* "3x": padding, which NumPy writes out. C's own padding comes on top where it is due.
 */
static int parse_padding(cursor *c, fw_struct *s, size_t count)
{
    if (count > FW_TYPE_SIZE_MAX - s->size)
        return wrong(c, "the struct is too large");
    s->size += count;
    c->at++;
    return 0;
}

static int parse_field(cursor *c, fw_struct *s)
{
    const cursor first = *c;
    fw_field field = {.count = 1};
    const furrow_type *type;
    int rc;

    if ((rc = parse_count(c, &field.count)) < 0)
        return rc;
    if (*c->at == 'x')
        return parse_padding(c, s, field.count);
    if (!(type = parse_letter(c)))
        return FURROW_EINVAL;
    field.code = type->code;
    skip_space(c);
    if ((rc = parse_name(c, &field)) < 0)
        return rc;
    if (is_name_taken(s, field.name))
        return wrong(&first, "the name of this field is that of an earlier one");
    if (s->count == FW_TYPE_FIELDS_MAX)
        return wrong(&first, "more than 32 fields");
    if (place(s, type, &field) < 0)
        return wrong(&first, "the struct is too large");
    s->field[s->count++] = field;
    return 0;
}

/* C's tail padding, so that in an array of the struct each is aligned. */
static int finish(const cursor *c, fw_struct *s)
{
    if (!s->count)
        return wrong(c, "a struct must have a field");
    s->size = align_up(s->size, s->align);
    if (s->size > FW_TYPE_SIZE_MAX)
        return wrong(c, "the struct is too large");
    if (c->at - c->start >= FW_TYPE_FORMAT_MAX)
        return wrong(c, "the format is longer than 191 characters");
    return 0;
}

/* From "T{" to behind its '}'. */
static int parse_braces(cursor *c, fw_struct *s)
{
    int rc;

    *s = (fw_struct){.align = 1};
    if (c->at[0] != 'T' || c->at[1] != '{')
        return wrong(c, "a struct begins with \"T{\"");
    c->at += 2;
    skip_space(c);
    if (*c->at == '@')
        c->at++;
    for (skip_space(c); *c->at != '}'; skip_space(c))
        if ((rc = parse_field(c, s)) < 0)
            return rc;
    if ((rc = finish(c, s)) < 0)
        return rc;
    c->at++;
    return 0;
}

int fw_type_parse_struct(const char *format, fw_struct *out)
{
    cursor c = {.start = format, .at = format};
    int rc;

    if (!format)
        return fw_fail(FURROW_EINVAL,
                       "a struct needs a format, for example \"T{dd3i}\"");
    if (strnlen(format, FW_TYPE_FORMAT_MAX) == FW_TYPE_FORMAT_MAX)
        return fw_fail(FURROW_EINVAL, "the struct format is longer than %d characters",
                       FW_TYPE_FORMAT_MAX - 1);
    skip_space(&c);
    if (*c.at == '@')
        c.at++;
    skip_space(&c);
    if ((rc = parse_braces(&c, out)) < 0)
        return rc;
    skip_space(&c);
    return *c.at ? wrong(&c, "nothing may follow the struct") : 0;
}

int fw_type_parse_item(const char **at, fw_struct *layout)
{
    cursor c = {.start = *at, .at = *at};
    const furrow_type *type;
    int rc;

    skip_space(&c);
    *at = c.at;
    if (!*c.at || *c.at == '>')
        return 0;
    if (*c.at == FURROW_STRUCT) {
        if ((rc = parse_braces(&c, layout)) < 0)
            return rc;
        *at = c.at;
        return FURROW_STRUCT;
    }
    if (!find((unsigned char)*c.at) && *c.at != 'Z')
        return fail_letter((unsigned char)*c.at);
    if (!(type = parse_letter(&c)))
        return FURROW_EINVAL;
    *at = c.at;
    return type->code;
}
