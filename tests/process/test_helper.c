/* SPDX-License-Identifier: MIT
 *
 * furrow-worker in place of the program: it runs functions of shared objects, and says what
 * it does not have.
 */
#include "procs.h"

#include <dlfcn.h>
#include <sys/stat.h>

#define BUT_ANEW                                                                       \
    if (!peer_anew())                                                                  \
    return

#define OBJECT(number) FURROW_BINARY_DIR "/tests/late_kernel_" #number ".so"

static void use_helper(void)
{
    (void)note_new();
    cr_assert_eq(furrow_process_helper(FURROW_BINARY_DIR "/furrow-worker"), 0);
}

static furrow_process_function function_of(const char *path)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    union {
        void *symbol;
        furrow_process_function function;
    } at = {.symbol = object ? dlsym(object, "late_process") : NULL};

    cr_assert_not_null(at.symbol, "%s", dlerror());
    return at.function;
}

static furrow_process *process_of(const char *path)
{
    furrow_process *p = furrow_process_new(function_of(path), NULL, 0, NULL);

    cr_assert_not_null(p);
    return p;
}

/* A file of this test's own that holds what `from` holds. */
static void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    size_t n;

    cr_assert(in && out);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        cr_assert_eq(fwrite(bytes, 1, n, out), n);
    fclose(in);
    cr_assert_eq(fclose(out), 0);
}

static const char *own_object(void)
{
    static char path[128];

    snprintf(path, sizeof path, "/tmp/furrow-helper-%d.so", (int)getpid());
    copy_file(OBJECT(1), path);
    return path;
}

static void is_refused(furrow_process *p, const char *path)
{
    cr_assert_eq(furrow_process_start(p), FURROW_ENOTSUP, "%s",
                 furrow_last_error()->text);
    cr_assert_not_null(strstr(furrow_last_error()->text, path), "%s",
                       furrow_last_error()->text);
}

Test(helper, runs_what_lies_in_a_shared_object)
{
    BUT_ANEW;
    use_helper();

    left_mark before = left_now_with_heap();
    furrow_process *one = process_of(OBJECT(1)), *two = process_of(OBJECT(2));

    cr_assert_eq(furrow_process_start(one), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_process_start(two), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(proc_end(one), 41);
    cr_assert_eq(proc_end(two), 42);
    cr_assert_eq(left_since(&before, 2), 0);
}

Test(helper, is_named_by_the_environment)
{
    BUT_ANEW;
    (void)note_new();
    setenv("FURROW_HELPER", FURROW_BINARY_DIR "/furrow-worker", 1);

    furrow_process *p = process_of(OBJECT(1));

    cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(proc_end(p), 41);
}

Test(helper, does_not_have_the_program_s_functions)
{
    furrow_process *p;

    BUT_ANEW;
    use_helper();
    p = furrow_process_new(proc_nothing, NULL, 0, NULL);
    is_refused(p, "not to be had");
    cr_assert_eq(furrow_process_free(p), 0);
}

Test(helper, says_which_object_is_gone)
{
    const char *path;
    furrow_process *p;

    BUT_ANEW;
    use_helper();
    path = own_object();
    p = process_of(path);
    cr_assert_eq(unlink(path), 0);
    is_refused(p, path);
    cr_assert_eq(furrow_process_free(p), 0);
}

/* Its offsets are another build's: what lies there now is not the function. */
Test(helper, says_which_object_was_built_anew)
{
    char fresh[160];
    const char *path;
    furrow_process *p;

    BUT_ANEW;
    use_helper();
    path = own_object();
    p = process_of(path);
    snprintf(fresh, sizeof fresh, "%s.fresh", path);
    copy_file(OBJECT(2), fresh);
    cr_assert_eq(rename(fresh, path), 0);
    is_refused(p, path);
    copy_file(OBJECT(1), fresh); /* back again: as if nothing had been */
    cr_assert_eq(rename(fresh, path), 0);
    cr_assert_eq(furrow_process_start(p), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(proc_end(p), 41);
    unlink(path);
}

/* ---- a start that takes a while -------------------------------------------------------*/

static void *starts_in_vain(void *arg)
{
    return furrow_process_start(arg) == FURROW_EDIED ? arg : NULL;
}

static const char *slow_helper(void)
{
    static char path[128];
    FILE *f;

    snprintf(path, sizeof path, "/tmp/furrow-helper-%d.sh", (int)getpid());
    f = fopen(path, "we");
    cr_assert(f && fputs("#!/bin/sh\nsleep 0.5\n", f) >= 0 && fclose(f) == 0);
    cr_assert_eq(chmod(path, 0700), 0);
    return path;
}

Test(helper, what_is_just_being_started_is_not_freed)
{
    const char *path;
    furrow_process *p;
    pthread_t t;
    void *died;

    BUT_ANEW;
    path = slow_helper();
    (void)note_new();
    cr_assert_eq(furrow_process_helper(path), 0);
    p = furrow_process_new(proc_nothing, NULL, 0, NULL);
    cr_assert_eq(pthread_create(&t, NULL, starts_in_vain, p), 0);
    while (furrow_process_set_name(p, "p") == 0)
        left_sleep(0.001);
    cr_assert_eq(furrow_process_free(p), FURROW_EBUSY);
    cr_assert_eq(pthread_join(t, &died), 0);
    cr_assert_eq(died, p);
    cr_assert_eq(furrow_process_free(p), 0);
    unlink(path);
}
