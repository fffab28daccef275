#include "cuda/profile.h"

#include <algorithm>
#include <map>

#include "cuda/runtime.h"

namespace ink::cuda {
namespace {

Profile* current = nullptr;

bool is_recording() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream(), &status), "ask for a recording");
  return status == cudaStreamCaptureStatusActive;
}

cudaEvent_t event(void* handle) { return static_cast<cudaEvent_t>(handle); }

}  // namespace

Profile::Profile() { current = this; }

Profile::~Profile() {
  current = nullptr;
  (void)cudaStreamSynchronize(stream());
  for (const Mark& mark : marks_) (void)cudaEventDestroy(event(mark.event));
}

// An "external" event takes the time each time the graph runs.
void Profile::record(const void* kernel) {
  cudaEvent_t made = nullptr;
  check(cudaEventCreate(&made), "create an event");
  marks_.push_back({kernel, made});
  check(cudaEventRecordWithFlags(made, stream(), cudaEventRecordExternal), "record an event");
}

void Profile::before_kernel() {
  if (current != nullptr && current->marks_.empty() && is_recording()) current->record(nullptr);
}
void Profile::after_kernel(const void* kernel) {
  if (current != nullptr && is_recording()) current->record(kernel);
}

std::vector<KernelTime> Profile::times() const {
  synchronize();
  std::map<const void*, KernelTime> of;
  for (std::size_t i = 1; i < marks_.size(); ++i) {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, event(marks_[i - 1].event), event(marks_[i].event)),
          "read the time of a kernel");
    KernelTime& time = of[marks_[i].kernel];
    if (time.launches++ == 0) time.kernel = name_of(marks_[i].kernel);
    time.seconds += 1e-3 * static_cast<double>(milliseconds);
  }
  std::vector<KernelTime> result;
  for (const auto& [kernel, time] : of) result.push_back(time);
  std::sort(result.begin(), result.end(),
            [](const KernelTime& a, const KernelTime& b) { return a.seconds > b.seconds; });
  return result;
}

}  // namespace ink::cuda
