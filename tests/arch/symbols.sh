# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# Laws of the built library, $BUILD/libfurrow.{so,a}.

# defined LIBRARY [NM-OPTION...]: the names that it defines for others.
defined()
{
    library=$1
    shift
    nm --defined-only -g "$@" "$library" |
        awk 'NF == 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

# declared TREE [HEADER]: every function that the public headers declare.
declared()
{
    ${CC:-cc} -E -P -I"$1/shm" -I"$1/sched" "$1/${2:-engine/furrow.h}" |
        grep -oE '(^|[ *])furrow_[a-z0-9_]+ *\(' | tr -d ' *(' | sort -u
}

# What libfurrow.so exports is the public headers' functions, all of them, and no more; but
# for what libfurrow_manager takes, under a version of its own.
check_exports()
{
    nm --defined-only -gD "$2/libfurrow.so" | grep -v '@@FURROW_PRIVATE$' |
        awk 'NF == 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u \
        >"$scratch/exported"
    declared "$1" >"$scratch/declared"
    comm -13 "$scratch/exported" "$scratch/declared" |
        sed 's/$/: declared in a public header, not exported/'
    comm -23 "$scratch/exported" "$scratch/declared" |
        sed 's/$/: exported, not declared in a public header/'
}
plant_exports() # a declaration without its function
{
    printf 'int furrow_planted(int a);\n' >>"$1/sched/furrow_sched.h"
}
plant_exports_2() # a function without its declaration
{
    echo 'int furrow_planted(void) { return 0; }' >"$scratch/planted.c"
    ${CC:-cc} -shared -o "$2/libfurrow.so" "$scratch/planted.c"
}

# The same of libfurrow_manager.so, which needs libcrypto and libfurrow.
check_manager()
{
    defined "$2/libfurrow_manager.so" -D >"$scratch/exported"
    declared "$1" shm/furrow_pipe.h >"$scratch/below"
    declared "$1" engine/manager/furrow_manager.h | comm -23 - "$scratch/below" \
        >"$scratch/declared"
    comm -3 "$scratch/exported" "$scratch/declared" |
        sed 's/$/: exported and not declared, or the other way round/'
    readelf -d "$2/libfurrow_manager.so" | grep 'NEEDED' |
        grep -vE '\[(libfurrow|libcrypto|libc|ld-linux[^]]*)\.so' |
        sed 's/.*\[/needed: /; s/\]//'
    defined "$2/libfurrow_manager.a" | grep -vE '^(furrow|fw)_' |
        sed 's/$/: a global name without furrow_ or fw_/' || :
}
plant_manager()
{
    printf 'int furrow_planted(int a);\n' >>"$1/engine/manager/furrow_manager.h"
}

# In the static library every name that others could collide with is ours.
check_names()
{
    defined "$2/libfurrow.a" | grep -vE '^(furrow|fw)_' |
        sed 's/$/: a global name without furrow_ or fw_/' || :
}
plant_names()
{
    echo 'int planted_name;' >"$scratch/planted.c"
    ${CC:-cc} -c "$scratch/planted.c" -o "$scratch/planted.o"
    ar r "$2/libfurrow.a" "$scratch/planted.o"
}

# The SONAME carries the ABI's number; nothing is needed but hwloc and the C library.
check_needed()
{
    readelf -d "$2/libfurrow.so" >"$scratch/dynamic"
    grep -q 'SONAME.*\[libfurrow\.so\.[0-9]*\]' "$scratch/dynamic" ||
        echo "libfurrow.so: no SONAME of the form libfurrow.so.N"
    grep 'NEEDED' "$scratch/dynamic" | grep -vE '\[(libhwloc|libc|libm|ld-linux[^]]*)\.so' |
        sed 's/.*\[/needed: /; s/\]//'
    grep -E '(RPATH|RUNPATH)' "$scratch/dynamic" | sed 's/.*(/libfurrow.so has a (/' || :
}
plant_needed() # another library is needed
{
    echo 'int planted;' >"$scratch/planted.c"
    ${CC:-cc} -shared -o "$scratch/libplanted.so" "$scratch/planted.c"
    ${CC:-cc} -shared -Wl,-soname,libfurrow.so.0 -Wl,--no-as-needed \
        -o "$2/libfurrow.so" "$scratch/libplanted.so"
}
plant_needed_2() # no SONAME
{
    echo 'int planted;' >"$scratch/planted.c"
    ${CC:-cc} -shared -o "$2/libfurrow.so" "$scratch/planted.c"
}
