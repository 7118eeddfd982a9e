/* SPDX-License-Identifier: MIT
 *
 * Addresses as text.
 */
#ifndef FW_ADDRESS_H
#define FW_ADDRESS_H

#include "furrow_manager.h"
#include "os_socket.h"

/* What the text says; NULL: a local one that the system chooses. FURROW_EINVAL when it
 * is none, FURROW_EOS when its host is not known. */
int fw_address_parse(const char *text, fw_socket_address *out);

/* The path of a local address, or NULL. */
const char *fw_address_path(const char *text);

#endif
