# A cross build for 64-bit Arm on Debian or Ubuntu; ctest runs its tests under qemu-aarch64.
#
#   sudo dpkg --add-architecture arm64 && sudo apt-get update
#   sudo apt-get install g++-aarch64-linux-gnu qemu-user
#   sudo apt-get install libfmt-dev:arm64 zlib1g-dev:arm64 libgomp1:arm64
#   cmake --preset aarch64

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

# The headers of all other packages are the same for every machine.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# Loader and libraries are those of the arm64 packages, which lie where the programs look for them. With the cross
# compiler's loader (-L /usr/aarch64-linux-gnu) and the packages' C library, no thread ever starts.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
