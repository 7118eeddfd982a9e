/* SPDX-License-Identifier: MIT
 *
 * .npy files: the parser against broken and hostile headers, files there and back, and
 * NumPy itself as the oracle where it is installed.
 */
#include "npy.h"
#include "os.h"
#include "status.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/furrow-npy-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(npy_file, .init = make_folder, .fini = remove_folder);
TestSuite(npy_oracle, .init = make_folder, .fini = remove_folder);

/* A path in the folder; two may be in use at once. */
static const char *in_folder(const char *name)
{
    static char paths[2][256];
    static int next;
    char *path = paths[next++ % 2];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, size, f), size);
    cr_assert_eq(fclose(f), 0);
}

/* The whole file in malloc()ed memory of exactly its size. */
static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *bytes;

    cr_assert_not_null(f, "%s", path);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(*size ? *size : 1);
    cr_assert_eq(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

static int files_in_folder(void)
{
    DIR *dir = opendir(folder);
    int n = -2; /* "." and ".." */

    cr_assert_not_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* ---- the parser -----------------------------------------------------------------*/

/* The preamble of a version before a text. Returns the size of both. */
static size_t compose(char *buffer, int major, const char *text, size_t length)
{
    const size_t first = major == 1 ? 10 : 12;

    memcpy(buffer, "\x93NUMPY", 6);
    buffer[6] = (char)major;
    buffer[7] = 0;
    for (size_t i = 8; i < first; i++)
        buffer[i] = (char)(length >> 8 * (i - 8));
    memcpy(buffer + first, text, length);
    return first + length;
}

/* Parse from memory that ends where the header does, so that ASan sees one byte more.
 */
static int parse(int major, const char *text, fw_npy_header *out)
{
    char *bytes = malloc(strlen(text) + 12);
    const size_t size = compose(bytes, major, text, strlen(text));
    char *exact = malloc(size);
    int rc;

    memcpy(exact, bytes, size);
    furrow_error_clear();
    rc = fw_npy_parse(exact, size, out);
    cr_assert_eq(rc, furrow_last_error()->code);
    free(bytes);
    free(exact);
    return rc;
}

#define DICT(descr, fortran, shape)                                                    \
    "{'descr': " descr ", 'fortran_order': " fortran ", 'shape': " shape ", }"

Test(npy_parse, plain_header_in_every_version)
{
    for (int major = 1; major <= 3; major++) {
        fw_npy_header h;
        const char *text = DICT("'<f8'", "False", "(2, 3, 4)") "    \n";

        cr_assert_eq(parse(major, text, &h), 0, "%s", furrow_last_error()->text);
        cr_assert_eq(h.type, 'd');
        cr_assert_eq(h.itemsize, 8);
        cr_assert_eq(h.ndim, 3);
        cr_assert_eq(h.shape[0], 2);
        cr_assert_eq(h.shape[1], 3);
        cr_assert_eq(h.shape[2], 4);
        cr_assert_eq(h.len, 24);
        cr_assert_eq(h.bytes, 192);
        cr_assert_eq(h.offset, strlen(text) + (major == 1 ? 10 : 12));
        cr_assert_eq(h.swapped, 0);
        cr_assert_str_eq(h.format, "");
    }
}

Test(npy_parse, any_spelling)
{
    static const char *const spellings[] = {
        "{'shape':(7,),'fortran_order':False,'descr':'<i4'}",
        " {\n\t\"shape\" : ( 7 , ) ,\r\n 'fortran_order':False,\f'descr':\"<i4\" , } ",
        "{'descr': '=i4', 'fortran_order': True, 'shape': (7,)}",
        "{'descr': 'i4', 'fortran_order': False, 'shape': (7L,)}",
        "{'descr': '|i4', 'fortran_order': False, 'shape': (007,)}"};
    fw_npy_header h;

    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        cr_assert_eq(parse(1, spellings[i], &h), 0, "%s: %s", spellings[i],
                     furrow_last_error()->text);
        cr_assert_eq(h.type, 'i');
        cr_assert_eq(h.len, 7);
        cr_assert_eq(h.swapped, 0);
    }
}

Test(npy_parse, shapes)
{
    fw_npy_header h;

    cr_assert_eq(parse(1, DICT("'<f8'", "False", "()"), &h), 0);
    cr_assert_eq(h.ndim, 1);
    cr_assert_eq(h.shape[0], 1);
    cr_assert_eq(h.len, 1);
    cr_assert_eq(parse(1, DICT("'<f8'", "True", "()"), &h), 0);
    cr_assert_eq(parse(1, DICT("'<f8'", "False", "(3, 0)"), &h), 0);
    cr_assert_eq(h.len, 0);
    cr_assert_eq(h.bytes, 0);
    cr_assert_eq(parse(1, DICT("'<f8'", "False", "(1, 2, 3, 4, 5, 6, 7, 8)"), &h), 0);
    cr_assert_eq(h.len, 40320);
    cr_assert_eq(parse(1, DICT("'|i1'", "False", "(4294967296, 1073741824)"), &h), 0);
    cr_assert_eq(h.bytes, (size_t)1 << 62);
}

Test(npy_parse, foreign_byte_order)
{
    fw_npy_header h;

    cr_assert_eq(parse(1, DICT("'>f8'", "False", "(7,)"), &h), 0);
    cr_assert_eq(h.swapped, 1);
    cr_assert_eq(parse(1, DICT("'>i1'", "False", "(7,)"), &h), 0);
    cr_assert_eq(h.swapped, 0, "one byte has no order");
    cr_assert_eq(parse(1, DICT("[('a', '<i4'), ('b', '>i4')]", "False", "()"), &h), 0);
    cr_assert_eq(h.swapped, 2);
}

static void check_struct(int major, const char *descr, const char *format)
{
    char text[2048];
    fw_npy_header h;

    snprintf(text, sizeof text, DICT("%s", "False", "(5,)"), descr);
    cr_assert_eq(parse(major, text, &h), 0, "%s: %s", descr, furrow_last_error()->text);
    cr_assert_eq(h.type, FURROW_STRUCT);
    cr_assert_str_eq(h.format, format);
    cr_assert_eq(h.itemsize, h.layout.size);
    cr_assert_eq(h.bytes, 5 * h.itemsize);
}

Test(npy_parse, structs)
{
    check_struct(1, "[('x', '<f8')]", "T{d:x:}");
    check_struct(1, "[('x', '<f8', ), ('y', '<f8'), ]", "T{d:x:d:y:}");
    check_struct(1, "[('x', '<f8', (2, 3)), ('', '<f8', ())]", "T{6d:x:d}");
    check_struct(1, "[('a', '|i1'), ('', '|V7'), ('b', '<f8')]", "T{b:a:d:b:}");
    check_struct(1, "[('a', '|i1'), ('', '|V3'), ('', '|V4'), ('b', '<f8')]",
                 "T{b:a:d:b:}");
    check_struct(1, "[('a', '|i1'), ('', '|V15'), ('b', '<f8')]", "T{b:a:15xd:b:}");
    check_struct(1, "[('', '|V8'), ('b', '<f8')]", "T{8xd:b:}");
    check_struct(1, "[('b', '<f8'), ('a', '|i1'), ('', '|V7')]", "T{d:b:b:a:}");
    check_struct(1, "[('b', '<f8'), ('a', '|i1'), ('', '|V15')]", "T{d:b:b:a:15x}");
    check_struct(1, "[('s', '|S5'), ('t', '|S2', (2,))]", "T{5c:s:4c:t:}");
    check_struct(1, "[('z', '<c8'), ('ok', '|b1'), ('', '|V3')]", "T{Zf:z:?:ok:}");
    check_struct(1, "[('\xe9', '<f8')]", "T{d:\xc3\xa9:}"); /* Latin-1 to UTF-8 */
    check_struct(2, "[('\xe9', '<f8')]", "T{d:\xc3\xa9:}");
    check_struct(3, "[('\xce\xbb', '<f8')]", "T{d:\xce\xbb:}");
}

typedef struct broken {
    int code;
    const char *text;
    const char *why; /* part of the sentence */
} broken;

static void check_broken(int major, const broken *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fw_npy_header h;

        cr_assert_eq(parse(major, b[i].text, &h), b[i].code, "%s gives %d: %s",
                     b[i].text, furrow_last_error()->code, furrow_last_error()->text);
        cr_assert_not_null(strstr(furrow_last_error()->text, b[i].why), "%s: %s",
                           b[i].text, furrow_last_error()->text);
    }
}

#define CORRUPT(text, why)                                                             \
    {                                                                                  \
        FURROW_ECORRUPT, text, why                                                     \
    }
#define NOTSUP(text, why)                                                              \
    {                                                                                  \
        FURROW_ENOTSUP, text, why                                                      \
    }

Test(npy_parse, broken_dicts)
{
    static const broken b[] = {
        CORRUPT("", "a '{' belongs here"),
        CORRUPT("{", "a string belongs here"),
        CORRUPT("{}", "'descr' is missing"),
        CORRUPT("{'descr': '<f8'}", "'fortran_order' is missing"),
        CORRUPT("{'descr': '<f8', 'fortran_order': False}", "'shape' is missing"),
        CORRUPT("{'shape': (), 'shape': ()}", "this key was there before"),
        CORRUPT("{'order': 1}", "a key other than"),
        CORRUPT("{'descrs': '<f8'}", "a key other than"),
        CORRUPT("{'desc': '<f8'}", "a key other than"),
        CORRUPT("{'descr' '<f8'}", "a ':' belongs here"),
        CORRUPT("{'descr': '<f8' 'shape': ()}", "a '}' belongs here"),
        CORRUPT("{'descr': '<f8'", "a '}' belongs here"),
        CORRUPT("{'descr': '<f8',,}", "a string belongs here"),
        CORRUPT("{'descr: ", "the string does not end"),
        CORRUPT("{'des\ncr': ", "a control character"),
        CORRUPT("{descr: '<f8'}", "a string belongs here"),
        CORRUPT(DICT("'<f8'", "false", "()"), "True or False belongs here"),
        CORRUPT(DICT("'<f8'", "Fals", "()"), "True or False belongs here"),
        CORRUPT(DICT("'<f8'", "1", "()"), "True or False belongs here"),
        CORRUPT(DICT("'<f8'", "Falsey", "()"), "a '}' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "()") "x", "nothing may follow"),
        CORRUPT("x" DICT("'<f8'", "False", "()"), "a '{' belongs here"),
        CORRUPT(DICT("8", "False", "()"), "a string belongs here"),
        NOTSUP("{'d\\x65scr': '<f8'}", "escapes"),
    };

    check_broken(1, b, sizeof b / sizeof *b);
}

Test(npy_parse, broken_shapes)
{
    static const broken b[] = {
        CORRUPT(DICT("'<f8'", "False", "3"), "a '(' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "[3]"), "a '(' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(3)"), "(3) is not a tuple"),
        CORRUPT(DICT("'<f8'", "False", "(,)"), "a number belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(3,,)"), "a number belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(3, 4"), "a number belongs here"),
        CORRUPT("{'shape': (3, 4", "a ')' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(3 4,)"), "a ',' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(-3,)"), "cannot be negative"),
        CORRUPT(DICT("'<f8'", "False", "(3.0,)"), "a ',' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(0x3,)"), "a ',' belongs here"),
        CORRUPT(DICT("'<f8'", "False", "(18446744073709551616,)"), "larger than any"),
        CORRUPT(DICT("'<f8'", "False", "(99999999999999999999999,)"),
                "larger than any"),
        CORRUPT(DICT("'<f8'", "False", "(18446744073709551615,)"), "than any memory"),
        CORRUPT(DICT("'<f8'", "False", "(1152921504606846976,)"), "than any memory"),
        CORRUPT(DICT("'|i1'", "False", "(4294967296, 4294967296)"), "than any memory"),
        CORRUPT(DICT("'|i1'", "False", "(4294967296, 4294967296, 0)"),
                "than any memory"),
        CORRUPT(DICT("'|i1'", "False", "(9223372036854775807,)"), "than any memory"),
        NOTSUP(DICT("'<f8'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), "8 dimensions"),
        NOTSUP(DICT("'<f8'", "True", "(3, 4)"), "Fortran order"),
    };

    check_broken(1, b, sizeof b / sizeof *b);
}

Test(npy_parse, types_without_a_typecode)
{
    static const broken b[] = {
        NOTSUP(DICT("''", "False", "()"), "no typecode for NumPy's type ''"),
        NOTSUP(DICT("'<'", "False", "()"), "type '<'"),
        NOTSUP(DICT("'f'", "False", "()"), "type 'f'"),
        NOTSUP(DICT("'<f2'", "False", "()"), "type '<f2'"),
        NOTSUP(DICT("'<f0'", "False", "()"), "type '<f0'"),
        NOTSUP(DICT("'<f-8'", "False", "()"), "type '<f-8'"),
        NOTSUP(DICT("'<f 8'", "False", "()"), "type '<f 8'"),
        NOTSUP(DICT("'<<f8'", "False", "()"), "type '<<f8'"),
        NOTSUP(DICT("'<i3'", "False", "()"), "type '<i3'"),
        NOTSUP(DICT("'<U5'", "False", "()"), "type '<U5'"),
        NOTSUP(DICT("'<M8[s]'", "False", "()"), "type '<M8[s]'"),
        NOTSUP(DICT("'|O'", "False", "()"), "a Python object"),
        NOTSUP(DICT("'<c32'", "False", "()"), "type '<c32'"),
        NOTSUP(DICT("'<f18446744073709551624'", "False", "()"), "no typecode"),
        NOTSUP(DICT("'|S5'", "False", "()"), "strings and raw bytes"),
        NOTSUP(DICT("'|V8'", "False", "()"), "strings and raw bytes"),
        NOTSUP(DICT("('<f8', (3,))", "False", "()"), "neither a string nor a list"),
        NOTSUP(DICT("{'names': ['x']}", "False", "()"), "neither a string nor a list"),
        CORRUPT(DICT("'<f\xff'", "False", "()"), "is not one of NumPy's"),
    };

    check_broken(1, b, sizeof b / sizeof *b);
}

#define STRUCT(fields) DICT("[" fields "]", "False", "()")

Test(npy_parse, structs_that_c_does_not_have)
{
    static const broken b[] = {
        NOTSUP(STRUCT(""), "a struct without fields"),
        NOTSUP(STRUCT("('', '|V8')"), "a struct without fields"),
        CORRUPT(STRUCT("'<f8'"), "a '(' belongs here"),
        CORRUPT(STRUCT("('a')"), "a ',' belongs here"),
        CORRUPT(STRUCT("('a',)"), "a string belongs here"),
        CORRUPT(STRUCT("('a', '<f8'"), "a ')' belongs here"),
        CORRUPT(STRUCT("('a', '<f8', 3)"), "a '(' belongs here"),
        CORRUPT(STRUCT("('a', '<f8', (3,), 4)"), "at most three parts"),
        CORRUPT(STRUCT("('a', '<f8') ('b', '<f8')"), "a ']' belongs here"),
        CORRUPT(STRUCT(",('a', '<f8')"), "a '(' belongs here"),
        NOTSUP(STRUCT("(('title', 'a'), '<f8')"), "titles"),
        NOTSUP(STRUCT("('a', [('b', '<f8')])"), "a struct inside a struct"),
        NOTSUP(STRUCT("('a', ('<f8', (3,)))"), "a struct inside a struct"),
        NOTSUP(STRUCT("('a', '<f2')"), "type '<f2'"),
        NOTSUP(STRUCT("('a', '|V4')"), "raw bytes ('V')"),
        NOTSUP(STRUCT("('a', '<f8', (0,))"), "no elements in a struct"),
        NOTSUP(STRUCT("('a', '<f8'), ('a', '<f8')"), "that of an earlier one"),
        NOTSUP(STRUCT("('a:b', '<f8')"), "a ':'"),
        NOTSUP(STRUCT("(\"a'b\", '<f8')"), "may not have this character"),
        NOTSUP(STRUCT("('n1234567890123456789012345678901', '<f8')"), "31 bytes"),
        NOTSUP(STRUCT("('a', '|i1'), ('b', '<f8')"), "byte 1 of it comes where C has "
                                                     "byte 8"),
        NOTSUP(STRUCT("('b', '<f8'), ('a', '|i1')"), "byte 9 of it comes where C has "
                                                     "byte 16"),
        NOTSUP(STRUCT("('a', '|i1'), ('', '|V9'), ('b', '<f8')"), "not laid out as C"),
        NOTSUP(STRUCT("('a', '|i1'), ('', '|V9'), ('b', '<f8'), ('', '|V6')"),
               "byte 10 of it comes where C has byte 8"),
        NOTSUP(STRUCT("('a', '|S2147483647'), ('b', '|i1')"),
               "the struct is too large"),
        NOTSUP(STRUCT("('a', '|S2147483648')"), "no typecode"),
        NOTSUP(STRUCT("('a', '<f8', (65536, 65536))"), "the struct is too large"),
        NOTSUP(STRUCT("('a', '<f8', (268435456,))"), "the struct is too large"),
        NOTSUP(STRUCT("('', '|V2147483647'), ('', '|V1')"), "the struct is too large"),
    };

    check_broken(1, b, sizeof b / sizeof *b);
}

Test(npy_parse, too_many_fields)
{
    char text[4096] = "{'descr': [";
    fw_npy_header h;

    for (int i = 0; i < 33; i++)
        strcat(text, "('', '|i1'), ");
    strcat(text, "], 'fortran_order': False, 'shape': ()}");
    cr_assert_eq(parse(1, text, &h), FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, "more than 32 fields"));

    strcpy(text, "{'descr': [");
    for (int i = 0; i < 10; i++)
        sprintf(text + strlen(text), "('a%025d', '|i1'), ", i);
    strcat(text, "], 'fortran_order': False, 'shape': ()}");
    cr_assert_eq(parse(1, text, &h), FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, "a longer format"));
}

Test(npy_parse, version_3_is_utf8)
{
    static const broken b[] = {
        CORRUPT(STRUCT("('\xe9', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\x80', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\xc0\xaf', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\xe0\x80\xaf', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\xed\xa0\x80', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\xf4\x90\x80\x80', '<f8')"), "not UTF-8"),
        CORRUPT(STRUCT("('\xff', '<f8')"), "not UTF-8"),
        CORRUPT("{'\xf0\x9f\x8c", "not UTF-8"),
    };
    fw_npy_header h;

    check_broken(3, b, sizeof b / sizeof *b);
    cr_assert_eq(parse(3, STRUCT("('\xf0\x9f\x8c\xbe', '<f8')"), &h), 0);
}

Test(npy_parse, other_files)
{
    static const char zip[] = "PK\3\4________________";
    fw_npy_header h;
    char bytes[64];

    cr_assert_eq(fw_npy_parse("", 0, &h), FURROW_ECORRUPT);
    cr_assert_not_null(strstr(furrow_last_error()->text, "empty"));
    cr_assert_eq(fw_npy_parse(zip, sizeof zip, &h), FURROW_ECORRUPT);
    cr_assert_not_null(strstr(furrow_last_error()->text, "not a .npy file"));
    compose(bytes, 4, "{}", 2);
    cr_assert_eq(fw_npy_parse(bytes, 14, &h), FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, "version 4.0"));
    compose(bytes, 0, "{}", 2);
    cr_assert_eq(fw_npy_parse(bytes, 14, &h), FURROW_ENOTSUP);
    compose(bytes, 1, "{}", 2);
    bytes[7] = 1;
    cr_assert_eq(fw_npy_parse(bytes, 12, &h), FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, "version 1.1"));
}

Test(npy_parse, header_lengths)
{
    static char bytes[12 + 65535];
    static const char text[] = DICT("'<f8'", "False", "(2,)");
    fw_npy_header h;

    memset(bytes, ' ', sizeof bytes);
    compose(bytes, 2, text, sizeof text - 1);
    bytes[8] = bytes[9] = (char)0xff;
    cr_assert_eq(fw_npy_parse(bytes, sizeof bytes, &h), 0);
    cr_assert_eq(h.offset, 12 + 65535);
    cr_assert_eq(fw_npy_parse(bytes, sizeof bytes - 1, &h), FURROW_ECORRUPT);
    cr_assert_not_null(strstr(furrow_last_error()->text, ", 1 before the end"));
    memset(bytes + 8, 0xff, 4);
    cr_assert_eq(fw_npy_parse(bytes, sizeof bytes, &h), FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, "4294967295 bytes"));
}

/* Every prefix of a file is an error that says so; every other byte in any place is an
 * error or another header, and never a crash. */
Test(npy_parse, truncated_and_bent_everywhere)
{
    static const char text[] =
        DICT("[('a', '|i1'), ('', '|V7'), ('b', '>f8', (2, 3))]", "False", "(5, 6)");
    char bytes[256];
    const size_t size = compose(bytes, 1, text, sizeof text - 1);
    fw_npy_header h;

    cr_assert_eq(fw_npy_parse(bytes, size, &h), 0);
    for (size_t n = 0; n < size; n++) {
        char *exact = malloc(n ? n : 1);

        memcpy(exact, bytes, n);
        cr_assert_eq(fw_npy_parse(exact, n, &h), FURROW_ECORRUPT, "%zu", n);
        free(exact);
        cr_assert_eq(parse(1, "", &h), FURROW_ECORRUPT);
    }
    for (size_t n = 0; n < size; n++)
        for (int byte = 0; byte < 256; byte++) {
            const char was = bytes[n];
            int rc;

            bytes[n] = (char)byte;
            rc = fw_npy_parse(bytes, size, &h);
            cr_assert(rc == 0 || rc == FURROW_ECORRUPT || rc == FURROW_ENOTSUP);
            cr_assert(rc < 0 || h.bytes / h.itemsize == h.len);
            bytes[n] = was;
        }
}

/* Cut anywhere, the text alone (with a preamble of its length) is broken too. */
Test(npy_parse, truncated_dicts)
{
    static const char text[] =
        DICT("[('a', '|i1'), ('', '|V7'), ('b', '>f8', (2, 3))]", "False", "(5, 6)");
    fw_npy_header h;

    for (size_t n = 0; n < sizeof text - 1; n++) {
        char part[sizeof text];

        snprintf(part, sizeof part, "%.*s", (int)n, text);
        cr_assert_eq(parse(1, part, &h), FURROW_ECORRUPT, "%s", part);
    }
    cr_assert_eq(parse(1, text, &h), 0);
}

/* ---- byte order -----------------------------------------------------------------*/

Test(npy_parse, swap_by_width)
{
    static const struct {
        const char *descr;
        size_t width;
    } cases[] = {{"'>i2'", 2}, {"'>u4'", 4}, {"'>f4'", 4},  {"'>i8'", 8},
                 {"'>f8'", 8}, {"'>c8'", 4}, {"'>c16'", 8}, {"'>f16'", 16}};

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        unsigned char bytes[5 * 16], *at = bytes;
        char text[128];
        fw_npy_header h;

        snprintf(text, sizeof text, DICT("%s", "False", "(5,)"), cases[k].descr);
        cr_assert_eq(parse(1, text, &h), 0);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)i;
        fw_npy_swap(&h, bytes, 5);
        for (size_t i = 0; i < h.bytes / cases[k].width; i++, at += cases[k].width)
            for (size_t j = 0; j < cases[k].width; j++)
                cr_assert_eq(at[j], i * cases[k].width + cases[k].width - 1 - j);
        for (size_t i = h.bytes; i < sizeof bytes; i++)
            cr_assert_eq(bytes[i], i, "behind the last element");
    }
}

Test(npy_parse, swap_of_some_fields)
{
    struct pair {
        uint16_t a[2];
        uint32_t b;
    } p[2] = {{{0x0102, 0x0304}, 0x05060708}, {{0x1112, 0x1314}, 0x15161718}};
    fw_npy_header h;

    cr_assert_eq(parse(1, STRUCT("('a', '>u2', (2,)), ('b', '<u4')"), &h), 0);
    fw_npy_swap(&h, p, 2);
    cr_assert_eq(p[0].a[1], 0x0403);
    cr_assert_eq(p[1].a[0], 0x1211);
    cr_assert_eq(p[0].b, 0x05060708);
    cr_assert_eq(p[1].b, 0x15161718);
}

/* ---- files there and back -------------------------------------------------------*/

static void fill(furrow_array *a)
{
    unsigned char *bytes = a->data;
    unsigned state = (unsigned)a->type * 2654435761u;

    for (size_t i = 0; i < a->len * a->itemsize; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(a->type == '?' ? state >> 31 : state >> 24);
    }
}

static furrow_array *new_array(int type, int ndim, const size_t *shape,
                               const char *format)
{
    furrow_array_options options = {.ndim = ndim, .format = format};
    furrow_array *a;

    memcpy(options.shape, shape, sizeof *shape * (size_t)ndim);
    a = furrow_array_new(type, 0, &options);
    cr_assert_not_null(a, "%s", furrow_last_error()->text);
    fill(a);
    return a;
}

static void check_same(const furrow_array *a, const furrow_array *b)
{
    cr_assert_not_null(b, "%s", furrow_last_error()->text);
    cr_assert_eq(a->ndim, b->ndim);
    cr_assert_eq(a->len, b->len);
    cr_assert_eq(a->itemsize, b->itemsize);
    cr_assert_arr_eq(a->shape, b->shape, sizeof *a->shape * (size_t)a->ndim);
    if (a->len)
        cr_assert_eq(memcmp(a->data, b->data, a->len * a->itemsize), 0);
}

static const struct {
    int ndim;
    size_t shape[FURROW_MAX_DIMS];
} shapes[] = {{1, {1}},       {1, {0}},    {1, {7}},
              {3, {2, 3, 4}}, {2, {3, 0}}, {8, {1, 2, 1, 3, 1, 2, 1, 2}},
              {1, {100003}}};

#define SHAPES (sizeof shapes / sizeof *shapes)

/* What comes back when C has two letters for one type of NumPy. */
static int letter_back(int code)
{
    const furrow_type *type = furrow_type_of(code);

    return fw_type_of_numpy(type->numpy[1], type->size)->code;
}

static void check_round_trip(int type, const char *format)
{
    const char *path = in_folder("there.npy");

    for (size_t i = 0; i < SHAPES; i++) {
        furrow_array *a = new_array(type, shapes[i].ndim, shapes[i].shape, format);
        furrow_array *b;

        cr_assert_eq(furrow_npy_save(a, path), 0, "%s", furrow_last_error()->text);
        b = furrow_npy_load(path);
        check_same(a, b);
        if (type == FURROW_STRUCT)
            cr_assert_eq(b->type, FURROW_STRUCT);
        else
            cr_assert_eq(b->type, letter_back(type));
        furrow_array_free(a);
        furrow_array_free(b);
    }
    cr_assert_eq(files_in_folder(), 1);
}

Test(npy_file, every_typecode_there_and_back)
{
    for (const char *code = "cbBhHiIlLqQfdgFD?"; *code; code++)
        check_round_trip(*code, NULL);
}

Test(npy_file, structs_there_and_back)
{
    static const char *const formats[][2] = {
        {"T{d:x:d:y:i:id:}", "T{d:x:d:y:i:id:}"},
        {"T{dbi}", "T{d:f0:b:f1:i:f2:}"},
        {"T{b d:f0: 3h}", "T{b:f32:d:f0:3h:f2:}"},
        {"T{b5xi:v:}", "T{b:f0:7xi:v:}"},
        {"T{cbBhHiIlLqQfdgFD?}", NULL},
        {"T{Zf:\xce\xbb:?}", "T{Zf:\xce\xbb:?:f1:}"},
        {"T{(2,3)d:m:g:g:c:end:}", "T{6d:m:g:g:c:end:}"}};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        furrow_array *b;

        check_round_trip(FURROW_STRUCT, formats[i][0]);
        b = furrow_npy_load(in_folder("there.npy"));
        cr_assert_not_null(b);
        if (formats[i][1])
            cr_assert_str_eq(furrow_array_format(b), formats[i][1]);
        furrow_array_free(b);
    }
}

Test(npy_file, values_and_slices)
{
    furrow_array *a = furrow_array_new('d', 10, NULL), *part, *b;
    const char *path = in_folder("slice.npy");

    cr_assert_not_null(a);
    for (int i = 0; i < 10; i++)
        ((double *)a->data)[i] = i;
    part = furrow_array_slice(a, 3, 7);
    cr_assert_eq(furrow_npy_save(part, path), 0);
    b = furrow_npy_load(path);
    check_same(part, b);
    cr_assert_eq(((double *)b->data)[0], 3);
    furrow_array_free(b);
    furrow_array_free(part);
    furrow_array_free(a);
}

static void check_load_fails(const char *path, int code, const char *why)
{
    furrow_error_clear();
    cr_assert_null(furrow_npy_load(path));
    cr_assert_eq(furrow_last_error()->code, code, "%s", furrow_last_error()->text);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_npy_load");
    cr_assert_not_null(strstr(furrow_last_error()->text, why), "%s",
                       furrow_last_error()->text);
    cr_assert_null(furrow_npy_map(path, 0));
    cr_assert_eq(furrow_last_error()->code, code);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_npy_map");
}

Test(npy_file, truncated_at_every_byte)
{
    const size_t shape[] = {3, 5};
    furrow_array *a = new_array('h', 2, shape, NULL);
    const char *path = in_folder("cut.npy");
    size_t size;
    char *bytes;

    cr_assert_eq(furrow_npy_save(a, path), 0);
    bytes = read_file(path, &size);
    cr_assert_eq(size, 128 + 30);
    for (size_t n = 0; n < size; n++) {
        char why[64] = "";

        write_file(path, bytes, n);
        if (n >= 128)
            snprintf(why, sizeof why, "%zu of 30 bytes of data are missing", size - n);
        else if (n)
            snprintf(why, sizeof why, "the file ends after %zu bytes", n);
        check_load_fails(path, FURROW_ECORRUPT, why);
    }
    write_file(path, bytes, size);
    furrow_array_free(furrow_npy_load(path));
    free(bytes);
    furrow_array_free(a);
}

Test(npy_file, trailing_bytes_are_ignored)
{
    const size_t shape[] = {4};
    furrow_array *a = new_array('d', 1, shape, NULL), *b;
    const char *path = in_folder("more.npy");
    FILE *f;

    cr_assert_eq(furrow_npy_save(a, path), 0);
    f = fopen(path, "ab");
    fputs("more", f);
    fclose(f);
    b = furrow_npy_load(path);
    check_same(a, b);
    furrow_array_free(a);
    furrow_array_free(b);
}

Test(npy_file, what_cannot_be_loaded)
{
    check_load_fails(NULL, FURROW_EINVAL, "path is NULL");
    check_load_fails(in_folder("none.npy"), FURROW_EOS, "No such file");
    check_load_fails(folder, FURROW_EINVAL, "not a regular file");
    check_load_fails("/dev/zero", FURROW_EINVAL, "not a regular file");
    cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
    check_load_fails(in_folder("fifo"), FURROW_EINVAL, "not a regular file");
    write_file(in_folder("empty.npy"), "", 0);
    check_load_fails(in_folder("empty.npy"), FURROW_ECORRUPT, "it is empty");
}

Test(npy_file, a_header_that_promises_too_much)
{
    char bytes[256];
    const char *path = in_folder("huge.npy");
    const char *text = DICT("'|i1'", "False", "(1000000000000000,)");

    write_file(path, bytes, compose(bytes, 1, text, strlen(text)));
    check_load_fails(path, FURROW_ECORRUPT,
                     "1000000000000000 of 1000000000000000 bytes of data are missing");
}

/* ---- mapping --------------------------------------------------------------------*/

Test(npy_file, map_read_only)
{
    const size_t shape[] = {2, 3, 4};
    furrow_array *a = new_array('d', 3, shape, NULL), *b;
    const char *path = in_folder("map.npy");

    cr_assert_eq(furrow_npy_save(a, path), 0);
    b = furrow_npy_map(path, 0);
    check_same(a, b);
    cr_assert_eq(b->type, 'd');
    cr_assert_eq((uintptr_t)b->data % 64, 0);
    furrow_array_free(a);
    cr_assert_eq(furrow_array_free(b), 0);
}

Test(npy_file, map_writable)
{
    const size_t shape[] = {3};
    furrow_array *a = new_array(FURROW_STRUCT, 1, shape, "T{d:x:i:n:}"), *b;
    const char *path = in_folder("map.npy");

    cr_assert_eq(furrow_npy_save(a, path), 0);
    b = furrow_npy_map(path, 1);
    check_same(a, b);
    cr_assert_str_eq(furrow_array_format(b), "T{d:x:i:n:}");
    ((double *)a->data)[2] = ((double *)b->data)[2] = 42;
    cr_assert_eq(furrow_array_free(b), 0);
    b = furrow_npy_load(path);
    check_same(a, b);
    furrow_array_free(a);
    furrow_array_free(b);
}

/* A file whose data begin at byte `offset`. */
static void write_text(const char *path, const char *text, size_t offset)
{
    char bytes[512] = {0}, padded[256];

    snprintf(padded, sizeof padded, "%*s", -(int)(offset - 10), text);
    write_file(path, bytes, compose(bytes, 1, padded, offset - 10) + 64);
}

static void check_map_fails(const char *text, size_t offset, const char *why)
{
    const char *path = in_folder("other.npy");

    write_text(path, text, offset);
    cr_assert_null(furrow_npy_map(path, 0));
    cr_assert_eq(furrow_last_error()->code, FURROW_ENOTSUP);
    cr_assert_not_null(strstr(furrow_last_error()->text, why), "%s",
                       furrow_last_error()->text);
    furrow_array_free(furrow_npy_load(path));
}

Test(npy_file, what_cannot_be_mapped)
{
    check_map_fails(DICT("'>f8'", "False", "(3,)"), 128, "foreign byte order");
    check_map_fails(DICT("'<f8'", "False", "(3,)"), 80, "byte 80, which is not");
    check_map_fails(DICT("'<f8'", "False", "(0,)"), 128, "no elements");
}

/* ---- saving ---------------------------------------------------------------------*/

static void check_save_fails(const furrow_array *a, const char *path, int code,
                             const char *why)
{
    const int before = files_in_folder();

    furrow_error_clear();
    cr_assert_eq(furrow_npy_save(a, path), code, "%s", furrow_last_error()->text);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_npy_save");
    cr_assert_not_null(strstr(furrow_last_error()->text, why), "%s",
                       furrow_last_error()->text);
    cr_assert_eq(files_in_folder(), before);
}

Test(npy_file, what_cannot_be_saved)
{
    static char longest[5000];
    const size_t shape[] = {7};
    furrow_array *a = new_array('d', 1, shape, NULL);

    memset(longest, 'x', sizeof longest - 1);
    check_save_fails(NULL, in_folder("x.npy"), FURROW_EINVAL, "array is NULL");
    check_save_fails(a, NULL, FURROW_EINVAL, "path is NULL");
    check_save_fails(a, folder, FURROW_EINVAL, "not a regular file");
    check_save_fails(a, "/dev/null", FURROW_EINVAL, "not a regular file");
    check_save_fails(a, in_folder("none/x.npy"), FURROW_EOS, "No such file");
    check_save_fails(a, longest, FURROW_EOS, "name too long");
    longest[300] = '\0';
    check_save_fails(a, longest, FURROW_EOS, "name too long");
    furrow_array_free(a);
}

/* The disk is full in mid-write: what was there stays, and nothing else. */
Test(npy_file, a_failed_write_leaves_the_old_file)
{
    const size_t small[] = {7}, large[] = {100000};
    furrow_array *a = new_array('d', 1, small, NULL);
    furrow_array *b = new_array('d', 1, large, NULL), *c;
    const char *path = in_folder("kept.npy");
    const struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    cr_assert_eq(furrow_npy_save(a, path), 0);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    check_save_fails(b, path, FURROW_EOS, "File too large");
    check_save_fails(b, in_folder("new.npy"), FURROW_EOS, "File too large");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    c = furrow_npy_load(path);
    check_same(a, c);
    furrow_array_free(a);
    furrow_array_free(b);
    furrow_array_free(c);
}

Test(npy_file, modes_and_links_stay)
{
    const size_t shape[] = {7};
    furrow_array *a = new_array('d', 1, shape, NULL);
    struct stat st;

    umask(022);
    cr_assert_eq(furrow_npy_save(a, in_folder("file.npy")), 0);
    cr_assert_eq(stat(in_folder("file.npy"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0644);
    cr_assert_eq(chmod(in_folder("file.npy"), 0660), 0);
    cr_assert_eq(symlink("file.npy", in_folder("link.npy")), 0);
    cr_assert_eq(furrow_npy_save(a, in_folder("link.npy")), 0);
    cr_assert_eq(lstat(in_folder("link.npy"), &st), 0);
    cr_assert(S_ISLNK(st.st_mode));
    cr_assert_eq(stat(in_folder("file.npy"), &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0660);
    cr_assert_eq(files_in_folder(), 2);
    furrow_array_free(a);
}

/* Many writers of one path: a reader finds one of their files, always whole. */
static furrow_array *saved[2];
static _Atomic int failures;

static void *save_often(void *path)
{
    for (int i = 0; i < 100; i++)
        if (furrow_npy_save(saved[i % 2], path) < 0)
            failures++;
    return NULL;
}

Test(npy_file, savers_at_once)
{
    const size_t small[] = {7}, large[] = {5000};
    const char *path = in_folder("contested.npy");
    pthread_t thread[3];

    saved[0] = new_array('d', 1, small, NULL);
    saved[1] = new_array('i', 1, large, NULL);
    cr_assert_eq(furrow_npy_save(saved[0], path), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, save_often, (void *)path), 0);
    for (int i = 0; i < 100; i++) {
        furrow_array *b = furrow_npy_load(path);

        check_same(b && b->len == 7 ? saved[0] : saved[1], b);
        furrow_array_free(b);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(failures, 0);
    cr_assert_eq(files_in_folder(), 1);
    furrow_array_free(saved[0]);
    furrow_array_free(saved[1]);
}

/* ---- NumPy as the oracle --------------------------------------------------------*/

#define PYTHON "/usr/bin/python3"
#define ORACLE FURROW_SOURCE_DIR "/tests/shm/npy_oracle.py"

static int run_oracle(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, PYTHON " " ORACLE " %s %s", what, folder);
    return system(command);
}

static int have_numpy(void)
{
    return system(PYTHON " -c 'import numpy' 2>/dev/null") == 0;
}

/* One line of the oracle's manifest. */
typedef struct entry {
    char file[64], letter[8], shape[128], format[FW_TYPE_FORMAT_MAX];
    int code, version;
} entry;

static void check_shape(const furrow_array *a, const char *shape)
{
    char text[256] = "";

    for (int i = 0; i < a->ndim; i++)
        sprintf(text + strlen(text), "%s%zu", i ? "," : "", a->shape[i]);
    cr_assert_str_eq(text, shape);
}

static void check_bytes(const furrow_array *a, const char *raw)
{
    size_t size;
    char *bytes = read_file(raw, &size);

    cr_assert_eq(size, a->len * a->itemsize, "%s", raw);
    cr_assert(size == 0 || !memcmp(bytes, a->data, size), "%s", raw);
    free(bytes);
}

static void check_loaded(const entry *e)
{
    char raw[80];
    furrow_array *a = furrow_npy_load(in_folder(e->file));

    cr_assert_not_null(a, "%s: %s", e->file, furrow_last_error()->text);
    cr_assert_eq(a->type, e->letter[0], "%s", e->file);
    check_shape(a, e->shape);
    if (a->type == FURROW_STRUCT)
        cr_assert_str_eq(furrow_array_format(a), e->format);
    snprintf(raw, sizeof raw, "%s.raw", e->file);
    check_bytes(a, in_folder(raw));
    furrow_array_free(a);
}

static void check_refused(const entry *e)
{
    furrow_error_clear();
    cr_assert_null(furrow_npy_load(in_folder(e->file)), "%s", e->file);
    cr_assert_eq(furrow_last_error()->code, e->code, "%s: %s", e->file,
                 furrow_last_error()->text);
}

static int parse_entry(const char *line, entry *e)
{
    e->format[0] = '\0';
    return sscanf(line, "%63s %d %7s %d %127[^|]|%191[^\n]", e->file, &e->code,
                  e->letter, &e->version, e->shape, e->format);
}

Test(npy_oracle, files_of_numpy_load, .timeout = 60)
{
    int loaded = 0, refused = 0, versions = 0;
    char line[1024];
    FILE *manifest;
    entry e;

    if (!have_numpy())
        cr_skip_test("no NumPy here");
    cr_assert_eq(run_oracle("make"), 0);
    manifest = fopen(in_folder("manifest"), "r");
    cr_assert_not_null(manifest);
    while (fgets(line, sizeof line, manifest)) {
        cr_assert_geq(parse_entry(line, &e), 5, "%s", line);
        versions |= 1 << e.version;
        if (e.code == 0)
            loaded++, check_loaded(&e);
        else
            refused++, check_refused(&e);
    }
    fclose(manifest);
    cr_assert_geq(loaded, 120);
    cr_assert_geq(refused, 20);
    cr_assert_eq(versions, 1 << 1 | 1 << 2 | 1 << 3);
}

static void save_for_numpy(FILE *list, furrow_array *a, const char *descr)
{
    static int count;
    char name[32], raw[64];

    snprintf(name, sizeof name, "saved%d.npy", count++);
    snprintf(raw, sizeof raw, "%s.raw", name);
    cr_assert_eq(furrow_npy_save(a, in_folder(name)), 0);
    write_file(in_folder(raw), a->data, a->len * a->itemsize);
    fprintf(list, "%s\t%s\t(", name, descr);
    for (int i = 0; i < a->ndim; i++)
        fprintf(list, "%zu,", a->shape[i]);
    fprintf(list, ")\n");
    furrow_array_free(a);
}

Test(npy_oracle, our_files_load_in_numpy, .timeout = 60)
{
    static const char *const structs[][2] = {
        {"T{d:x:d:y:i:id:}", "[('x','<f8'),('y','<f8'),('id','<i4'),('','V4')]"},
        {"T{b3hd:x:?}", "[('f0','i1'),('','V1'),('f1','<i2',(3,)),('x','<f8'),"
                        "('f3','?'),('','V7')]"},
        {"T{b d:f0:}", "[('f32','i1'),('','V7'),('f0','<f8')]"},
        {"T{Zf:\xce\xbb:g}", "[('\xce\xbb','<c8'),('','V8'),('f1','<f16')]"},
        {"T{Zf:\xc3\xa9:4c}", "[('\xc3\xa9','<c8'),('f1','S1',(4,))]"}};
    FILE *list = fopen(in_folder("saved"), "w");

    cr_assert_not_null(list);
    if (!have_numpy())
        cr_skip_test("no NumPy here");
    for (const char *code = "cbBhHiIlLqQfdgFD?"; *code; code++)
        for (size_t i = 0; i < SHAPES; i++) {
            char descr[16];

            snprintf(descr, sizeof descr, "'%s'", furrow_type_of(*code)->numpy);
            save_for_numpy(
                list, new_array(*code, shapes[i].ndim, shapes[i].shape, NULL), descr);
        }
    for (size_t i = 0; i < sizeof structs / sizeof *structs; i++)
        save_for_numpy(list, new_array(FURROW_STRUCT, 1, (size_t[]){5}, structs[i][0]),
                       structs[i][1]);
    cr_assert_eq(fclose(list), 0);
    cr_assert_eq(run_oracle("check"), 0);
}
