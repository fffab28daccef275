# Decides whether the product gets the CUDA backend: INK_WITH_CUDA (0 or 1) and INK_CUDA_REASON for the banner. The tests
# run the kernels through the emulator in any case.
include(CheckLanguage)

set(INK_CUDA_ARCH "" CACHE STRING "Compile the kernels for this chip (75, 86, ...); empty: the one at hand, else 80 and later")
# What nvcc needs to know beside the chip (CMake before 3.26 cannot ask it for C++20). No fast math: NaN, infinities and
# roundings are as on the CPU. (177: the tables of instances, which nobody names but [[gnu::used]] keeps.)
set(INK_NVCC_FLAGS -std=c++20 --expt-relaxed-constexpr -O3 --diag-suppress=177)

file(GLOB INK_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cuda/*.cu)
# The rungs of the ladder of chapter 11.
file(GLOB INK_GPU_LADDER CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/ladder/gpu/*.cu)

# Finds nvcc: INK_NVCC_VERSION, or INK_CUDA_REASON that says why there is none.
macro(ink_find_nvcc)
  if(NOT CMAKE_CUDA_COMPILER)
    find_program(INK_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATH_SUFFIXES bin PATHS /usr/local/cuda /opt/cuda)
    mark_as_advanced(INK_NVCC)
    if(INK_NVCC AND NOT DEFINED ENV{CUDACXX})
      set(ENV{CUDACXX} ${INK_NVCC})
    endif()
  endif()
  check_language(CUDA)
  if(NOT INK_NVCC AND NOT CMAKE_CUDA_COMPILER)
    set(INK_CUDA_REASON "no nvcc on this machine: programs run on the CPU")
  elseif(NOT CMAKE_CUDA_COMPILER)
    set(INK_CUDA_REASON "${INK_NVCC} does not work with this C++ compiler")
  else()
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE version ERROR_QUIET)
    string(REGEX MATCH "release ([0-9.]+)" version "${version}")
    set(INK_NVCC_VERSION ${CMAKE_MATCH_1})
    if(INK_NVCC_VERSION VERSION_LESS 12.0)
      set(INK_CUDA_REASON "nvcc ${INK_NVCC_VERSION} knows no C++20: CUDA 12 does")
    endif()
  endif()
endmacro()

# The chip to compile for: the first GPU of this machine, or every one since 2020 (PTX serves those after 80).
function(ink_choose_arch result)
  set(${result} 80 PARENT_SCOPE)
  find_program(INK_NVIDIA_SMI nvidia-smi)
  mark_as_advanced(INK_NVIDIA_SMI)
  if(INK_CUDA_ARCH)
    set(${result} ${INK_CUDA_ARCH} PARENT_SCOPE)
  elseif(INK_NVIDIA_SMI)
    execute_process(COMMAND ${INK_NVIDIA_SMI} --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_VARIABLE chips ERROR_QUIET)
    if(chips MATCHES "^([0-9]+)\\.([0-9]+)")
      set(${result} ${CMAKE_MATCH_1}${CMAKE_MATCH_2} PARENT_SCOPE)
    endif()
  endif()
endfunction()

set(INK_WITH_CUDA 0)
set(INK_CUDA_REASON)
if(INK_CUDA STREQUAL "OFF")
  set(INK_CUDA_REASON "switched off (INK_CUDA=OFF)")
elseif(INK_SANITIZE OR INK_COVERAGE)
  set(INK_CUDA_REASON "left out: the tests run the kernels on the CPU (INK_SANITIZE, INK_COVERAGE)")
else()
  ink_find_nvcc()
endif()

if(NOT INK_CUDA_REASON)
  ink_choose_arch(arch)
  set(CMAKE_CUDA_ARCHITECTURES ${arch})
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD_DEFAULT "")  # beside Clang CMake 3.25 would add a standard of its own
  find_package(CUDAToolkit REQUIRED)
  set(INK_WITH_CUDA 1)
  set(INK_CUDA_REASON "nvcc ${INK_NVCC_VERSION}, sm_${arch} and later")
elseif(INK_CUDA STREQUAL "ON")
  message(FATAL_ERROR "INK_CUDA=ON, but: ${INK_CUDA_REASON}")
endif()

# Adds the library `name` of kernels for a GPU, from the given sources. The runtime is linked statically, so that the
# programs start on a machine without a driver, and can say so.
function(ink_add_cuda_kernels name real)
  add_library(${name} STATIC ${ARGN})
  set_target_properties(${name} PROPERTIES CUDA_RUNTIME_LIBRARY Static POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PUBLIC INK_REAL=${real})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${INK_NVCC_FLAGS} -Xcompiler=-Wall,-Wextra
                         $<$<BOOL:${INK_WERROR}>:-Werror=all-warnings>)
  target_link_libraries(${name} PUBLIC CUDA::cudart_static)
endfunction()

# The generator promises the same bits everywhere: its products and sums stay separate.
set_source_files_properties(${PROJECT_SOURCE_DIR}/cuda/random.cu PROPERTIES COMPILE_OPTIONS -fmad=false)

# The target cuda_archs: every kernel for every chip that we name, and PTX for those to come. It ends with the table of
# registers, shared memory and spills, and fails if a kernel spills. The sources know two kinds of chip, before sm_80 and
# since: they are translated to PTX twice, and from there to each chip.
set(INK_NEW_ARCHS 80 86 89 90 100 120)

function(ink_add_all_archs)
  set(folder ${PROJECT_BINARY_DIR}/cuda_archs)
  file(MAKE_DIRECTORY ${folder})
  list(TRANSFORM INK_NEW_ARCHS PREPEND sm_ OUTPUT_VARIABLE new_chips)
  list(JOIN new_chips "," new_chips)
  set(targets -gencode=arch=compute_75,code=sm_75 -gencode=arch=compute_80,code=[${new_chips},compute_80])
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cuda/*.h ${PROJECT_SOURCE_DIR}/cuda/*.cuh
       ${PROJECT_SOURCE_DIR}/tensor/kernels/*.h)
  set(logs)
  foreach(source IN LISTS INK_CUDA_SOURCES)
    cmake_path(GET source STEM stem)
    get_source_file_property(options ${source} COMPILE_OPTIONS)
    if(NOT options)
      set(options)
    endif()
    add_custom_command(
      OUTPUT ${folder}/${stem}.log
      COMMAND ${CMAKE_CUDA_COMPILER} ${INK_NVCC_FLAGS} ${options} ${targets} -Xptxas=-v -DINK_REAL=float
              -I${PROJECT_SOURCE_DIR} -c ${source} -o ${folder}/${stem}.o > ${folder}/${stem}.part 2>&1
              || (cat ${folder}/${stem}.part && false)
      COMMAND ${CMAKE_COMMAND} -E rename ${folder}/${stem}.part ${folder}/${stem}.log
      DEPENDS ${source} ${headers} COMMENT "${stem}.cu for sm_75,${new_chips}" COMMAND_EXPAND_LISTS)
    list(APPEND logs ${folder}/${stem}.log)
  endforeach()
  add_custom_target(cuda_archs COMMAND ${PROJECT_SOURCE_DIR}/scripts/kernel_resources.py ${logs} DEPENDS ${logs})
endfunction()

if(INK_WITH_CUDA)
  ink_add_all_archs()
endif()
