/* SPDX-License-Identifier: MIT
 *
 * From text to an address.
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
static int parse_inet(const char *text, fw_socket_address *out)
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
    if (fw_os_socket_inet(host, colon + 1, out) < 0)
        return fw_fail_os(ENOENT, "the host '%.80s' is not known", host);
    return 0;
}

int fw_address_parse(const char *text, fw_socket_address *out)
{
    const char *path = fw_address_path(text);

    if (!text)
        return fw_os_socket_local("", 0, out);
    if (path)
        return parse_path(path, out);
    return text[0] == '@' ? parse_abstract(text + 1, out) : parse_inet(text, out);
}
