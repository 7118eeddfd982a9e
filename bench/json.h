/* SPDX-License-Identifier: MIT
 *
 * json.h - JSON objects, one a line, written field by field.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdio.h>

/* FILE may be NULL: nothing is written then. Strings are UTF-8 and escaped; a number
 * that is not finite is null. */
typedef struct bench_json {
    FILE *out;
    int fields;
} bench_json;

bench_json bench_json_begin(FILE *out);
void bench_json_string(bench_json *j, const char *key, const char *value);
void bench_json_number(bench_json *j, const char *key, double value);
void bench_json_bool(bench_json *j, const char *key, int value);
void bench_json_end(bench_json *j);

#endif
