/* SPDX-License-Identifier: MIT
 *
 * The typecode table against the compiler, and the struct parser against real C
 * structs.
 */
#include "type.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char all[] = "cbBhHiIlLqQfdgFD?";

#define CHECK_TYPE(letter, ctype, descr, pep3118)                                      \
    do {                                                                               \
        const furrow_type *t = furrow_type_of(letter);                                 \
                                                                                       \
        cr_assert_not_null(t);                                                         \
        cr_assert_eq(t->code, letter);                                                 \
        cr_assert_eq(t->size, sizeof(ctype));                                          \
        cr_assert_eq(t->align, _Alignof(ctype));                                       \
        cr_assert_str_eq(t->c_name, #ctype);                                           \
        cr_assert_str_eq(t->numpy, descr);                                             \
        cr_assert_str_eq(t->format, pep3118);                                          \
    } while (0)

/* Little-endian machines with 8-byte longs and 16-byte long doubles: x86-64, ARM64. */
Test(type, table_of_lp64)
{
    const int one = 1;

    if (!*(const char *)&one || sizeof(long) != 8 || sizeof(long double) != 16)
        cr_skip_test("the expected names are those of another machine");
    CHECK_TYPE('c', char, "|S1", "c");
    CHECK_TYPE('b', signed char, "|i1", "b");
    CHECK_TYPE('B', unsigned char, "|u1", "B");
    CHECK_TYPE('h', short, "<i2", "h");
    CHECK_TYPE('H', unsigned short, "<u2", "H");
    CHECK_TYPE('i', int, "<i4", "i");
    CHECK_TYPE('I', unsigned int, "<u4", "I");
    CHECK_TYPE('l', long, "<i8", "l");
    CHECK_TYPE('L', unsigned long, "<u8", "L");
    CHECK_TYPE('q', long long, "<i8", "q");
    CHECK_TYPE('Q', unsigned long long, "<u8", "Q");
    CHECK_TYPE('f', float, "<f4", "f");
    CHECK_TYPE('d', double, "<f8", "d");
    CHECK_TYPE('g', long double, "<f16", "g");
    CHECK_TYPE('F', float _Complex, "<c8", "Zf");
    CHECK_TYPE('D', double _Complex, "<c16", "Zd");
    CHECK_TYPE('?', _Bool, "|b1", "?");
}

Test(type, every_int_is_a_letter_or_an_error)
{
    int letters = 0;

    for (int code = -1000; code < 1000; code++) {
        const furrow_type *t = furrow_type_of(code);

        furrow_error_clear();
        if (code > 0 && code < 128 && strchr(all, code)) {
            cr_assert_not_null(t, "%d", code);
            letters++;
            continue;
        }
        cr_assert_null(furrow_type_of(code), "%d", code);
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
        cr_assert_str_eq(furrow_last_error()->function, "furrow_type_of");
    }
    cr_assert_eq(letters, 17);
}

Test(type, an_unknown_letter_is_told_with_the_letters)
{
    cr_assert_null(furrow_type_of('y'));
    cr_assert_str_eq(
        furrow_last_error()->text,
        "'y' is not a typecode; they are c b B h H i I l L q Q f d g F D ?");
    cr_assert_null(furrow_type_of('\n'));
    cr_assert_null(strchr(furrow_last_error()->text, '\n'));
    cr_assert_null(furrow_type_of(FURROW_STRUCT));
    cr_assert_not_null(strstr(furrow_last_error()->text, "format"));
}

Test(type, of_numpy)
{
    cr_assert_eq(fw_type_of_numpy('f', 8)->code, 'd');
    cr_assert_eq(fw_type_of_numpy('i', sizeof(long))->code, 'l');
    cr_assert_eq(fw_type_of_numpy('b', 1)->code, '?');
    cr_assert_null(fw_type_of_numpy('f', 2));
    cr_assert_null(fw_type_of_numpy('U', 4));
}

/* ---- structs against C ------------------------------------------------------------*/

struct particle {
    double x, y;
    int id;
};

struct every {
    char c;
    signed char b;
    unsigned char B;
    short h;
    unsigned short H;
    int i;
    unsigned I;
    long l;
    unsigned long L;
    long long q;
    unsigned long long Q;
    float f;
    double d;
    long double g;
    float _Complex F;
    double _Complex D;
    _Bool t;
};

struct mixed {
    char tag[3];
    double v[2];
    short s;
    long double big;
    char end;
};

Test(type, struct_with_names)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct("T{d:x:d:y:i:id:}", &s), 0);
    cr_assert_eq(s.size, sizeof(struct particle));
    cr_assert_eq(s.align, _Alignof(struct particle));
    cr_assert_eq(s.count, 3);
    cr_assert_str_eq(s.field[1].name, "y");
    cr_assert_eq(s.field[1].offset, offsetof(struct particle, y));
    cr_assert_str_eq(s.field[2].name, "id");
    cr_assert_eq(s.field[2].offset, offsetof(struct particle, id));
    cr_assert_eq(s.field[2].code, 'i');
    cr_assert_eq(s.field[2].count, 1);
}

#define OFFSET(member) offsetof(struct every, member)
static const size_t offsets[] = {OFFSET(c), OFFSET(b), OFFSET(B), OFFSET(h), OFFSET(H),
                                 OFFSET(i), OFFSET(I), OFFSET(l), OFFSET(L), OFFSET(q),
                                 OFFSET(Q), OFFSET(f), OFFSET(d), OFFSET(g), OFFSET(F),
                                 OFFSET(D), OFFSET(t)};

Test(type, struct_of_every_letter)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct("T{cbBhHiIlLqQfdgFD?}", &s), 0);
    cr_assert_eq(s.size, sizeof(struct every));
    cr_assert_eq(s.align, _Alignof(struct every));
    cr_assert_eq(s.count, 17);
    for (int i = 0; i < s.count; i++) {
        cr_assert_eq(s.field[i].code, all[i]);
        cr_assert_eq(s.field[i].offset, offsets[i], "%c", all[i]);
        cr_assert_str_eq(s.field[i].name, "");
    }
}

static void check_mixed(const char *format)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct(format, &s), 0, "%s: %s", format,
                 furrow_last_error()->text);
    cr_assert_eq(s.size, sizeof(struct mixed), "%s", format);
    cr_assert_eq(s.align, _Alignof(struct mixed), "%s", format);
    cr_assert_eq(s.count, 5, "%s", format);
    cr_assert_eq(s.field[0].count, 3, "%s", format);
    cr_assert_eq(s.field[1].offset, offsetof(struct mixed, v), "%s", format);
    cr_assert_eq(s.field[1].count, 2, "%s", format);
    cr_assert_eq(s.field[3].offset, offsetof(struct mixed, big), "%s", format);
    cr_assert_eq(s.field[4].offset, offsetof(struct mixed, end), "%s", format);
}

Test(type, struct_with_counts_in_every_spelling)
{
    check_mixed("T{3c2dhgc}");
    check_mixed("@T{3c2dhgc}");
    check_mixed("T{@3c2dhgc}");
    check_mixed(" T{ 3 c\t2d\n:v: h g c } ");
    check_mixed("T{(3)c(2,1)dhgc}");
    check_mixed("T{( 3 ) c ( 1 , 2 ) d:v:hgc}");
    check_mixed("T{3c:tag:5x2d:v:h:s:6xg:big:c:end:15x}");
}

Test(type, struct_padding_beyond_c)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct("T{b5xi:v:}", &s), 0);
    cr_assert_eq(s.count, 2);
    cr_assert_eq(s.field[1].offset, 8);
    cr_assert_eq(s.size, 12);
}

Test(type, struct_complex_in_pep_3118)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct("T{b:tag:2Zf:w:Zd:z:}", &s), 0);
    cr_assert_eq(s.field[1].code, 'F');
    cr_assert_eq(s.field[1].count, 2);
    cr_assert_eq(s.field[2].code, 'D');
    cr_assert_eq(s.field[2].offset, 24);
}

/* ---- structs that are wrong -------------------------------------------------------*/

static void check_wrong(const char *format, const char *expected)
{
    fw_struct s;

    furrow_error_clear();
    cr_assert_eq(fw_type_parse_struct(format, &s), FURROW_EINVAL, "%s", format);
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    cr_assert_not_null(strstr(furrow_last_error()->text, expected), "%s: %s", format,
                       furrow_last_error()->text);
}

Test(type, struct_errors_name_the_character)
{
    check_wrong("", "character 1: a struct begins with");
    check_wrong("d", "character 1: a struct begins with");
    check_wrong("T", "character 1: a struct begins with");
    check_wrong("T{", "character 3: it ends without a '}'");
    check_wrong("T{}", "character 3: a struct must have a field");
    check_wrong("T{4x}", "character 5: a struct must have a field");
    check_wrong("T{dT{d}}", "character 4: a struct inside a struct");
    check_wrong("T{dy}", "character 4: 'y' is not a typecode; they are c b B");
    check_wrong("T{d\x80}", "character 4: byte 128 is not a typecode");
    check_wrong("T{d\x01}", "character 4: byte 1 is not a typecode");
    check_wrong("T{<d}", "character 3: only the C layout");
    check_wrong("T{=d}", "character 3: only the C layout");
    check_wrong("T{Zg}", "character 3: 'Z' is not a typecode");
    check_wrong("T{Z", "character 3: 'Z' is not a typecode");
    check_wrong("T{0d}", "character 3: a count must be at least 1");
    check_wrong("T{3}", "character 4: '}' is not a typecode");
    check_wrong("T{3", "character 4: it ends without");
    check_wrong("T{(3d}", "character 5: a ')' belongs here");
    check_wrong("T{(d}", "character 4: a number belongs here");
    check_wrong("T{(3,)d}", "character 6: a number belongs here");
    check_wrong("T{d:x}", "character 4: the name has no second ':'");
    check_wrong("T{d:x:d:x:}", "character 7: the name of this field");
    check_wrong("T{d:a'b:}", "character 6: a name may not have");
    check_wrong("T{d:a\nb:}", "character 6: a name may not have");
    check_wrong("T{d}d", "character 5: nothing may follow");
    check_wrong("T{d:a1234567890123456789012345678901:}", "longer than 31 bytes");
}

Test(type, struct_sizes_cannot_overflow)
{
    check_wrong("T{2147483648b}", "character 3: the count is too large");
    check_wrong("T{18446744073709551617d}", "character 3: the count is too large");
    check_wrong("T{99999999999999999999999999999999d}", "the count is too large");
    check_wrong("T{(65536,65536)b}", "character 3: the count is too large");
    check_wrong("T{2147483647d}", "character 3: the struct is too large");
    check_wrong("T{2147483647bb}", "character 14: the struct is too large");
    check_wrong("T{2147483647xb}", "character 14: the struct is too large");
    check_wrong("T{2147483647xx}", "character 14: the struct is too large");
    check_wrong("T{i2147483643b}", "the struct is too large");
}

Test(type, struct_limits)
{
    char format[2 * FW_TYPE_FORMAT_MAX] = "T{";
    fw_struct s;

    memset(format + 2, 'b', FW_TYPE_FIELDS_MAX);
    strcpy(format + 2 + FW_TYPE_FIELDS_MAX, "}");
    cr_assert_eq(fw_type_parse_struct(format, &s), 0);
    cr_assert_eq(s.count, FW_TYPE_FIELDS_MAX);
    strcpy(format + 2 + FW_TYPE_FIELDS_MAX, "b}");
    check_wrong(format, "character 35: more than 32 fields");

    memset(format, ' ', sizeof format);
    memcpy(format, "T{d", 3);
    strcpy(format + FW_TYPE_FORMAT_MAX - 2, "}");
    cr_assert_eq(fw_type_parse_struct(format, &s), 0);
    strcpy(format + FW_TYPE_FORMAT_MAX - 2, " }");
    check_wrong(format, "longer than 191 characters");
    check_wrong(NULL, "needs a format");
}

/* A name of 31 bytes fits with its NUL. */
Test(type, struct_name_of_31_bytes)
{
    fw_struct s;

    cr_assert_eq(fw_type_parse_struct("T{d:a123456789012345678901234567890:}", &s), 0);
    cr_assert_eq(strlen(s.field[0].name), 31);
}

/* ---- items of a signature ---------------------------------------------------------*/

Test(type, items_of_a_signature)
{
    const char *const signature = " dT{di} Zf>d";
    const char *at = signature;
    fw_struct s;

    cr_assert_eq(fw_type_parse_item(&at, &s), 'd');
    cr_assert_eq(fw_type_parse_item(&at, &s), FURROW_STRUCT);
    cr_assert_eq(s.size, 16);
    cr_assert_eq(s.count, 2);
    cr_assert_eq(fw_type_parse_item(&at, &s), 'F');
    cr_assert_eq(fw_type_parse_item(&at, &s), 0);
    cr_assert_eq(*at, '>');
    cr_assert_eq(fw_type_parse_item(&at, &s), 0, "it stays at '>'");
    at++;
    cr_assert_eq(fw_type_parse_item(&at, &s), 'd');
    cr_assert_eq(fw_type_parse_item(&at, &s), 0);
    cr_assert_eq(*at, '\0');
}

Test(type, items_that_are_wrong)
{
    static const char *const bad[] = {"y",  "3d", "T", "T{", "T{dT{d}}", "Z",
                                      "Zg", "{",  "}", ":",  "\xff"};
    fw_struct s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = bad[i];

        cr_assert_eq(fw_type_parse_item(&at, &s), FURROW_EINVAL, "%s", bad[i]);
        cr_assert_eq(at, bad[i], "%s: not moved", bad[i]);
    }
}

/* Every prefix of a good format is wrong, and none crashes. */
Test(type, truncated_formats)
{
    static const char good[] = "T{d:x:(2,3)Zf:y:3x4i:id:}";
    fw_struct s;

    for (size_t n = 0; n < sizeof good - 1; n++) {
        char part[sizeof good];

        snprintf(part, sizeof part, "%.*s", (int)n, good);
        cr_assert_eq(fw_type_parse_struct(part, &s), FURROW_EINVAL, "%s", part);
    }
    cr_assert_eq(fw_type_parse_struct(good, &s), 0);
}
