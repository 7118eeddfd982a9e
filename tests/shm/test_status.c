/* SPDX-License-Identifier: MIT
 *
 * The error record: which failure it holds, whose name, and that threads have their
 * own.
 */
#include "status.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
} codes[] = {
    {1, "FURROW_OWNERDIED"}, {0, "FURROW_OK"},         {-1, "FURROW_EINVAL"},
    {-2, "FURROW_ETYPE"},    {-3, "FURROW_ENOMEM"},    {-4, "FURROW_EOS"},
    {-5, "FURROW_ETIME"},    {-6, "FURROW_ECLOSED"},   {-7, "FURROW_EDIED"},
    {-8, "FURROW_EKERNEL"},  {-9, "FURROW_ECANCELED"}, {-10, "FURROW_ECORRUPT"},
    {-11, "FURROW_EBUSY"},   {-12, "FURROW_ENOTSUP"},  {-13, "FURROW_EEMPTY"},
    {-14, "FURROW_EFULL"},   {-15, "FURROW_EEOF"},     {-16, "FURROW_ESHORT"},
    {-17, "FURROW_EAUTH"},   {-18, "FURROW_EBROKEN"},  {-19, "FURROW_EOWNER"}};

#define CODES (sizeof codes / sizeof *codes)

Test(status, every_code_has_its_name_and_meaning)
{
    for (size_t i = 0; i < CODES; i++) {
        cr_assert_str_eq(furrow_status_name(codes[i].code), codes[i].name);
        cr_assert_gt(strlen(furrow_strerror(codes[i].code)), 3);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(furrow_strerror(codes[i].code),
                              furrow_strerror(codes[j].code));
    }
}

Test(status, unknown_codes)
{
    cr_assert_str_eq(furrow_status_name(2), "FURROW_?");
    cr_assert_str_eq(furrow_status_name(-100), "FURROW_?");
    cr_assert_str_eq(furrow_strerror(-1000), "unknown code");
}

Test(status, fresh_record)
{
    const furrow_error *e = furrow_last_error();

    cr_assert_not_null(e);
    cr_assert_eq(e->code, 0);
    cr_assert_eq(e->os_error, 0);
    cr_assert_str_eq(e->text, "");
    cr_assert_not_null(e->function);
}

Test(status, fail_fills_the_record)
{
    const furrow_error *e = furrow_last_error();

    cr_assert_eq(fw_fail(FURROW_ETYPE, "in[%d] is '%c'", 2, 'f'), FURROW_ETYPE);
    cr_assert_eq(fw_status_in("furrow_map", FURROW_ETYPE), FURROW_ETYPE);
    cr_assert_eq(e->code, FURROW_ETYPE);
    cr_assert_eq(e->os_error, 0);
    cr_assert_str_eq(e->function, "furrow_map");
    cr_assert_str_eq(e->text, "in[2] is 'f'");
}

Test(status, the_outermost_function_wins)
{
    fw_fail(FURROW_EINVAL, "bad");
    fw_status_in("furrow_inner", FURROW_EINVAL);
    fw_status_in("furrow_outer", FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_outer");
}

Test(status, success_leaves_the_record)
{
    int something = 0;

    fw_fail(FURROW_ETIME, "too late");
    fw_status_in("furrow_get", FURROW_ETIME);
    cr_assert_eq(fw_status_in("furrow_fine", 0), 0);
    cr_assert_eq(fw_status_in("furrow_locked", FURROW_OWNERDIED), FURROW_OWNERDIED);
    cr_assert_eq(fw_status_new("furrow_new", &something), &something);
    cr_assert_eq(furrow_last_error()->code, FURROW_ETIME);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_get");
    cr_assert_str_eq(furrow_last_error()->text, "too late");
}

Test(status, a_failed_constructor_is_named)
{
    fw_fail(FURROW_ENOMEM, "no room");
    cr_assert_null(fw_status_new("furrow_array_new", NULL));
    cr_assert_str_eq(furrow_last_error()->function, "furrow_array_new");
}

Test(status, fail_os_adds_the_meaning_of_errno)
{
    cr_assert_eq(fw_fail_os(ENOENT, "cannot open '%s'", "x"), FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    cr_assert_str_eq(furrow_last_error()->text,
                     "cannot open 'x': No such file or directory");
    cr_assert_eq(fw_fail_os(ENOMEM, "cannot map"), FURROW_ENOMEM);
    cr_assert_eq(furrow_last_error()->os_error, ENOMEM);
    fw_fail(FURROW_EINVAL, "later");
    cr_assert_eq(furrow_last_error()->os_error, 0, "the errno of an earlier failure");
}

Test(status, long_sentences_are_cut)
{
    char longer[1000];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    fw_fail(FURROW_EINVAL, "%s", longer);
    cr_assert_eq(strlen(furrow_last_error()->text),
                 sizeof furrow_last_error()->text - 1);
    fw_fail_os(ENOENT, "%s", longer);
    cr_assert_eq(strlen(furrow_last_error()->text),
                 sizeof furrow_last_error()->text - 1);
}

static int takes_a_handle(const void *pool)
{
    return pool ? 0 : fw_fail_null("pool");
}

Test(status, null_handle_without_a_failure)
{
    cr_assert_eq(takes_a_handle(""), 0);
    cr_assert_eq(takes_a_handle(NULL), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->text, "pool is NULL");
    cr_assert_str_eq(furrow_last_error()->function, "takes_a_handle");
}

Test(status, null_handle_keeps_the_first_message)
{
    fw_fail(FURROW_ENOMEM, "no room for 5 workers");
    fw_status_new("furrow_pool_open", NULL);
    cr_assert_eq(takes_a_handle(NULL), FURROW_ENOMEM);
    cr_assert_eq(takes_a_handle(NULL), FURROW_ENOMEM);
    cr_assert_str_eq(furrow_last_error()->text, "no room for 5 workers");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_pool_open");
    furrow_error_clear();
    cr_assert_eq(furrow_last_error()->code, 0);
    cr_assert_eq(takes_a_handle(NULL), FURROW_EINVAL);
    cr_assert_str_eq(furrow_last_error()->text, "pool is NULL");
}

Test(status, adopt_keeps_the_function)
{
    const furrow_error other = {.code = FURROW_EDIED,
                                .os_error = EPIPE,
                                .function = "not valid in this process",
                                .text = "worker 3 died"};

    fw_fail(FURROW_EINVAL, "before");
    fw_status_in("furrow_map", FURROW_EINVAL);
    cr_assert_eq(fw_status_adopt(&other), FURROW_EDIED);
    cr_assert_eq(furrow_last_error()->os_error, EPIPE);
    cr_assert_str_eq(furrow_last_error()->text, "worker 3 died");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_map");
}

static void *fail_in_thread(void *result)
{
    const int fresh = furrow_last_error()->code == 0;

    fw_fail(FURROW_EBUSY, "in the thread");
    *(int *)result = fresh && furrow_last_error()->code == FURROW_EBUSY;
    return NULL;
}

Test(status, threads_have_their_own_records)
{
    pthread_t thread;
    int ok = 0;

    fw_fail(FURROW_ETIME, "in main");
    cr_assert_eq(pthread_create(&thread, NULL, fail_in_thread, &ok), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert(ok);
    cr_assert_eq(furrow_last_error()->code, FURROW_ETIME);
    cr_assert_str_eq(furrow_last_error()->text, "in main");
}

Test(status, perror_prints_one_line, .init = cr_redirect_stderr)
{
    fw_fail(FURROW_EINVAL, "the sentence");
    fw_status_in("furrow_map", FURROW_EINVAL);
    furrow_perror("axpy");
    furrow_perror(NULL);
    furrow_error_clear();
    furrow_perror("none");
    fflush(stderr);
    cr_assert_stderr_eq_str("axpy: furrow_map: the sentence\n"
                            "furrow_map: the sentence\n"
                            "none: furrow: no error\n");
}
