/* SPDX-License-Identifier: MIT
 *
 * Listeners: where they listen, what they leave, what is no address.
 */
#include "connect/ends.h"
#include "furrow_manager.h"

#include <criterion/criterion.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *new_path(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/furrow-listener-%d", (int)getpid());
    return path;
}

static void second_bind(const char *address)
{
    furrow_listener *l = furrow_listener_open(address, NULL);

    cr_assert_not_null(l, "%s", furrow_last_error()->text);
    cr_assert_null(furrow_listener_open(furrow_listener_address(l), NULL));
    cr_assert_eq(furrow_last_error()->code, FURROW_EOS);
    cr_assert_eq(furrow_last_error()->os_error, EADDRINUSE);
    cr_assert_str_eq(furrow_last_error()->function, "furrow_listener_open");
    cr_assert_eq(furrow_listener_close(l), 0);
}

/* CPython: _TestListener.test_multiple_bind (fork) */
Test(listener, a_second_one_at_the_same_address_fails)
{
    second_bind(new_path());
    second_bind("127.0.0.1:0");
    second_bind(NULL);
}

/* CPython: _TestListener.test_context (fork) */
Test(listener, closed_it_refuses_clients)
{
    left_mark before = left_now();
    furrow_listener *l = furrow_listener_open(NULL, NULL);
    char address[64];
    furrow_connection *c, *d;

    strcpy(address, furrow_listener_address(l));
    c = furrow_client_open(address, NULL, ENDS_SOON);
    d = furrow_listener_accept(l, ENDS_SOON);
    cr_assert(c && d);
    cr_assert_eq(furrow_listener_close(l), 0);
    cr_assert_null(furrow_client_open(address, NULL, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->os_error, ECONNREFUSED);
    cr_assert_eq(furrow_connection_send(c, "still", 5, 0), 0);
    cr_assert_eq(furrow_connection_poll(d, 0), 1);
    furrow_connection_close(c);
    furrow_connection_close(d);
    cr_assert_eq(furrow_listener_close(NULL), 0);
    cr_assert_eq(left_outside(&before, 0), 0);
}

static int connect_with_empty_key(void *arg)
{
    ends_stage *s = arg;
    furrow_client_options o = {.authkey = ""};
    furrow_connection *c = furrow_client_open(s->text, &o, ENDS_SOON);

    child_want(c != NULL);
    child_want(furrow_connection_send(c, "in", 2, ENDS_SOON) == 0);
    return furrow_connection_close(c);
}

/* CPython: _TestListener.test_empty_authkey */
Test(listener, an_empty_key_is_a_key)
{
    furrow_listener_options o = {.authkey = "", .handshake = 10};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    ends_stage *s = ends_stage_new();
    furrow_connection *c;
    char got[4];
    peer p;

    strcpy(s->text, furrow_listener_address(l));
    cr_assert_eq(peer_start(&p, connect_with_empty_key, s), 0);
    c = furrow_listener_accept(l, ENDS_SOON);
    cr_assert_not_null(c, "%s", furrow_last_error()->text);
    cr_assert_eq(furrow_connection_recv(c, got, 4, NULL, ENDS_SOON), 0);
    cr_assert_eq(ends_finish(&p, c), 0);
    furrow_listener_close(l);
}

/* CPython: _TestListener.test_abstract_socket (fork) */
Test(listener, an_abstract_name)
{
    char name[64];
    furrow_listener *l;
    furrow_connection *c, *d;

    snprintf(name, sizeof name, "@furrow-%d", (int)getpid());
    l = furrow_listener_open(name, NULL);
    cr_assert_not_null(l, "%s", furrow_last_error()->text);
    cr_assert_str_eq(furrow_listener_address(l), name);
    c = furrow_client_open(name, NULL, ENDS_SOON);
    d = furrow_listener_accept(l, ENDS_SOON);
    cr_assert(c && d);
    cr_assert_str_eq(furrow_listener_last_accepted(l), "");
    furrow_connection_close(c);
    furrow_connection_close(d);
    furrow_listener_close(l);
}

Test(listener, any_name_and_any_port)
{
    furrow_listener *l = furrow_listener_open(NULL, NULL);
    furrow_listener *m = furrow_listener_open("127.0.0.1:0", NULL);
    int port = 0;

    cr_assert_eq(furrow_listener_address(l)[0], '@');
    cr_assert_gt(strlen(furrow_listener_address(l)), 1);
    cr_assert_eq(sscanf(furrow_listener_address(m), "127.0.0.1:%d", &port), 1);
    cr_assert_gt(port, 0);
    cr_assert_geq(furrow_listener_fileno(l), 3);
    furrow_listener_close(l);
    furrow_listener_close(m);
}

Test(listener, who_was_accepted_last)
{
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);
    furrow_connection *c =
        furrow_client_open(furrow_listener_address(l), NULL, ENDS_SOON);
    furrow_connection *d = furrow_listener_accept(l, ENDS_SOON);
    struct sockaddr_storage own;
    socklen_t size = sizeof own;
    int port = 0;

    cr_assert(c && d);
    cr_assert_eq(sscanf(furrow_listener_last_accepted(l), "127.0.0.1:%d", &port), 1);
    cr_assert_eq(
        getsockname(furrow_connection_fileno(c), (struct sockaddr *)&own, &size), 0);
    cr_assert_gt(port, 0);
    furrow_connection_close(c);
    furrow_connection_close(d);
    furrow_listener_close(l);
}

/* ---- paths -----------------------------------------------------------------------*/

Test(listener, its_path_goes_with_it)
{
    furrow_listener *l = furrow_listener_open(new_path(), NULL);
    struct stat status;

    cr_assert_str_eq(furrow_listener_address(l), new_path());
    cr_assert_eq(lstat(new_path(), &status), 0);
    cr_assert(S_ISSOCK(status.st_mode));
    furrow_listener_close(l);
    cr_assert_neq(lstat(new_path(), &status), 0);
}

Test(listener, another_ones_path_stays)
{
    furrow_listener *l = furrow_listener_open(new_path(), NULL), *other;
    struct stat status;

    cr_assert_eq(unlink(new_path()), 0);
    other = furrow_listener_open(new_path(), NULL);
    cr_assert_not_null(other);
    furrow_listener_close(l);
    cr_assert_eq(lstat(new_path(), &status), 0);
    furrow_listener_close(other);
    cr_assert_neq(lstat(new_path(), &status), 0);
}

static int close_it(void *arg)
{
    return furrow_listener_close(arg);
}

Test(listener, a_forked_child_does_not_remove_the_path)
{
    furrow_listener *l = furrow_listener_open(new_path(), NULL);
    struct stat status;

    cr_assert_eq(child_run(close_it, l), 0);
    cr_assert_eq(lstat(new_path(), &status), 0);
    furrow_listener_close(l);
}

/* ---- what is no address ----------------------------------------------------------*/

static void no_address(const char *address)
{
    cr_assert_null(furrow_listener_open(address, NULL), "%s", address);
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL, "%s: %s", address,
                 furrow_last_error()->text);
    cr_assert_null(furrow_client_open(address, NULL, 0), "%s", address);
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
}

/* CPython: TestInvalidFamily.test_invalid_family (fork) */
Test(listener, what_is_no_address)
{
    char path[200];

    no_address("");
    no_address("\\\\.\\test");
    no_address("nothing");
    no_address(":80");
    no_address("host:");
    no_address("host:http");
    no_address("host:65536");
    no_address("host:-1");
    no_address("@");
    no_address("unix:");
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    no_address(path);
    path[0] = '@';
    no_address(path);
}

Test(listener, where_nobody_listens)
{
    cr_assert_null(furrow_client_open("@furrow-nobody", NULL, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->os_error, ECONNREFUSED);
    cr_assert_null(furrow_client_open("/tmp/furrow/no/such", NULL, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
    cr_assert_null(furrow_client_open("127.0.0.1:1", NULL, ENDS_SOON));
    cr_assert_eq(furrow_last_error()->os_error, ECONNREFUSED);
    cr_assert_null(furrow_listener_open("/no/such/folder", NULL));
    cr_assert_eq(furrow_last_error()->os_error, ENOENT);
}

Test(listener, options_that_are_wrong)
{
    furrow_listener_options o[] = {{.digest = 4},
                                   {.digest = -1},
                                   {.backlog = -1},
                                   {.handshake = -1},
                                   {.authkey_size = 3}};
    furrow_client_options q = {.authkey_size = 3};

    for (size_t i = 0; i < sizeof o / sizeof *o; i++) {
        cr_assert_null(furrow_listener_open(NULL, &o[i]));
        cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
    }
    cr_assert_null(furrow_client_open("@x", &q, 0));
    cr_assert_eq(furrow_last_error()->code, FURROW_EINVAL);
}

Test(listener, a_failed_one_keeps_its_message)
{
    furrow_listener *l = furrow_listener_open("nothing", NULL);

    cr_assert_null(furrow_listener_accept(l, 0));
    cr_assert_null(furrow_listener_address(l));
    cr_assert_eq(furrow_listener_fileno(l), FURROW_EINVAL);
    ends_want(FURROW_EINVAL, "'nothing' is no address");
    cr_assert_str_eq(furrow_last_error()->function, "furrow_listener_open");
}

Test(listener, the_deadline_is_kept)
{
    furrow_listener_options o = {.authkey = "k", .authkey_size = 1};
    furrow_listener *l = furrow_listener_open(NULL, &o);
    double start = left_clock();

    cr_assert_null(furrow_listener_accept(l, 0));
    ends_want(FURROW_ETIME, "no client has come in");
    cr_assert_null(furrow_listener_accept(l, furrow_in(0.05)));
    cr_assert_eq(furrow_last_error()->code, FURROW_ETIME);
    cr_assert_geq(left_clock() - start, 0.05);
    furrow_listener_close(l);
}

/* A full table of files is told; the client waits and is let in later. */
static int accept_with_a_full_table(void *arg)
{
    furrow_listener *l = furrow_listener_open(NULL, NULL);
    furrow_connection *c =
        furrow_client_open(furrow_listener_address(l), NULL, ENDS_SOON);
    int fill[256], filled = 0;

    (void)arg;
    child_want(l && c);
    child_want(setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200}) == 0);
    while (filled < 256 && (fill[filled] = dup(0)) >= 0)
        filled++;
    child_want(!furrow_listener_accept(l, ENDS_SOON));
    child_want(furrow_last_error()->code == FURROW_EOS);
    child_want(furrow_last_error()->os_error == EMFILE);
    close(fill[--filled]);
    child_want(furrow_listener_accept(l, ENDS_SOON) != NULL);
    return 0;
}

Test(listener, no_room_for_a_client)
{
    cr_assert_eq(child_run(accept_with_a_full_table, NULL), 0);
}
