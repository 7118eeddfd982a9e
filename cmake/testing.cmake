# SPDX-License-Identifier: MIT
#
# Tests link the static library, whose internal functions they may call. A test never
# lasts: every ctest has a TIMEOUT. Where workers are pinned, or memory or time is measured,
# suites run one after another (-j1 within a suite): that does not mix with neighbours. The
# others, of objects between processes, run side by side.
set(FURROW_TEST_SECONDS 120)
set(FURROW_CASE_SECONDS 60) # one test of a suite
if(FURROW_SANITIZE)
    set(FURROW_TEST_SECONDS 300)
elseif(FURROW_EMULATOR)
    set(FURROW_TEST_SECONDS 1200)
    set(FURROW_CASE_SECONDS 400)
endif()

# A program that may execute programs: under an emulator, by that one.
function(furrow_emulated target)
    if(FURROW_EMULATOR)
        target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/emulated/exec.c)
        list(JOIN FURROW_EMULATOR "|" emulator)
        target_compile_definitions(${target} PRIVATE FURROW_EMULATOR="${emulator}")
    endif()
endfunction()

function(furrow_test_target target)
    add_executable(${target} ${ARGN} ${CMAKE_SOURCE_DIR}/tests/boot.c)
    target_link_libraries(${target} PRIVATE furrow_options furrow_static
        PkgConfig::HWLOC Threads::Threads m)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(${target} PRIVATE
        FURROW_SOURCE_DIR="${CMAKE_SOURCE_DIR}" FURROW_BINARY_DIR="${CMAKE_BINARY_DIR}"
        FURROW_CASE_SECONDS=${FURROW_CASE_SECONDS})
    furrow_emulated(${target})
endfunction()

function(furrow_test_add name target start)
    add_test(NAME ${name} COMMAND ${target} ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${FURROW_TEST_SECONDS}
        RUN_SERIAL ON SKIP_RETURN_CODE 77)
    if(start)
        set_tests_properties(${name} PROPERTIES ENVIRONMENT "FURROW_START=${start}")
    endif()
endfunction()

# Which start methods the suites of which room run under: a line per room, for docs.cases.
set(FURROW_ROOMS ${CMAKE_BINARY_DIR}/rooms.txt)
file(WRITE ${FURROW_ROOMS} "")

# Criterion suites of one room, once for each start method in `starts`; but the nouns that
# follow start nobody, or always processes, and run once.
function(furrow_suites room starts)
    set(serial ON)
    if(room MATCHES "^(sync|process|shared|exchange|connect|manager)$")
        set(serial OFF)
    endif()
    list(JOIN starts " " said)
    file(APPEND ${FURROW_ROOMS} "${room} ${said}\n")
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/test_*.c)
    foreach(source ${sources})
        get_filename_component(noun ${source} NAME_WE)
        string(REPLACE "test_" "" noun ${noun})
        set(target test_${room}_${noun})
        furrow_test_target(${target} ${source})
        target_link_libraries(${target} PRIVATE PkgConfig::CRITERION)
        if(starts AND NOT noun IN_LIST ARGN)
            foreach(start ${starts})
                furrow_test_add(${room}.${noun}.${start} ${target} ${start} -j1
                    --timeout ${FURROW_CASE_SECONDS})
                set_tests_properties(${room}.${noun}.${start} PROPERTIES
                    RUN_SERIAL ${serial})
            endforeach()
        else()
            furrow_test_add(${room}.${noun} ${target} "" -j1
                --timeout ${FURROW_CASE_SECONDS})
        endif()
    endforeach()
endfunction()

# Plain executables. Those whose name begins with kill_ or stop_ do that to processes, those
# with scribble_ to memory; a child forked from a threaded program is nothing that TSan can
# follow, so they stay out.
function(furrow_stress starts)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/stress/*.c)
    foreach(source ${sources})
        get_filename_component(noun ${source} NAME_WE)
        furrow_test_target(${noun} ${source})
        if(noun MATCHES "^(kill|stop|scribble)_")
            if(NOT FURROW_SANITIZE STREQUAL "thread")
                furrow_test_add(stress.${noun} ${noun} fork)
            endif()
        else()
            foreach(start ${starts})
                furrow_test_add(stress.${noun}.${start} ${noun} ${start})
            endforeach()
        endif()
    endforeach()
endfunction()

# The same executables, for FURROW_SOAK_MINUTES each: only under the label soak, which the
# normal run leaves out. Without the variable they are skipped.
function(furrow_soak)
    foreach(target ${ARGN})
        furrow_test_add(soak.${target} ${target} "" soak)
        set_tests_properties(soak.${target} PROPERTIES LABELS soak TIMEOUT 100000)
    endforeach()
endfunction()
