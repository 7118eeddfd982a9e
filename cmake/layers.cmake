# SPDX-License-Identifier: MIT
#
# furrow_layer(NAME [BELOW layer] [PRIVATE libraries...]): the room of this folder. Its
# include path is its own folder and those of the layers below it, so that an upward
# include does not compile. Every .c file in the folder belongs to it, but for cpu_*.c
# files of other instruction sets.
set(FURROW_CPU generic)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(FURROW_CPU x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(FURROW_CPU aarch64)
endif()

function(furrow_layer name)
    cmake_parse_arguments(L "" "BELOW" "PRIVATE" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    set(own ${CMAKE_CURRENT_SOURCE_DIR}/cpu_${FURROW_CPU}.c)
    list(FIND sources ${own} has_own)
    list(FILTER sources EXCLUDE REGEX "/cpu_[a-z0-9]+\\.c$")
    if(has_own GREATER_EQUAL 0)
        list(APPEND sources ${own})
    endif()
    add_library(furrow_${name} OBJECT ${sources})
    set_target_properties(furrow_${name} PROPERTIES
        POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
    target_include_directories(furrow_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(furrow_${name} PRIVATE furrow_options ${L_PRIVATE})
    if(L_BELOW)
        target_include_directories(furrow_${name} PUBLIC
            $<TARGET_PROPERTY:furrow_${L_BELOW},INTERFACE_INCLUDE_DIRECTORIES>)
    endif()
endfunction()
