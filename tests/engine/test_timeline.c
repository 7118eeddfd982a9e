/* SPDX-License-Identifier: MIT
 *
 * The timeline picture: well-formed, every chunk in it, honest about idleness.
 */
#include "timeline.h"
#include "furrow_shm.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Write the timeline to a file of our own and return its text (to be freed). */
static char *drawn(const fw_timeline *t)
{
    char path[] = "/tmp/furrow-timeline-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(fw_timeline_write(path, t), 0, "%s", furrow_last_error()->text);

    FILE *f = fopen(path, "r");
    cr_assert(f);
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert(text && fread(text, 1, (size_t)size, f) == (size_t)size);
    fclose(f);
    unlink(path);
    return text;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        n++;
    return n;
}

/* The end of the tag that begins at `at`, past its quoted attributes; NULL if broken.
 */
static const char *tag_end(const char *at)
{
    for (; *at && *at != '>'; at++) {
        if (*at == '"' && !(at = strchr(at + 1, '"')))
            return NULL;
        if (*at == '&' || (*at == '<' && at[-1] != '\n' && at[-1] != '>'))
            return NULL;
    }
    return *at ? at : NULL;
}

/* Are tags balanced and entities known? Enough XML for what the writer writes. */
static int well_formed(const char *text)
{
    char stack[8][16];
    int depth = 0;

    for (const char *at = text; *at; at++) {
        if (*at == '&' && strncmp(at, "&lt;", 4) && strncmp(at, "&gt;", 4) &&
            strncmp(at, "&amp;", 5))
            return 0;
        if (*at != '<')
            continue;
        const char *end = tag_end(at + 1);
        char name[16] = "";
        if (!end || sscanf(at + 1 + (at[1] == '/'), "%15[a-z]", name) != 1)
            return 0;
        if (at[1] == '/') {
            if (depth == 0 || strcmp(stack[--depth], name))
                return 0;
        } else if (end[-1] != '/') {
            if (depth == 8)
                return 0;
            strcpy(stack[depth++], name);
        }
        at = end;
    }
    return depth == 0;
}

/* All chunks that the hover titles speak of. */
static size_t chunks_told(const char *text)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, "<title>worker ")); at++) {
        size_t many = 0;
        const char *comma = strstr(strstr(at, ", call "), "call ");
        comma = strchr(comma, ',');
        n += sscanf(comma, ", %zu chunks from", &many) == 1 ? many : 1;
    }
    return n;
}

Test(timeline, has_every_chunk_and_says_who_ran_it)
{
    const fw_timeline_bar b[] = {
        {.worker = 1, .start = 500, .end = 900, .call = 7, .index = 4, .stolen = 1},
        {.worker = 0, .start = 0, .end = 400, .call = 7, .index = 0},
        {.worker = 0, .start = 410, .end = 1000, .call = 7, .index = 1},
        {.worker = 1, .start = 0, .end = 450, .call = 7, .index = 3},
    };
    char *svg = drawn(&(fw_timeline){b, 4, 2, "two"});

    cr_assert(well_formed(svg));
    cr_assert_eq(count(svg, "<title>"), 4);
    cr_assert_eq(count(svg, "class=\"lane\""), 2);
    cr_assert(strstr(svg, "worker 1, call 7, chunk 4 (stolen)\nat 500 ns, for 400 ns"));
    cr_assert(strstr(svg, "worker 0, call 7, chunk 1\nat 410 ns, for 590 ns"));
    cr_assert(strstr(svg, "2 workers \xc2\xb7 1 call \xc2\xb7 4 chunks, 1 stolen"));
    cr_assert_eq(count(svg, "class=\"stolen\""), 1);
    cr_assert(strstr(svg, ">call 7</text>"));
    free(svg);
}

Test(timeline, tells_idle_shares)
{
    const fw_timeline_bar b[] = {
        {.worker = 0, .start = 0, .end = 1000, .call = 1},
        {.worker = 1, .start = 0, .end = 250, .call = 1, .index = 1},
        {.worker = 1, .start = 500, .end = 750, .call = 1, .index = 2},
    };
    char *svg = drawn(&(fw_timeline){b, 3, 3, NULL});

    cr_assert(strstr(svg, ">0 %</text>"));
    cr_assert(strstr(svg, ">50 %</text>"));
    cr_assert(strstr(svg, ">100 %</text>"));
    free(svg);
}

Test(timeline, a_long_pause_is_cut_out_and_said)
{
    const fw_timeline_bar b[] = {
        {.start = 0, .end = 1000000, .call = 1},
        {.start = 901000000, .end = 902000000, .call = 2},
    };
    char *svg = drawn(&(fw_timeline){b, 2, 1, "pause"});

    cr_assert(well_formed(svg));
    cr_assert(strstr(svg, "2.00 ms of 902 ms, long pauses cut out"));
    cr_assert(strstr(svg, "rotate(-90)\">900 ms</text>"));
    free(svg);
}

Test(timeline, escapes_the_title)
{
    const fw_timeline_bar b[] = {{.start = 0, .end = 10}};
    char *svg = drawn(&(fw_timeline){b, 1, 1, "a < b && c > \"d\"\x01\n"});

    cr_assert(well_formed(svg));
    cr_assert(strstr(svg, ">a &lt; b &amp;&amp; c &gt; \"d\"  </text>"));
    free(svg);
}

Test(timeline, a_hundred_thousand_tiny_bars_are_drawn_together)
{
    const size_t n = 100000;
    fw_timeline_bar *b = malloc(n * sizeof *b);
    cr_assert(b);
    for (size_t i = 0; i < n; i++)
        b[i] = (fw_timeline_bar){.worker = (int)(i % 2),
                                 .start = (int64_t)(i / 2) * 100,
                                 .end = (int64_t)(i / 2) * 100 + 90,
                                 .call = 1,
                                 .index = i};
    char *svg = drawn(&(fw_timeline){b, n, 2, "tiny"});

    cr_assert(well_formed(svg));
    cr_assert_lt(count(svg, "<title>"), 5000);
    cr_assert_gt(count(svg, "<title>"), 1000);
    cr_assert_eq(chunks_told(svg), n);
    free(svg);
    free(b);
}

/* What is narrow but stands alone is not lost: it is drawn half a pixel wide. */
Test(timeline, lonely_tiny_bars_stay)
{
    const fw_timeline_bar b[] = {
        {.worker = 0, .start = 0, .end = 1000000, .call = 1},
        {.worker = 1, .start = 100, .end = 101, .call = 1, .index = 1},
        {.worker = 1, .start = 500000, .end = 500000, .call = 1, .index = 2},
    };
    char *svg = drawn(&(fw_timeline){b, 3, 2, NULL});

    cr_assert_eq(count(svg, "<title>"), 3);
    cr_assert_eq(count(svg, "width=\"0.5\""), 2);
    free(svg);
}

Test(timeline, has_a_lane_for_each_of_256_workers)
{
    enum { workers = 256, each = 20 };
    fw_timeline_bar *b = malloc(workers * each * sizeof *b);
    cr_assert(b);
    for (int i = 0; i < workers * each; i++)
        b[i] = (fw_timeline_bar){.worker = i % workers,
                                 .start = i / workers * 1000 + i % 7,
                                 .end = i / workers * 1000 + 900,
                                 .call = (uint64_t)(i / workers / 5),
                                 .index = (uint64_t)i};
    char *svg = drawn(&(fw_timeline){b, workers * each, workers, "many"});

    cr_assert(well_formed(svg));
    cr_assert_eq(count(svg, "class=\"lane\""), workers);
    cr_assert_eq(chunks_told(svg), workers * each);
    cr_assert_eq(count(svg, ">call "), 4);
    free(svg);
    free(b);
}

Test(timeline, writes_points_in_a_locale_of_commas)
{
    const fw_timeline_bar b[] = {{.start = 0, .end = 333},
                                 {.start = 400, .end = 1000, .index = 1}};

    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        cr_skip_test("no locale with a decimal comma is installed");
    char *svg = drawn(&(fw_timeline){b, 2, 1, NULL});
    for (const char *at = svg; (at = strchr(at, ',')); at++)
        cr_assert(!isdigit((unsigned char)at[-1]) || !isdigit((unsigned char)at[1]));
    free(svg);
}

Test(timeline, refuses_what_cannot_be)
{
    const fw_timeline_bar good = {.start = 5, .end = 6};
    const fw_timeline_bar back = {.start = 6, .end = 5};
    const fw_timeline_bar who = {.worker = 2, .start = 5, .end = 6};
    const struct {
        fw_timeline t;
        const char *says;
    } row[] = {{{&good, 0, 1, NULL}, "no chunk was recorded"},
               {{&good, 1, 0, NULL}, "0 workers"},
               {{&back, 1, 1, NULL}, "bar 0 ends before it starts"},
               {{&who, 1, 2, NULL}, "bar 0 is of worker 2 of 2"}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cr_assert_eq(fw_timeline_write("/nonexistent/x", &row[i].t), FURROW_EINVAL);
        cr_assert(strstr(furrow_last_error()->text, row[i].says), "%s",
                  furrow_last_error()->text);
    }
}

Test(timeline, says_when_the_file_cannot_be_written)
{
    const fw_timeline_bar b = {.start = 5, .end = 6};
    const fw_timeline t = {&b, 1, 1, NULL};

    cr_assert_eq(fw_timeline_write("/nonexistent/x.svg", &t), FURROW_EOS);
    cr_assert(strstr(furrow_last_error()->text, "/nonexistent/x.svg"));
    cr_assert_eq(fw_timeline_write("/dev/full", &t), FURROW_EOS);
    cr_assert(strstr(furrow_last_error()->text, "No space left"));
}
