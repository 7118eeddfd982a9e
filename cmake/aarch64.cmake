# SPDX-License-Identifier: MIT
#
# For aarch64 on another machine: Debian's cross compiler, the arm64 libraries that
# cmake/sysroot.sh unpacks under build/, and QEMU's user mode to run what is built.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64
    ABSOLUTE)
if(NOT EXISTS ${CMAKE_SYSROOT})
    message(FATAL_ERROR "first: cmake/sysroot.sh ${CMAKE_SYSROOT}")
endif()

foreach(what LIBRARY INCLUDE PACKAGE)
    set(CMAKE_FIND_ROOT_PATH_MODE_${what} ONLY)
endforeach()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})

find_program(FURROW_QEMU NAMES qemu-aarch64 qemu-aarch64-static REQUIRED)
set(FURROW_EMULATED_KERNEL ${CMAKE_CURRENT_LIST_DIR}/../build/emulated-kernel.so)
get_filename_component(FURROW_EMULATED_KERNEL ${FURROW_EMULATED_KERNEL} ABSOLUTE)
set(FURROW_EMULATOR ${FURROW_QEMU} -L ${CMAKE_SYSROOT} -plugin ${FURROW_EMULATED_KERNEL})
set(CMAKE_CROSSCOMPILING_EMULATOR # of the tests
    ${CMAKE_CURRENT_LIST_DIR}/../tests/emulated/run.sh ${FURROW_EMULATOR} --)
