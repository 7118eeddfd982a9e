/* SPDX-License-Identifier: MIT
 *
 * hog.h - a process that keeps one CPU half busy.
 */
#ifndef BENCH_HOG_H
#define BENCH_HOG_H

/* Returns its process id, or -1 with a sentence. It ends with this process. */
int bench_hog_start(int cpu);
void bench_hog_end(int pid);

#endif
