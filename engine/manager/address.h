/* SPDX-License-Identifier: MIT
 *
 * Addresses as text.
 */
#ifndef FW_ADDRESS_H
#define FW_ADDRESS_H

#include "furrow_manager.h"
#include "os_socket.h"

enum { FW_ADDRESSES = 16 };

/* Where a text leads to: a host's name may have several addresses, in the order in which
 * they are to be tried. */
typedef struct fw_addresses {
    fw_socket_address at[FW_ADDRESSES];
    int count;
} fw_addresses;

/* What the text says; NULL: a local one that the system chooses. FURROW_EINVAL when it
 * is none, FURROW_EOS when its host is not known. */
int fw_address_parse(const char *text, fw_addresses *out);

/* Connect to the first that takes us by `until`: the fd, or what the last one failed with,
 * as fw_os_socket_connect() says it. */
int fw_address_connect(const fw_addresses *a, int64_t until);

/* The path of a local address, or NULL. */
const char *fw_address_path(const char *text);

#endif
