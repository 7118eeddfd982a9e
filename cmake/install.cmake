# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts where: the shared library (component runtime); the static
# one, the public headers, the CMake package and the pkg-config file (component devel).
# Everything finds its neighbours by relative paths, so that the tree can be moved.
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/furrow)
set(runtime COMPONENT runtime)
set(devel COMPONENT devel)

install(TARGETS furrow EXPORT furrow
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ${runtime} NAMELINK_COMPONENT devel)
install(TARGETS furrow_static EXPORT furrow-static
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${devel})
file(RELATIVE_PATH to_lib ${CMAKE_INSTALL_FULL_LIBEXECDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(furrow-worker PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
install(TARGETS furrow-worker RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR} ${runtime})
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/furrow ${devel})

install(EXPORT furrow NAMESPACE furrow:: FILE furrowTargets.cmake
    DESTINATION ${package} ${devel})
install(EXPORT furrow-static NAMESPACE furrow:: FILE furrowStaticTargets.cmake
    DESTINATION ${package} ${devel})
configure_package_config_file(cmake/furrowConfig.cmake.in furrowConfig.cmake
    INSTALL_DESTINATION ${package})
write_basic_package_version_file(furrowConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/furrowConfig.cmake
    ${PROJECT_BINARY_DIR}/furrowConfigVersion.cmake DESTINATION ${package} ${devel})

# The prefix as seen from the folder of furrow.pc; only an absolute LIBDIR or INCLUDEDIR,
# which some distributions set, is written down as it is.
set(pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH FURROW_PC_UP ${pkgconfig} ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" FURROW_PC_UP "${FURROW_PC_UP}")
foreach(dir LIBDIR INCLUDEDIR)
    set(FURROW_PC_${dir} ${CMAKE_INSTALL_${dir}})
    if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${dir}})
        set(FURROW_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file(cmake/furrow.pc.in furrow.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/furrow.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    ${devel})

if(TARGET manager)
    install(TARGETS manager EXPORT furrow-manager
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ${runtime} NAMELINK_COMPONENT devel)
    install(TARGETS manager_static EXPORT furrow-manager-static
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} ${devel})
    install(FILES ${manager_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/furrow
        ${devel})
    install(EXPORT furrow-manager NAMESPACE furrow:: FILE furrowManagerTargets.cmake
        DESTINATION ${package} ${devel})
    install(EXPORT furrow-manager-static NAMESPACE furrow::
        FILE furrowManagerStaticTargets.cmake DESTINATION ${package} ${devel})
    configure_file(cmake/furrow_manager.pc.in furrow_manager.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/furrow_manager.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${devel})
endif()
