/* SPDX-License-Identifier: MIT
 *
 * json.c - the writer of JSON lines.
 */
#include "json.h"

#include <math.h>

static void put_string(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_key(bench_json *j, const char *key)
{
    fputs(j->fields++ ? ", " : "{", j->out);
    put_string(j->out, key);
    fputs(": ", j->out);
}

bench_json bench_json_begin(FILE *out)
{
    return (bench_json){.out = out};
}

void bench_json_string(bench_json *j, const char *key, const char *value)
{
    if (!j->out)
        return;
    put_key(j, key);
    put_string(j->out, value);
}

void bench_json_number(bench_json *j, const char *key, double value)
{
    if (!j->out)
        return;
    put_key(j, key);
    if (isfinite(value))
        fprintf(j->out, "%.6g", value);
    else
        fputs("null", j->out);
}

void bench_json_bool(bench_json *j, const char *key, int value)
{
    if (!j->out)
        return;
    put_key(j, key);
    fputs(value ? "true" : "false", j->out);
}

void bench_json_end(bench_json *j)
{
    if (!j->out)
        return;
    fputs(j->fields ? "}\n" : "{}\n", j->out);
    fflush(j->out);
}
