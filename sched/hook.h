/* SPDX-License-Identifier: MIT
 *
 * What is called when this process ends.
 */
#ifndef FW_HOOK_H
#define FW_HOOK_H

void fw_hooks_run(void);    /* the last one first; each once */
void fw_hooks_forget(void); /* in a fresh child */

#endif
