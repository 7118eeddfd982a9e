#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh prefix | pkgconfig LANGUAGE KIND | package LANGUAGE KIND
#
# `prefix` installs the build in $BUILD into a scratch prefix and moves it elsewhere, for
# a package must not remember where it was put first. The others build the axpy program
# (LANGUAGE: c or cxx; manager: a program of libfurrow_manager) against what lies there (KIND: shared or static), by pkg-config or
# by CMake's find_package, run it and look at its sum. 77 means: not possible here.
set -eu
: "${SOURCE:?the source tree}" "${BUILD:?the build tree}"
stage=$BUILD/scratch-install
prefix=$stage/moved

skip()
{
    echo "skipped: $*"
    exit 77
}

install_prefix()
{
    rm -rf "$stage"
    cmake --install "$BUILD" --prefix "$stage/first"
    mv "$stage/first" "$prefix"
    for file in include/furrow/furrow.h include/furrow/furrow_sched.h \
        include/furrow/furrow_shm.h include/furrow/furrow_pipe.h \
        include/furrow/furrow_process.h include/furrow/furrow_queue.h \
        include/furrow/furrow_shared.h include/furrow/furrow_sync.h \
        libexec/furrow-worker; do
        [ -e "$prefix/$file" ] || { echo "$file is not installed"; exit 1; }
    done
    if grep -rlF "$stage/first" "$prefix"; then
        echo "the files above name the folder that they were installed to"
        exit 1
    fi
}

# program LANGUAGE: sets what the axpy program is and what compiles it strictly.
program()
{
    strict='-O3 -Wall -Wextra -Wpedantic -Werror'
    case $1 in
    manager) source=$SOURCE/tests/install/meet.c compiler="${CC:-cc} -std=gnu11 $strict" ;;
    c) source=$SOURCE/examples/axpy.c compiler="${CC:-cc} -std=c11 $strict" ;;
    cxx) source=$SOURCE/tests/install/axpy.cc compiler="${CXX:-c++} -std=c++17 $strict" ;;
    esac
    pc=furrow
    [ "$1" != manager ] || pc=furrow_manager
    [ "$1" != cxx ] || command -v "${CXX:-c++}" >/dev/null || skip "there is no C++ compiler"
}

# look PROGRAM KIND LANGUAGE: run it; is the sum right, and is the library where KIND says?
look()
{
    needs=no
    readelf -d "$1" | grep -q 'NEEDED.*libfurrow\.so\.' && needs=yes
    case $2$needs in
    sharedyes | staticno) ;;
    *) echo "$1: linked $2, and needs libfurrow.so: $needs"; exit 1 ;;
    esac
    said=$("$1")
    echo "$said"
    case $3 in
    c) expected=$(cat "$SOURCE/examples/expected/axpy.txt") ;;
    cxx) expected='sum(y) = 524288' ;;
    manager) expected=met ;;
    esac
    [ "$said" = "$expected" ] ||
        { echo "expected: $expected"; exit 1; }
}

by_pkgconfig()
{
    program "$1"
    file=$(find "$prefix" -name furrow.pc)
    export PKG_CONFIG_PATH="${file%/*}"
    libs=$(pkg-config --libs "$pc")
    if [ "$2" = static ]; then
        libs=$(pkg-config --static --libs "$pc" |
            sed 's/-l\(furrow[a-z_]*\)/-l:lib\1.a/g')
        echo 'int main(void) { return 0; }' >"$stage/empty.c"
        # shellcheck disable=SC2046
        ${CC:-cc} "$stage/empty.c" -o "$stage/empty" \
            $(pkg-config --static --libs hwloc) 2>/dev/null ||
            skip "what hwloc needs for static linking is not installed (libudev-dev)"
    fi
    out=$stage/pkgconfig-$1-$2
    # shellcheck disable=SC2046,SC2086
    $compiler $(pkg-config --cflags "$pc") "$source" -o "$out" $libs
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir furrow)
    export LD_LIBRARY_PATH
    look "$out" "$2" "$1"
}

by_package()
{
    program "$1"
    components=
    link=furrow::furrow
    [ "$2" = shared ] || components=static link=furrow::static
    case $1$2 in
    managershared) components=manager link=furrow::manager ;;
    managerstatic) components='static;manager' link=furrow::manager_static ;;
    esac
    out=$stage/package-$1-$2
    rm -rf "$out"
    {
        cmake -S "$SOURCE/tests/install/consumer" -B "$out" -G Ninja \
            -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" \
            -DSOURCE="$source" -DLINK="$link" -DCOMPONENTS="$components" &&
            cmake --build "$out"
    } >"$out.log" 2>&1 || { cat "$out.log" && exit 1; }
    look "$out/consumer" "$2" "$1"
}

case $1 in
prefix) install_prefix ;;
pkgconfig) by_pkgconfig "$2" "$3" ;;
package) by_package "$2" "$3" ;;
*) echo "what is $1?" && exit 1 ;;
esac
