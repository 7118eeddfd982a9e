/* SPDX-License-Identifier: MIT
 *
 * Hosts of several addresses: in which order they are tried, for how long, and what is told.
 *
 * Which machine a name leads to is this program's own affair: its getaddrinfo() knows hosts
 * under ".test", and asks the system for all others. Its system gives up a connection at once
 * where a test says so, and not after minutes.
 */
#include "address.h"
#include "connect/ends.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/syscall.h>

/* The hosts, and their addresses in the order in which the system gives them. */
static const char *const hosts[][8] = {
    {"both.test", "::1", "127.0.0.1"},
    {"two.test", "127.0.0.2", "127.0.0.1"},
    {"many.test", "2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1",
     "192.0.2.2"},
    {"four.test", "192.0.2.1", "192.0.2.2", "2001:db8::1"}};
static int given; /* lists that are not free yet */

static struct addrinfo *entry(const char *text, const char *port)
{
    struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_in6));
    struct sockaddr_in6 *six = (void *)(a + 1);
    struct sockaddr_in *four = (void *)(a + 1);

    a->ai_addr = (void *)(a + 1);
    a->ai_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    a->ai_addr->sa_family = (sa_family_t)a->ai_family;
    a->ai_addrlen = a->ai_family == AF_INET6 ? sizeof *six : sizeof *four;
    four->sin_port = htons((uint16_t)atoi(port)); /* where the other has it, too */
    inet_pton(a->ai_family, text,
              a->ai_family == AF_INET6 ? (void *)&six->sin6_addr : &four->sin_addr);
    return a;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *,
                struct addrinfo **);

    for (size_t i = 0; host && i < sizeof hosts / sizeof *hosts; i++) {
        if (strcmp(host, hosts[i][0]) != 0)
            continue;
        given++;
        for (int k = 1; hosts[i][k]; k++, out = &(*out)->ai_next)
            *out = entry(hosts[i][k], port);
        return 0;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host, port, hints, out);
}

void freeaddrinfo(struct addrinfo *a)
{
    void (*real)(struct addrinfo *);

    if (a->ai_addr != (void *)(a + 1) || !given) {
        *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
        real(a);
        return;
    }
    for (struct addrinfo *next; a; a = next) {
        next = a->ai_next;
        free(a);
    }
    given--;
}

static int
    given_up; /* what a connection has failed with, as the system says; 0: it has not */

int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    int rc = (int)syscall(SYS_getsockopt, fd, level, option, value, size);

    if (rc == 0 && level == SOL_SOCKET && option == SO_ERROR && given_up)
        *(int *)value = given_up;
    return rc;
}

/* ---- the order -------------------------------------------------------------------*/

static void want_order(const char *host, const char *const *want, int n)
{
    fw_socket_address a[8];
    char text[FW_SOCKET_TEXT];

    cr_assert_eq(fw_os_socket_inet(host, "80", a, 8), n);
    for (int i = 0; i < n; i++) {
        fw_os_socket_text(&a[i], text);
        cr_assert_str_eq(text, want[i]);
    }
    cr_assert_eq(given, 0);
}

/* The example of RFC 8305, section 4, in short. */
Test(address, families_take_turns)
{
    const char *const many[] = {"[2001:db8::1]:80", "192.0.2.1:80", "[2001:db8::2]:80",
                                "192.0.2.2:80", "[2001:db8::3]:80"};
    const char *const four[] = {"192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.2:80"};
    const char *const two[] = {"127.0.0.2:80", "127.0.0.1:80"};

    want_order("many.test", many, 5);
    want_order("four.test", four, 3);
    want_order("two.test", two, 2);
}

Test(address, no_more_than_there_is_room_for)
{
    fw_socket_address a[2];
    char text[FW_SOCKET_TEXT];

    cr_assert_eq(fw_os_socket_inet("many.test", "80", a, 2), 2);
    fw_os_socket_text(&a[1], text);
    cr_assert_str_eq(text, "192.0.2.1:80");
    cr_assert_eq(given, 0);
}

/* ---- one after the other ---------------------------------------------------------*/

/* At 127.0.0.1 alone; the name of it with another host. */
static furrow_listener *listener_for(const char *host, char name[64])
{
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);

    cr_assert_not_null(l, "%s", furrow_last_error()->text);
    snprintf(name, 64, "%s%s", host, strrchr(furrow_listener_address(l), ':'));
    return l;
}

static void want_connection(const char *host, furrow_deadline deadline)
{
    char name[64];
    left_mark before = left_now();
    furrow_listener *l = listener_for(host, name);
    furrow_connection *c = furrow_client_open(name, NULL, deadline), *d;

    cr_assert_not_null(c, "%s", furrow_last_error()->text);
    d = furrow_listener_accept(l, ENDS_SOON);
    cr_assert_not_null(d, "%s", furrow_last_error()->text);
    furrow_connection_close(c);
    furrow_connection_close(d);
    furrow_listener_close(l);
    cr_assert_eq(left_outside(&before, 0), 0);
}

Test(address, the_second_of_a_host_is_tried)
{
    want_connection("both.test", ENDS_SOON);
    want_connection("two.test", ENDS_SOON);
    want_connection("two.test", FURROW_FOREVER);
    want_connection("two.test", 0);
}

Test(address, nobody_at_any_of_a_host)
{
    char name[64];
    left_mark before = left_now();

    furrow_listener_close(listener_for("two.test", name));
    cr_assert_null(furrow_client_open(name, NULL, ENDS_SOON));
    ends_want(FURROW_EOS, "cannot connect to two.test");
    cr_assert_eq(furrow_last_error()->os_error, ECONNREFUSED);
    cr_assert_eq(left_outside(&before, 0), 0);
}

/* Its ETIMEDOUT is not that of the deadline, which has not passed, or is none. */
Test(address, what_the_system_gives_up_is_its_own_failure)
{
    const furrow_deadline until[] = {ENDS_SOON, FURROW_FOREVER};
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);

    given_up = ETIMEDOUT;
    for (int i = 0; i < 2; i++) {
        cr_assert_null(furrow_client_open(furrow_listener_address(l), NULL, until[i]));
        ends_want(FURROW_EOS, strerror(ETIMEDOUT));
        cr_assert_eq(furrow_last_error()->os_error, ETIMEDOUT);
    }
    given_up = 0;
    furrow_listener_close(l);
}

static fw_socket_address address_of(const furrow_listener *l)
{
    fw_addresses a;

    cr_assert_eq(fw_address_parse(furrow_listener_address(l), &a), 0);
    cr_assert_eq(a.count, 1);
    return a.at[0];
}

/* One that takes nobody, and refuses nobody: its queue is full. */
typedef struct silent_one {
    furrow_listener *l;
    fw_socket_address at;
    int fd[8], count;
} silent_one;

static silent_one silent_new(void)
{
    furrow_listener_options o = {.backlog = 1};
    silent_one s = {.l = furrow_listener_open(NULL, &o)};

    s.at = address_of(s.l);
    while (s.count < 8 &&
           (s.fd[s.count] = fw_os_socket_connect(&s.at, furrow_in(0.05))) >= 0)
        s.count++;
    cr_assert_lt(s.count, 8);
    return s;
}

static void silent_free(silent_one *s)
{
    for (int i = 0; i < s->count; i++)
        close(s->fd[i]);
    furrow_listener_close(s->l);
}

/* A silent one leaves the half of the time to the other. */
Test(address, each_has_its_share_of_the_time)
{
    silent_one silent = silent_new();
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);
    fw_addresses a = {.at = {silent.at, address_of(l)}, .count = 2};
    double start = left_clock();
    int fd = fw_address_connect(&a, furrow_in(2));

    cr_assert_geq(fd, 0);
    cr_assert_geq(left_clock() - start, 1);
    cr_assert_lt(left_clock() - start, 2);
    close(fd);
    furrow_listener_close(l);
    silent_free(&silent);
}

Test(address, the_last_has_all_that_is_left)
{
    silent_one silent = silent_new();
    fw_addresses a = {.at = {{0}, silent.at}, .count = 2};
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);
    double start = left_clock();

    a.at[0] = address_of(l);
    furrow_listener_close(l);
    cr_assert_lt(fw_address_connect(&a, furrow_in(0.2)), 0);
    cr_assert_geq(left_clock() - start, 0.2);
    silent_free(&silent);
}

/* A family that is not routed comes last, and is not what one wants to hear of. */
Test(address, what_cannot_be_reached_does_not_hide_who_refused)
{
    furrow_listener *l = furrow_listener_open("127.0.0.1:0", NULL);
    fw_addresses a = {.at = {address_of(l), address_of(l)}, .count = 2};

    furrow_listener_close(l);
    memset(a.at[1].bytes, 0xff, 2); /* of no family at all */
    cr_assert_eq(fw_address_connect(&a, ENDS_SOON), -ECONNREFUSED);
    a.at[0] = a.at[1];
    cr_assert_eq(fw_address_connect(&a, ENDS_SOON), -EAFNOSUPPORT);
}
