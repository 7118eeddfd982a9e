# SPDX-License-Identifier: MIT
#
# libfurrow, shared and static, from the objects of the three layers.
set(FURROW_ABI 0) # the SONAME's number: goes up when a program must be built again
set(layers $<TARGET_OBJECTS:furrow_shm> $<TARGET_OBJECTS:furrow_sched>
    $<TARGET_OBJECTS:furrow_engine>)
set(headers
    shm/furrow_shm.h
    shm/furrow_sync.h
    shm/furrow_queue.h
    shm/furrow_pipe.h
    shm/furrow_shared.h
    sched/furrow_sched.h
    sched/furrow_process.h
    engine/furrow.h)

add_library(furrow SHARED ${layers})
add_library(furrow::furrow ALIAS furrow)
set(map ${PROJECT_SOURCE_DIR}/cmake/furrow.map)
set_target_properties(furrow PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${FURROW_ABI}
    LINK_DEPENDS ${map})
target_link_options(furrow PRIVATE -Wl,--version-script=${map})
if(NOT FURROW_SANITIZE)
    target_link_options(furrow PRIVATE -Wl,--no-undefined)
endif()

add_library(furrow_static STATIC ${layers})
add_library(furrow::static ALIAS furrow_static)
set_target_properties(furrow_static PROPERTIES OUTPUT_NAME furrow EXPORT_NAME static)

# A program that links the static library needs hwloc itself: furrowConfig.cmake finds it
# under a name of its own.
foreach(lib furrow furrow_static)
    target_include_directories(${lib} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/shm>
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sched>
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/engine>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/furrow>)
    target_link_libraries(${lib} PRIVATE $<BUILD_INTERFACE:furrow_options>
        $<BUILD_INTERFACE:PkgConfig::HWLOC> Threads::Threads m)
endforeach()
target_link_libraries(furrow_static PRIVATE
    $<INSTALL_INTERFACE:PkgConfig::FURROW_HWLOC>)

# Run in place of programs that cannot be run anew.
add_executable(furrow-worker ${PROJECT_SOURCE_DIR}/sched/helper/furrow_worker.c)
target_link_libraries(furrow-worker PRIVATE furrow_options furrow)
