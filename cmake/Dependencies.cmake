# What Inkling takes from the system: a missing package stops here, with the command that installs it.

set(missing)

find_package(OpenMP COMPONENTS CXX QUIET)
if(NOT OpenMP_CXX_FOUND)
  list(APPEND missing OpenMP)
endif()

foreach(package IN ITEMS fmt ZLIB nlohmann_json CLI11)
  find_package(${package} QUIET)
  if(NOT ${package}_FOUND)
    list(APPEND missing ${package})
  endif()
endforeach()

# stb is a folder of headers: Debian has them in include/stb, others in include.
find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb)
mark_as_advanced(STB_INCLUDE_DIR)
if(STB_INCLUDE_DIR AND EXISTS ${STB_INCLUDE_DIR}/stb_image_write.h)
  add_library(stb::stb INTERFACE IMPORTED)
  target_include_directories(stb::stb INTERFACE ${STB_INCLUDE_DIR})
else()
  list(APPEND missing stb)
endif()

if(missing)
  list(JOIN missing ", " missing)
  message(FATAL_ERROR "Not found: ${missing}.\n"
          "`make` installs what is missing; `scripts/install_deps.sh --print build` prints the command.")
endif()
