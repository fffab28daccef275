# `cmake --install`: the library, its headers, the programs and what find_package(Inkling) reads.
include(CMakePackageConfigHelpers)

install(TARGETS ${INK_LIBRARIES} EXPORT InklingTargets COMPONENT library ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(room IN LISTS INK_ROOMS)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room} COMPONENT library
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/inkling FILES_MATCHING PATTERN "*.h")
endforeach()
foreach(app IN LISTS INK_APPS)
  cmake_path(GET app STEM name)
  install(TARGETS ${name} COMPONENT programs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Inkling)
install(EXPORT InklingTargets NAMESPACE Inkling:: DESTINATION ${package_dir} COMPONENT library)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/InklingConfig.cmake.in ${PROJECT_BINARY_DIR}/InklingConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/InklingConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/InklingConfig.cmake ${PROJECT_BINARY_DIR}/InklingConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT library)
