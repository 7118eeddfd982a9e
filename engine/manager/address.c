/* SPDX-License-Identifier: MIT
 *
 * From text to an address, and there.
 *
 * Of several addresses one is tried after the other. Each gets an equal share of the time
 * that is left, the last all of it: with all that is left for each, the first that is
 * silent (behind a firewall, or of a family that is not routed) would leave nothing for
 * the one that answers; and what those that refuse at once have not used goes to the
 * others. Without a deadline the system's patience with each is the share.
 */
#include "address.h"

#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MOST = 255, ABSTRACT_MOST = 107 };

const char *fw_address_path(const char *text)
{
    if (!text)
        return NULL;
    if (strncmp(text, "unix:", 5) == 0)
        return text + 5;
    return text[0] == '/' || text[0] == '.' ? text : NULL;
}

static int parse_path(const char *path, fw_socket_address *out)
{
    if (!path[0])
        return fw_fail(FURROW_EINVAL, "the path of the address is empty");
    if (fw_os_socket_local(path, strlen(path), out) < 0)
        return fw_fail(FURROW_EINVAL,
                       "the path of a local socket has up to 107 characters, not %zu",
                       strlen(path));
    return 0;
}

static int parse_abstract(const char *name, fw_socket_address *out)
{
    char bytes[ABSTRACT_MOST + 1] = "";
    size_t size = strlen(name);

    if (size == 0 || size >= ABSTRACT_MOST)
        return fw_fail(FURROW_EINVAL,
                       "an abstract name has 1 to %d characters, not %zu",
                       ABSTRACT_MOST - 1, size);
    memcpy(bytes + 1, name, size);
    return fw_os_socket_local(bytes, size + 1, out);
}

static int is_port(const char *text)
{
    return text[0] && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5 &&
           atoi(text) < 65536;
}

/* "host:port" or "[host]:port" */
static int parse_inet(const char *text, fw_addresses *out)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    char host[HOST_MOST + 1];

    if (!colon || size == 0 || size > HOST_MOST || !is_port(colon + 1))
        return fw_fail(FURROW_EINVAL,
                       "'%.80s' is no address: \"/path\", \"@name\" or \"host:port\"",
                       text);
    if (text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    out->count = fw_os_socket_inet(host, colon + 1, out->at, FW_ADDRESSES);
    if (out->count < 0)
        return fw_fail_os(ENOENT, "the host '%.80s' is not known", host);
    return 0;
}

int fw_address_parse(const char *text, fw_addresses *out)
{
    const char *path = fw_address_path(text);

    out->count = 1;
    if (!text)
        return fw_os_socket_local("", 0, out->at);
    if (path)
        return parse_path(path, out->at);
    return text[0] == '@' ? parse_abstract(text + 1, out->at) : parse_inet(text, out);
}

/* ---- there -----------------------------------------------------------------------*/

/* By when the first of so many is to answer. */
static int64_t share(int64_t until, int of)
{
    int64_t now = furrow_in(0);

    return until == FURROW_FOREVER || until <= now ? until : now + (until - now) / of;
}

/* That this machine cannot reach an address does not hide what another one answered. */
static int no_way(int rc)
{
    return rc == -ENETUNREACH || rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT;
}

int fw_address_connect(const fw_addresses *a, int64_t until)
{
    int told = 0;

    for (int i = 0; i < a->count; i++) {
        int rc = fw_os_socket_connect(&a->at[i], share(until, a->count - i));

        if (rc >= 0)
            return rc;
        if (!told || !no_way(rc))
            told = rc;
    }
    return told;
}
