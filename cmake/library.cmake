# SPDX-License-Identifier: MIT
#
# libfurrow, shared and static, from the objects of the three layers, and its packages.
set(FURROW_ABI 0)
set(layers $<TARGET_OBJECTS:furrow_shm> $<TARGET_OBJECTS:furrow_sched>
    $<TARGET_OBJECTS:furrow_engine>)
set(headers shm/furrow_shm.h sched/furrow_sched.h engine/furrow.h)

add_library(furrow SHARED ${layers})
set_target_properties(furrow PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${FURROW_ABI}
    LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/furrow.map)
target_link_options(furrow PRIVATE
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/furrow.map)
if(NOT FURROW_SANITIZE)
    target_link_options(furrow PRIVATE -Wl,--no-undefined)
endif()

add_library(furrow_static STATIC ${layers})
set_target_properties(furrow_static PROPERTIES OUTPUT_NAME furrow)

foreach(lib furrow furrow_static)
    target_include_directories(${lib} PUBLIC
        $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/shm>
        $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/sched>
        $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/engine>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/furrow>)
    target_link_libraries(${lib} PRIVATE $<BUILD_INTERFACE:furrow_options>
        $<BUILD_INTERFACE:PkgConfig::HWLOC> Threads::Threads)
endforeach()
target_link_libraries(furrow PRIVATE m)
target_link_libraries(furrow_static PRIVATE m)
