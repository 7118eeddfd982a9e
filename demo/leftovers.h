/* SPDX-License-Identifier: MIT
 *
 * What a program may leave behind: child processes and open files.
 */
#ifndef DEMO_LEFTOVERS_H
#define DEMO_LEFTOVERS_H

#include "demo.h"

/* How many files this process has open now. */
size_t leftovers_files(void);

/* Check that no more are open than before, and that there is no child process. */
void leftovers_check(demo *d, size_t files_before);

#endif
