# SPDX-License-Identifier: MIT
#
# libfurrow_manager, shared and static: what needs libcrypto, and nothing else does. Where
# that is missing it is left out.
pkg_check_modules(CRYPTO IMPORTED_TARGET libcrypto>=1.1.1)
if(NOT CRYPTO_FOUND)
    message(STATUS "furrow_manager is left out: there is no libcrypto (libssl-dev)")
    return()
endif()
add_subdirectory(engine/manager)
set(manager_headers engine/manager/furrow_manager.h)

add_library(manager SHARED $<TARGET_OBJECTS:furrow_manager>)
add_library(furrow::manager ALIAS manager)
set(map ${PROJECT_SOURCE_DIR}/cmake/furrow_manager.map)
set_target_properties(manager PROPERTIES VERSION ${PROJECT_VERSION}
    SOVERSION ${FURROW_ABI} LINK_DEPENDS ${map})
target_link_options(manager PRIVATE -Wl,--version-script=${map})
if(NOT FURROW_SANITIZE)
    target_link_options(manager PRIVATE -Wl,--no-undefined)
endif()
target_link_libraries(manager PUBLIC furrow)

add_library(manager_static STATIC $<TARGET_OBJECTS:furrow_manager>)
add_library(furrow::manager_static ALIAS manager_static)
target_link_libraries(manager_static PUBLIC furrow_static)
set_target_properties(manager_static PROPERTIES EXPORT_NAME manager_static)

foreach(lib manager manager_static)
    set_target_properties(${lib} PROPERTIES OUTPUT_NAME furrow_manager)
    target_include_directories(${lib} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/engine/manager>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/furrow>)
    target_link_libraries(${lib} PRIVATE $<BUILD_INTERFACE:furrow_options>
        $<BUILD_INTERFACE:PkgConfig::CRYPTO>)
endforeach()
target_link_libraries(manager_static PRIVATE $<INSTALL_INTERFACE:PkgConfig::FURROW_CRYPTO>)
