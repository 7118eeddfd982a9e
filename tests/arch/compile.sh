# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Laws that a compiler judges. The include paths are those of the build: $BUILD/arch/*.inc
# holds one folder a line for each layer, as CMake gave them to it. TREE is where the
# headers are.

# compile LAYER FILE BUILD: does FILE compile with the layer's include path?
compile()
{
    flags=$(sed 's/^/-I/' "$3/arch/$1.inc")
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only $flags "$2" 2>&1
}

# includes HEADER: a C file that includes it and nothing else.
includes()
{
    printf '#include "%s"\ntypedef int nothing_else;\n' "$1" >"$scratch/include.c"
}

# A header of a layer above is out of reach; those of the layers below are not.
check_upward()
{
    set -- "$@" shm:furrow_shm.h sched:furrow_shm.h sched:furrow_sched.h \
        engine:furrow_shm.h engine:furrow_sched.h engine:furrow.h
    [ ! -e "$2/arch/manager.inc" ] || set -- "$@" manager:furrow.h manager:furrow_manager.h
    build=$2
    shift 2
    for reach in "$@"; do
        includes "${reach#*:}"
        compile "${reach%:*}" "$scratch/include.c" "$build" >/dev/null ||
            echo "${reach%:*} cannot include ${reach#*:}"
    done
    for reach in shm:furrow_sched.h shm:furrow.h sched:furrow.h engine:furrow_manager.h; do
        includes "${reach#*:}"
        said=$(compile "${reach%:*}" "$scratch/include.c" "$build") &&
            echo "${reach%:*} can include ${reach#*:}, of a layer above" && continue
        case $said in
        *"${reach#*:}: No such file"* | *"'${reach#*:}' file not found"*) ;;
        *) echo "${reach%:*} includes ${reach#*:} and fails otherwise: $said" ;;
        esac
    done
}
plant_upward() # the build's include paths, with sched's folder in shm's
{
    cat "$2/arch/sched.inc" >>"$2/arch/shm.inc"
}

# Every header compiles alone.
check_headers()
{
    for room in shm sched engine engine/manager; do
        [ -e "$2/arch/${room##*/}.inc" ] || continue
        for header in "$1/$room"/*.h; do
            [ -e "$header" ] || continue
            includes "$header"
            compile "${room##*/}" "$scratch/include.c" "$2" >"$scratch/said" ||
                { echo "$room/${header##*/} does not compile alone:"; head -n 3 "$scratch/said"; }
        done
    done
}
plant_headers()
{
    printf 'size_t planted(no_such_type x);\n' >>"$1/sched/furrow_sched.h"
}
