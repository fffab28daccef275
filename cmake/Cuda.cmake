# Decides whether the CUDA backend is built: INK_WITH_CUDA (0 or 1) and INK_CUDA_REASON for the banner.

file(GLOB INK_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cuda/*.cu)

set(INK_WITH_CUDA 0)
if(INK_CUDA STREQUAL "OFF")
  set(INK_CUDA_REASON "switched off (INK_CUDA=OFF)")
else()
  set(INK_CUDA_REASON "not every kernel is in cuda/ yet")
endif()

if(INK_CUDA STREQUAL "ON" AND NOT INK_WITH_CUDA)
  message(FATAL_ERROR "INK_CUDA=ON, but: ${INK_CUDA_REASON}")
endif()
