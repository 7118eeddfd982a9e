/* SPDX-License-Identifier: MIT
 *
 * What a test program and QEMU's plugin agree on.
 */
#ifndef EMULATED_KERNEL_H
#define EMULATED_KERNEL_H

/* The fifth argument of madvise(): the fourth is the address of an int that gets the
 * host's errno. Nobody else passes as many. */
#define EMULATED_TELL 0x6675727265756c21

#endif
