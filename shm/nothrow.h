/* SPDX-License-Identifier: MIT
 *
 * The program's functions that the library calls must not leave by an exception: a forked
 * worker is a copy of its caller, stack and all, and a `try` around the caller's code would
 * catch it there, so that the worker went on as the program. No frame that says
 * fw_nothrow_frame() is unwound by one. Whoever raised it is told so before anything has been
 * unwound, and ends the process as he does where nobody catches: C++ calls
 * std::terminate(). The end of a thread (pthread_exit, a cancellation) goes through.
 */
#ifndef FW_NOTHROW_H
#define FW_NOTHROW_H

/* In a function's body: names its personality routine (Itanium C++ ABI, Level I). 0x1b: by
 * its distance, in four bytes. */
static inline __attribute__((always_inline)) void fw_nothrow_frame(void)
{
    __asm__ volatile(".cfi_personality 0x1b, fw_nothrow_personality");
}

#endif
