/* SPDX-License-Identifier: MIT
 *
 * Which start method is meant.
 */
#ifndef FW_CONTEXT_H
#define FW_CONTEXT_H

#include "furrow_process.h"

/* The method of a process whose options say `wanted`. Negative: FURROW_START of the
 * environment is not known. */
int fw_context_choose(furrow_start wanted);

/* What was set, or 0; for a child to have it too. */
furrow_start fw_context_chosen(void);
void fw_context_inherit(furrow_start method);

#endif
