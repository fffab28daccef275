#include "tensor/kernels/graph.h"

#include "cuda/runtime.h"

namespace ink::cuda {

// ---- the graph -------------------------------------------------------------------------------

Graph::~Graph() {
  if (executable_ == nullptr) return;
  (void)cudaStreamSynchronize(stream());  // it may still be at work
  (void)cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
}

void Graph::begin() {
  // Relaxed: the allocator may still ask the system for memory.
  check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed), "begin to record a graph");
}

void Graph::end() {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream(), &graph), "record a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  check(status, "prepare a graph");
  executable_ = executable;
}

void Graph::abandon() noexcept {
  cudaGraph_t graph = nullptr;
  (void)cudaStreamEndCapture(stream(), &graph);
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();
}

void Graph::launch() {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), stream()), "launch a graph");
}

// ---- traffic with the host -------------------------------------------------------------------

namespace {

cudaEvent_t event(void* handle) { return static_cast<cudaEvent_t>(handle); }

void* make_event() {
  cudaEvent_t made = nullptr;
  check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "create an event");
  return made;
}

void* make_pinned(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMallocHost(&memory, bytes), "allocate pinned memory");
  return memory;
}

// Copies to the device run here, beside the kernels.
cudaStream_t copy_stream() {
  static const cudaStream_t instance = [] {
    cudaStream_t made = nullptr;
    check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "create a stream");
    return made;
  }();
  return instance;
}

}  // namespace

Inputs::Inputs(std::size_t bytes) : bytes_(bytes) {
  for (int i = 0; i < 2; ++i) {
    pinned_[i] = make_pinned(bytes);
    check(cudaMalloc(&staged_[i], bytes), "allocate");
    sent_[i] = make_event();
    taken_[i] = make_event();
  }
}

Inputs::~Inputs() {
  (void)cudaStreamSynchronize(stream());
  for (int i = 0; i < 2; ++i) {
    (void)cudaEventDestroy(event(sent_[i]));
    (void)cudaEventDestroy(event(taken_[i]));
    (void)cudaFree(staged_[i]);
    (void)cudaFreeHost(pinned_[i]);
  }
}

void* Inputs::next() {
  check(cudaEventSynchronize(event(sent_[turn_])), "wait for a copy to the GPU");
  return pinned_[turn_];
}

void Inputs::send(void* device) {
  const cudaEvent_t sent = event(sent_[turn_]), taken = event(taken_[turn_]);
  void* const staged = staged_[turn_];
  // Pinned to staged, once the step before last has taken what lay there ...
  check(cudaStreamWaitEvent(copy_stream(), taken, 0), "order copies");
  check(cudaMemcpyAsync(staged, pinned_[turn_], bytes_, cudaMemcpyHostToDevice, copy_stream()),
        "copy to the GPU");
  check(cudaEventRecord(sent, copy_stream()), "order copies");
  // ... and staged to its place, once the step before has ended.
  check(cudaStreamWaitEvent(stream(), sent, 0), "order copies");
  check(cudaMemcpyAsync(device, staged, bytes_, cudaMemcpyDeviceToDevice, stream()),
        "copy on the GPU");
  check(cudaEventRecord(taken, stream()), "order copies");
  turn_ = 1 - turn_;
}

Outputs::Outputs(std::size_t bytes)
    : bytes_(bytes), pinned_(make_pinned(bytes)), fetched_(make_event()) {}

Outputs::~Outputs() {
  (void)cudaEventSynchronize(event(fetched_));
  (void)cudaEventDestroy(event(fetched_));
  (void)cudaFreeHost(pinned_);
}

void Outputs::fetch(const void* device) {
  check(cudaMemcpyAsync(pinned_, device, bytes_, cudaMemcpyDeviceToHost, stream()),
        "copy from the GPU");
  check(cudaEventRecord(event(fetched_), stream()), "order copies");
}

const void* Outputs::wait() {
  check(cudaEventSynchronize(event(fetched_)), "wait for the GPU");
  return pinned_;
}

}  // namespace ink::cuda
