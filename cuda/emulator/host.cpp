#include "cuda/emulator/host.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/emulator/block.h"
#include "cuda/emulator/faults.h"
#include "cuda/emulator/host_control.h"
#include "cuda/emulator/launches.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/symbols.h"

namespace ink::emulator {

using Operation = std::function<cudaError_t()>;

// A captured list of launches and copies.
struct Graph {
  std::vector<Operation> operations;
  bool relaxed = false;  // memory may be allocated meanwhile
};
struct GraphExec {
  std::vector<Operation> operations;
};
struct Stream {
  Graph* capture = nullptr;
};
struct Event {
  Graph* capture = nullptr;
  std::chrono::steady_clock::time_point time;
};

namespace {

struct Host {
  std::recursive_mutex mutex;
  Stream default_stream;
  std::vector<Stream*> streams{&default_stream};
  cudaError_t last_error = cudaSuccess;
  std::map<const void*, int> dynamic_shared_limit;
  Machine machine;
};

Host& host() {
  static auto* const instance = new Host;
  return *instance;
}

Stream& of(cudaStream_t stream) { return stream == nullptr ? host().default_stream : *stream; }

cudaError_t done(cudaError_t error) {
  if (error != cudaSuccess) host().last_error = error;
  return error;
}

bool capturing() {
  return std::any_of(host().streams.begin(), host().streams.end(),
                     [](const Stream* stream) { return stream->capture != nullptr; });
}
bool may_allocate() {
  return std::all_of(host().streams.begin(), host().streams.end(), [](const Stream* stream) {
    return stream->capture == nullptr || stream->capture->relaxed;
  });
}

// Whether there is a device to talk to.
cudaError_t status() {
  const Machine& machine = host().machine;
  if (machine.driver_version == 0) return cudaErrorNoDevice;
  if (machine.driver_version < CUDART_VERSION) return cudaErrorInsufficientDriver;
  return machine.devices == 0 ? cudaErrorNoDevice : cudaSuccess;
}

// Does it now, or notes it for the graph that the stream captures.
cudaError_t perform(cudaStream_t stream, Operation operation) {
  const std::lock_guard lock(host().mutex);
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  Stream& s = of(stream);
  if (s.capture != nullptr) {
    s.capture->operations.push_back(std::move(operation));
    return cudaSuccess;
  }
  return done(operation());
}

// Waiting for the device makes no sense while its work is only being written down.
cudaError_t wait_for(bool captured) {
  const std::lock_guard lock(host().mutex);
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  return done(captured ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

}  // namespace

Machine& machine() { return host().machine; }

cudaError_t set_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const std::lock_guard lock(host().mutex);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || value > host().machine.shared_bytes_optin) return done(cudaErrorInvalidValue);
  host().dynamic_shared_limit[kernel] = value;
  return cudaSuccess;
}

cudaError_t kernel_name(const char** name, const void* kernel) {
  static auto* const names = new std::map<const void*, std::string>;
  const std::lock_guard lock(host().mutex);
  auto found = names->find(kernel);
  if (found == names->end()) found = names->emplace(kernel, readable_name(kernel)).first;
  *name = found->second.c_str();
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::function<void()> run_thread) {
  const std::lock_guard lock(host().mutex);
  const dim3 grid = config.gridDim, block = config.blockDim;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  const bool fits = grid.x > 0 && grid.x <= 0x7FFFFFFF && grid.y > 0 && grid.y <= 65535 &&
                    grid.z > 0 && grid.z <= 65535 && threads > 0 && threads <= kMaxThreads &&
                    block.z <= 64;
  if (!fits) return done(cudaErrorInvalidConfiguration);
  const auto limit = host().dynamic_shared_limit.find(kernel);
  const int shared_limit = limit == host().dynamic_shared_limit.end() ? 48 * 1024 : limit->second;
  if (config.dynamicSmemBytes > static_cast<std::size_t>(shared_limit)) {
    return done(cudaErrorInvalidValue);
  }
  if (!host().machine.has_kernels) return done(cudaErrorNoKernelImageForDevice);
  note_launch(kernel, threads, config.dynamicSmemBytes);
  return perform(config.stream, [config, kernel, run = std::move(run_thread)] {
    const DeviceAccess access;
    const bool ended =
        run_grid({config.gridDim, config.blockDim, config.dynamicSmemBytes, kernel,
                  [](const void* f) { (*static_cast<const std::function<void()>*>(f))(); }, &run});
    if (!ended) return cudaErrorLaunchFailure;
    const std::string damage = damaged_fence();
    if (damage.empty()) return cudaSuccess;
    set_report("it wrote " + damage);
    return cudaErrorLaunchFailure;
  });
}

}  // namespace ink::emulator

using namespace ink::emulator;

// ---- errors ----------------------------------------------------------------------------------

const char* cudaGetErrorName(cudaError_t error) {
  // clang-format off
  switch (error) {
    case cudaSuccess:                       return "cudaSuccess";
    case cudaErrorInvalidValue:             return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:         return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:     return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:       return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:                 return "cudaErrorNoDevice";
    case cudaErrorNoKernelImageForDevice:   return "cudaErrorNoKernelImageForDevice";
    case cudaErrorUnsupportedPtxVersion:    return "cudaErrorUnsupportedPtxVersion";
    case cudaErrorNotReady:                 return "cudaErrorNotReady";
    case cudaErrorLaunchFailure:            return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
  }
  // clang-format on
  return "unknown error";
}

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure && !report().empty()) return report().c_str();
  return cudaGetErrorName(error);
}

cudaError_t cudaGetLastError() { return std::exchange(host().last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return host().last_error; }

// ---- the device ------------------------------------------------------------------------------

cudaError_t cudaGetDeviceCount(int* count) {
  *count = host().machine.devices;
  return done(status());
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return done(status());
}
cudaError_t cudaSetDevice(int device) {
  if (device != 0) return done(cudaErrorInvalidValue);
  return done(status());
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return done(cudaErrorInvalidValue);
  const Machine& machine = host().machine;
  *properties = {};
  std::strcpy(properties->name, "CUDA emulator");
  properties->totalGlobalMem = device_bytes();
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = static_cast<std::size_t>(machine.shared_bytes_optin);
  properties->sharedMemPerMultiprocessor = 100 * 1024;
  properties->regsPerBlock = 65536;
  properties->warpSize = kWarpSize;
  properties->maxThreadsPerBlock = kMaxThreads;
  properties->maxThreadsPerMultiProcessor = 1536;
  properties->major = machine.major;
  properties->minor = machine.minor;
  properties->multiProcessorCount = machine.multiprocessors;
  properties->l2CacheSize = 2 << 20;
  return done(status());
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = host().machine.driver_version;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return wait_for(capturing()); }

// ---- memory ----------------------------------------------------------------------------------

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const std::lock_guard lock(host().mutex);
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  if (!may_allocate()) return done(cudaErrorStreamCaptureUnsupported);
  *memory = bytes == 0 ? nullptr : device_allocate(bytes);
  return done(bytes == 0 || *memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* memory) {
  const std::lock_guard lock(host().mutex);
  if (!may_allocate()) return done(cudaErrorStreamCaptureUnsupported);
  return done(memory == nullptr || device_release(memory) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  *memory = std::malloc(bytes);
  return done(*memory != nullptr ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *free_bytes = device_bytes_free();
  *total_bytes = device_bytes();
  return done(status());
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool sides_fit = kind == cudaMemcpyDefault || (to_device == is_device_memory(dst) &&
                                                       from_device == is_device_memory(src));
  if (bytes > 0 && !sides_fit) return done(cudaErrorInvalidValue);
  return perform(stream, [=] {
    const DeviceAccess access;
    if (bytes > 0) std::memmove(dst, src, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind) {
  if (capturing()) return done(cudaErrorStreamCaptureUnsupported);
  return cudaMemcpyAsync(dst, src, bytes, kind, nullptr);
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0 && !is_device_memory(memory)) return done(cudaErrorInvalidValue);
  return perform(stream, [=] {
    const DeviceAccess access;
    if (bytes > 0) std::memset(memory, value, bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

// ---- streams and events ----------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const std::lock_guard lock(host().mutex);
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  *stream = new Stream;
  host().streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::lock_guard lock(host().mutex);
  std::erase(host().streams, stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return wait_for(of(stream).capture != nullptr);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return wait_for(of(stream).capture != nullptr); }
// A stream that waits for an event of a captured stream is captured with it.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::lock_guard lock(host().mutex);
  if (event->capture != nullptr) of(stream).capture = event->capture;
  return done(status());
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (const cudaError_t error = status(); error != cudaSuccess) return done(error);
  *event = new Event;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(host().mutex);
  event->capture = of(stream).capture;
  event->time = std::chrono::steady_clock::now();
  return done(status());
}
// An external event does not order the work of a recording: it takes the time when that is done.
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  if (flags != cudaEventRecordExternal) return cudaEventRecord(event, stream);
  return perform(stream, [event] {
    event->time = std::chrono::steady_clock::now();
    return cudaSuccess;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return wait_for(event->capture != nullptr); }
cudaError_t cudaEventQuery(cudaEvent_t event) { return wait_for(event->capture != nullptr); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}

// ---- graphs ----------------------------------------------------------------------------------

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(host().mutex);
  // The legacy default stream cannot be captured.
  if (stream == nullptr) return done(cudaErrorStreamCaptureUnsupported);
  if (stream->capture != nullptr) return done(cudaErrorInvalidValue);
  stream->capture = new Graph;
  stream->capture->relaxed = mode == cudaStreamCaptureModeRelaxed;
  return done(status());
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(host().mutex);
  *graph = std::exchange(stream->capture, nullptr);
  if (*graph == nullptr) return done(cudaErrorInvalidValue);
  for (Stream* other : host().streams) {
    if (other->capture == *graph) other->capture = nullptr;
  }
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status =
      of(stream).capture == nullptr ? cudaStreamCaptureStatusNone : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new GraphExec{graph->operations};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return perform(stream, [exec] {
    for (const Operation& operation : exec->operations) {
      if (const cudaError_t error = operation(); error != cudaSuccess) return error;
    }
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
