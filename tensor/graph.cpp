#include "tensor/graph.h"

#include <algorithm>
#include <vector>

#include "tensor/check.h"
#include "tensor/kernels/graph.h"

namespace ink {

namespace {

// Before it is recorded a step runs as it is: the allocator then has its blocks, and kernels are
// loaded.
constexpr int kEagerRuns = 2;

// Varying values start at multiples of this.
constexpr std::size_t kAlignment = 64;

std::size_t padded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

// A graph with the memory that it works in and the values that it takes from the host. These lie
// in one block, copied as one before each launch; an eager run counts how large it must be.
class StepRecording {
 public:
  explicit StepRecording(Device device) : reserve_(device) {}

  // The recording to which varying values belong, or null.
  static StepRecording*& current() {
    static thread_local StepRecording* instance = nullptr;
    return instance;
  }
  bool is_open() const { return open_; }

  // Runs the body as it is and counts the bytes of its varying values.
  void count(const std::function<void()>& body) {
    bytes_ = 0;
    const Current scope(this);
    body();
  }

  // Runs the body for its host side alone and records its work.
  void record(const std::function<void()>& body, Device device) {
    if constexpr (kCuda) {
      const std::size_t elements = std::max(bytes_, kAlignment) / sizeof(Real);
      block_ = Tensor({static_cast<Index>(elements)}, device);
      inputs_ = std::make_shared<cuda::Inputs>(elements * sizeof(Real));
      graph_ = std::make_shared<cuda::Graph>();
      bytes_ = 0;
      values_.clear();
      to_ = static_cast<unsigned char*>(inputs_->next());
      reserve_.open();
      open_ = true;
      graph_->begin();
      try {
        const Current scope(this);
        body();
        graph_->end();
      } catch (...) {
        graph_->abandon();
        close();
        throw;
      }
      close();
    }
  }

  // Brings the varying values up to date. The first time they already are.
  void refresh() {
    if constexpr (kCuda) {
      to_ = static_cast<unsigned char*>(inputs_->next());
      for (const Value& value : values_) value.write(to_ + value.offset);
    }
  }

  void launch() {
    if constexpr (kCuda) {
      inputs_->send(block_.mutable_data());
      graph_->launch();
    }
  }

  // A place for a varying value: its offset in the block.
  std::size_t take(std::size_t bytes, const WriteValues& write) {
    const std::size_t offset = bytes_;
    bytes_ += padded(bytes);
    if (!open_) return offset;
    check(bytes_ <= static_cast<std::size_t>(block_.count()) * sizeof(Real), "graph",
          "a step took more values from the host than when it ran before");
    values_.push_back({offset, write});
    values_.back().write(to_ + offset);
    return offset;
  }

  const Tensor& block() const { return block_; }

 private:
  struct Value {
    std::size_t offset;
    WriteValues write;
  };
  // While one lives, `recording` is the current one.
  struct Current {
    explicit Current(StepRecording* recording) { current() = recording; }
    ~Current() { current() = nullptr; }
  };

  void close() {
    open_ = false;
    reserve_.close();
  }

  MemoryReserve reserve_;
  Tensor block_;
  std::vector<Value> values_;
  std::size_t bytes_ = 0;
  bool open_ = false;
  unsigned char* to_ = nullptr;
  std::shared_ptr<cuda::Inputs> inputs_;
  std::shared_ptr<cuda::Graph> graph_;
};

namespace {
bool graphs_in_use = true;
}

void use_graphs(bool use) { graphs_in_use = use; }

Repeated::Repeated(Device device, std::function<void()> body)
    : device_(device), body_(std::move(body)) {}

Repeated::~Repeated() = default;

bool Repeated::is_recorded() const { return runs_ > kEagerRuns; }

void Repeated::operator()() {
  // A step within a step is part of it.
  const bool graph = graphs_in_use && device_ == Device::cuda;
  if (!graph || StepRecording::current() != nullptr) return body_();
  if (recording_ == nullptr) recording_ = std::make_unique<StepRecording>(device_);
  if (runs_ < kEagerRuns) {
    recording_->count(body_);
  } else if (runs_ == kEagerRuns) {
    recording_->record(body_, device_);
    recording_->launch();
  } else {
    recording_->refresh();
    recording_->launch();
  }
  if (!is_recorded()) ++runs_;
}

// ---- varying values --------------------------------------------------------------------------

namespace {

// The recording that takes part in this device's work, or null.
StepRecording* recording_on(Device device) {
  return device == Device::cuda ? StepRecording::current() : nullptr;
}

}  // namespace

const void* varying_address(Device device, std::size_t bytes, const WriteValues& write) {
  StepRecording* const recording = recording_on(device);
  if (recording == nullptr) return nullptr;
  const std::size_t offset = recording->take(bytes, write);
  if (!recording->is_open()) return nullptr;
  return recording->block().data() + offset / sizeof(Real);
}

Tensor varying_tensor(const Shape& shape, Device device, const std::function<void(Real*)>& write) {
  if (StepRecording* const recording = recording_on(device); recording != nullptr) {
    const auto bytes = static_cast<std::size_t>(shape.count()) * sizeof(Real);
    const std::size_t offset =
        recording->take(bytes, [write](void* to) { write(static_cast<Real*>(to)); });
    if (recording->is_open()) {
      const auto first = static_cast<Index>(offset / sizeof(Real));
      return recording->block().slice(0, first, first + shape.count()).reshape(shape);
    }
  }
  Tensor values(shape);
  write(values.mutable_data());
  return values.to(device);
}

void check_not_recording(const char* op, Device device, const char* advice) {
  StepRecording* const recording = recording_on(device);
  check(recording == nullptr || !recording->is_open(), op,
        "a step that is recorded as a graph cannot wait for the host: {}", advice);
}

}  // namespace ink
