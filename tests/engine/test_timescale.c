/* SPDX-License-Identifier: MIT
 *
 * The time axis: one scale for all that is shown, long pauses cut out.
 */
#include "timescale.h"

#include <criterion/criterion.h>
#include <string.h>

static fw_timeline_bar bar(int64_t start, int64_t end)
{
    return (fw_timeline_bar){.start = start, .end = end, .call = 1};
}

Test(timescale, without_a_pause_is_one_piece)
{
    const fw_timeline_bar b[] = {bar(1000, 2000), bar(2100, 5000)};
    fw_timescale s;

    fw_timescale_init(&s, b, 2, 400);
    cr_assert_eq(s.pieces, 1);
    cr_assert_eq(s.shown, 4000);
    cr_assert_float_eq(fw_timescale_x(&s, 1000), 0, 1e-9);
    cr_assert_float_eq(fw_timescale_x(&s, 3000), 200, 1e-9);
    cr_assert_float_eq(fw_timescale_x(&s, 5000), 400, 1e-9);
}

Test(timescale, a_long_pause_is_cut_and_the_scale_stays_one)
{
    const fw_timeline_bar b[] = {bar(0, 1000), bar(1000000, 1003000)};
    fw_timescale s;

    fw_timescale_init(&s, b, 2, 400 + FW_TIMESCALE_CUT_PX);
    cr_assert_eq(s.pieces, 2);
    cr_assert_eq(s.shown, 4000);
    cr_assert_float_eq(fw_timescale_x(&s, 1000), 100, 1e-9);
    cr_assert_float_eq(fw_timescale_x(&s, 1000000), 100 + FW_TIMESCALE_CUT_PX, 1e-9);
    cr_assert_float_eq(fw_timescale_x(&s, 1003000), 400 + FW_TIMESCALE_CUT_PX, 1e-9);
}

/* A worker that is still busy fills what would be a pause of the others. */
Test(timescale, nothing_is_cut_while_anybody_works)
{
    const fw_timeline_bar b[] = {bar(0, 100000), bar(0, 10), bar(99000, 99010)};
    fw_timescale s;

    fw_timescale_init(&s, b, 3, 400);
    cr_assert_eq(s.pieces, 1);
}

Test(timescale, of_too_many_pauses_the_longest_are_cut)
{
    fw_timeline_bar b[FW_TIMESCALE_CUTS + 4];
    int64_t t = 0, longest = 0;
    const int n = FW_TIMESCALE_CUTS + 4;
    fw_timescale s;

    for (int i = 0; i < n; i++) { /* pauses of 1010, 1020, ... after bars of 10 */
        b[i] = bar(t, t + 10);
        t += 10 + 1010 + 10 * i;
    }
    fw_timescale_init(&s, b, (size_t)n, 1000);
    cr_assert_eq(s.pieces, FW_TIMESCALE_CUTS + 1);
    for (int i = 1; i < s.pieces; i++) {
        const int64_t cut = s.piece[i].begin - s.piece[i - 1].end;
        cr_assert_gt(cut, longest, "cut %d", i);
        longest = cut;
    }
    cr_assert_eq(longest, 1010 + 10 * (n - 2));
    cr_assert_eq(s.piece[1].begin - s.piece[0].end, 1010 + 10 * 3);
}

Test(timescale, x_never_goes_back)
{
    fw_timeline_bar b[40];
    double last = -1;
    fw_timescale s;

    for (int i = 0; i < 40; i++)
        b[i] = bar(i * 700 + (i / 9) * 100000, i * 700 + (i / 9) * 100000 + 650);
    fw_timescale_init(&s, b, 40, 1000);
    for (int i = 0; i < 40; i++) {
        cr_assert_geq(fw_timescale_x(&s, b[i].start), last);
        last = fw_timescale_x(&s, b[i].end);
    }
    cr_assert_float_eq(last, 1000, 1e-6);
}

Test(timescale, bars_of_no_length_have_a_scale)
{
    const fw_timeline_bar b[] = {bar(5, 5)};
    fw_timescale s;

    fw_timescale_init(&s, b, 1, 400);
    cr_assert_eq(s.shown, 1);
    cr_assert_float_eq(fw_timescale_x(&s, 5), 0, 1e-9);
}

Test(timescale, steps_are_round)
{
    const struct {
        int64_t span, step;
    } row[] = {{10, 1},     {1000, 100},        {1100, 200},
               {2500, 500}, {7000000, 1000000}, {600000000000, 100000000000}};

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const fw_timeline_bar b[] = {bar(0, row[i].span)};
        fw_timescale s;
        fw_timescale_init(&s, b, 1, 1000);
        cr_assert_eq(fw_timescale_step(&s, 100), row[i].step, "span %lld: step %lld",
                     (long long)row[i].span, (long long)fw_timescale_step(&s, 100));
    }
}

Test(timescale, texts_have_three_digits)
{
    const struct {
        int64_t ns;
        const char *text;
    } row[] = {{0, "0 ns"},
               {999, "999 ns"},
               {1000, "1.00 us"},
               {1019, "1.01 us"},
               {12345, "12.3 us"},
               {123456, "123 us"},
               {1234567, "1.23 ms"},
               {59000000, "59.0 ms"},
               {1050000000, "1.05 s"},
               {61000000000, "61.0 s"}};
    char text[32];

    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        fw_timescale_text(text, sizeof text, row[i].ns);
        cr_assert_str_eq(text, row[i].text);
    }
}
