/* SPDX-License-Identifier: MIT
 *
 * A progress bar for long calls, on a terminal only. FURROW_PROGRESS=0 switches it off,
 * =1 forces it.
 */
#ifndef DEMO_PROGRESS_H
#define DEMO_PROGRESS_H

#include <furrow.h>

/* furrow_map() with a bar while it runs. */
int progress_map(furrow_pool *pool, const furrow_call *call, const char *label);

/* Wait for the future until it is done or the deadline passes, with a bar meanwhile.
 * Returns what furrow_future_wait() does. */
int progress_wait(furrow_future *future, furrow_deadline deadline, const char *label);

#endif
