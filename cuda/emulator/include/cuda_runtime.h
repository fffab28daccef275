// Stands in for the CUDA runtime's header when the kernels are compiled for the emulator.
#pragma once

#include "cuda/emulator/device.h"
#include "cuda/emulator/host.h"
