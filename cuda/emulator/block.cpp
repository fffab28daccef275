#include "cuda/emulator/block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "cuda/emulator/async_copy.h"
#include "cuda/emulator/exchange.h"
#include "cuda/emulator/faults.h"
#include "cuda/emulator/fiber.h"
#include "cuda/emulator/shared_memory.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace ink::emulator {
namespace {

constexpr std::size_t kStackBytes = 256 * 1024;

enum class State { ready, at_barrier, at_exchange, ended };

struct Thread {
  State state = State::ready;
  Fiber* fiber = nullptr;
  uint3 index{};
  unsigned number = 0;
  Exchange* exchange = nullptr;  // the one whose values it may still look at
  Location where;                // the place at which it waits
};

struct Warp {
  unsigned living = 0;
  std::vector<Exchange*> open;  // some lanes have come, others have not
};

Schedule current_schedule;
const Grid* running_grid = nullptr;

class Block {
 public:
  bool run(const Grid& grid, uint3 index, std::mt19937_64& random);

  void barrier(const Location& where);
  const void* exchange(unsigned mask, const void* value, std::size_t bytes, const Location& where);
  bool overflowed_at(const void* address) const {
    return std::any_of(fibers_.begin(), fibers_.end(),
                       [&](const auto& fiber) { return fiber->overflowed_at(address); });
  }
  unsigned lane() const { return running_->number % kWarpSize; }
  unsigned living() const { return warps_[running_->number / kWarpSize].living; }

 private:
  void lay_out(const Grid& grid, uint3 index);
  bool sweep(std::size_t first, std::size_t last, bool descending);
  void run_in_order();
  void run_one_warp();
  void run_at_random(std::mt19937_64& random);
  void go_on(Thread& thread);
  void end(Thread& thread);
  void wait();
  void finish_if_complete(Warp& warp, Exchange* exchange);
  void leave(Thread& thread);
  void give_up();

  const Grid* grid_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  Thread* running_ = nullptr;
  std::size_t ended_ = 0;
  std::size_t at_barrier_ = 0;

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  ExchangePool exchanges_;
};

Block& block() {
  static auto* const instance = new Block;
  return *instance;
}

void Block::lay_out(const Grid& grid, uint3 index) {
  grid_ = &grid;
  blockIdx = index;
  const dim3 size = grid.threads;
  const std::size_t count = std::size_t{size.x} * size.y * size.z;
  threads_.assign(count, Thread{});
  warps_.assign((count + kWarpSize - 1) / kWarpSize, Warp{});
  for (unsigned i = 0; i < count; ++i) {
    threads_[i].number = i;
    threads_[i].index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
    warps_[i / kWarpSize].living |= 1u << (i % kWarpSize);
  }
  ended_ = at_barrier_ = 0;
}

bool Block::run(const Grid& grid, uint3 index, std::mt19937_64& random) {
  lay_out(grid, index);
  switch (current_schedule.order) {
    case Schedule::Order::forward:
    case Schedule::Order::reverse:
      run_in_order();
      break;
    case Schedule::Order::one_warp:
      run_one_warp();
      break;
    case Schedule::Order::random:
      run_at_random(random);
      break;
  }
  if (ended_ == threads_.size()) return true;
  give_up();
  return false;
}

// Lets each thread of [first, last) that can go on do so once; false when none could.
bool Block::sweep(std::size_t first, std::size_t last, bool descending) {
  bool any = false;
  for (std::size_t i = 0; i < last - first; ++i) {
    Thread& thread = threads_[descending ? last - 1 - i : first + i];
    if (thread.state != State::ready) continue;
    go_on(thread);
    any = true;
  }
  return any;
}

void Block::run_in_order() {
  const bool descending = current_schedule.order == Schedule::Order::reverse;
  while (sweep(0, threads_.size(), descending)) {
  }
}

void Block::run_one_warp() {
  for (bool any = true; any;) {
    any = false;
    for (std::size_t first = 0; first < threads_.size(); first += kWarpSize) {
      const std::size_t last = std::min(first + kWarpSize, threads_.size());
      while (sweep(first, last, false)) any = true;
    }
  }
}

void Block::run_at_random(std::mt19937_64& random) {
  std::vector<Thread*> ready;
  while (true) {
    ready.clear();
    for (Thread& thread : threads_) {
      if (thread.state == State::ready) ready.push_back(&thread);
    }
    if (ready.empty()) return;
    // A few draws for each list: as good a mixture, at a fraction of the price.
    std::shuffle(ready.begin(), ready.end(), random);
    const std::size_t count = 1 + random() % ready.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (ready[i]->state == State::ready) go_on(*ready[i]);
    }
  }
}

void Block::go_on(Thread& thread) {
  running_ = &thread;
  threadIdx = thread.index;
  if (thread.fiber == nullptr) {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>(kStackBytes));
      idle_.push_back(fibers_.back().get());
    }
    thread.fiber = idle_.back();
    idle_.pop_back();
    thread.fiber->start(
        [](void* self) {
          const Grid& grid = *static_cast<Block*>(self)->grid_;
          grid.run_thread(grid.context);
        },
        this);
  }
  thread.fiber->resume();
  if (thread.fiber->idle()) end(thread);
}

void Block::end(Thread& thread) {
  thread.state = State::ended;
  idle_.push_back(thread.fiber);
  ++ended_;
  leave(thread);
  Warp& warp = warps_[thread.number / kWarpSize];
  warp.living &= ~(1u << (thread.number % kWarpSize));
  for (std::size_t i = warp.open.size(); i-- > 0;) finish_if_complete(warp, warp.open[i]);
}

void Block::wait() { running_->fiber->suspend(); }

void Block::barrier(const Location& where) {
  running_->state = State::at_barrier;
  running_->where = where;
  if (++at_barrier_ == threads_.size()) {
    // One barrier for all: threads that wait at another line have diverged, and wait for ever.
    const bool same = std::all_of(threads_.begin(), threads_.end(), [&](const Thread& other) {
      return other.where.line() == where.line() &&
             std::strcmp(other.where.file_name(), where.file_name()) == 0;
    });
    if (same) {
      for (Thread& thread : threads_) thread.state = State::ready;
      at_barrier_ = 0;
    }
  }
  wait();
}

const void* Block::exchange(unsigned mask, const void* value, std::size_t bytes,
                            const Location& where) {
  Thread& self = *running_;
  Warp& warp = warps_[self.number / kWarpSize];
  const unsigned bit = 1u << (self.number % kWarpSize);
  leave(self);

  auto found = std::find_if(warp.open.begin(), warp.open.end(), [&](const Exchange* e) {
    return e->mask == mask && e->bytes == bytes && (e->arrived & bit) == 0;
  });
  Exchange* const e = found != warp.open.end() ? *found : exchanges_.take(mask, bytes);
  if (found == warp.open.end()) warp.open.push_back(e);
  std::memcpy(e->values + bytes * (self.number % kWarpSize), value, bytes);
  e->arrived |= bit;
  ++e->readers;
  self.exchange = e;
  self.where = where;
  self.state = State::at_exchange;
  // A lane that its own mask does not name waits for ever.
  if ((mask & bit) != 0) finish_if_complete(warp, e);
  if (self.state != State::ready) wait();
  return e->values;
}

void Block::finish_if_complete(Warp& warp, Exchange* e) {
  if ((e->mask & warp.living) != (e->arrived & warp.living)) return;
  std::erase(warp.open, e);
  const std::size_t first = static_cast<std::size_t>(&warp - warps_.data()) * kWarpSize;
  for (unsigned lanes = e->arrived & warp.living; lanes != 0; lanes &= lanes - 1) {
    threads_[first + static_cast<unsigned>(std::countr_zero(lanes))].state = State::ready;
  }
}

// The thread looks no longer at the values of its latest exchange.
void Block::leave(Thread& thread) {
  if (thread.exchange != nullptr) exchanges_.leave(thread.exchange);
  thread.exchange = nullptr;
}

std::string describe(const Thread& thread) {
  std::ostringstream text;
  text << "  thread " << to_string(thread.index);
  switch (thread.state) {
    case State::ready:
      text << " could go on";
      break;
    case State::ended:
      text << " has ended";
      break;
    case State::at_barrier:
      text << " waits at the barrier";
      break;
    case State::at_exchange:
      text << " waits for the lanes 0x" << std::hex << thread.exchange->mask << std::dec;
      break;
  }
  if (thread.state == State::at_barrier || thread.state == State::at_exchange) {
    text << " in " << thread.where.file_name() << ':' << thread.where.line();
  }
  return text.str();
}

// Reports each thread and forgets those that wait for ever.
void Block::give_up() {
  std::string text = "threads of block " + to_string(blockIdx) + " wait for each other for ever";
  for (const Thread& thread : threads_) text += '\n' + describe(thread);
  set_report(text);
  for (Thread& thread : threads_) {
    leave(thread);
    if (thread.state == State::ended || thread.fiber == nullptr) continue;
    thread.fiber->abandon();
    idle_.push_back(thread.fiber);
  }
}

}  // namespace

void set_schedule(const Schedule& schedule) { current_schedule = schedule; }
Schedule schedule() { return current_schedule; }
const void* running_kernel() { return running_grid == nullptr ? nullptr : running_grid->kernel; }
bool below_a_stack(const void* address) { return block().overflowed_at(address); }

bool run_grid(const Grid& grid) {
  blockDim = grid.threads;
  gridDim = grid.blocks;
  running_grid = &grid;
  set_report("");
  std::vector<std::uint64_t> order(std::size_t{gridDim.x} * gridDim.y * gridDim.z);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::mt19937_64 random(current_schedule.seed);
  if (current_schedule.order == Schedule::Order::reverse) std::reverse(order.begin(), order.end());
  if (current_schedule.order == Schedule::Order::random) {
    std::shuffle(order.begin(), order.end(), random);
  }
  poison_shared_memory_of_launch(grid.shared_bytes);
  const bool ended = std::all_of(order.begin(), order.end(), [&](std::uint64_t i) {
    if (i != order.front()) poison_shared_memory_of_block();
    forget_copies();
    const uint3 index{static_cast<unsigned>(i % gridDim.x),
                      static_cast<unsigned>(i / gridDim.x % gridDim.y),
                      static_cast<unsigned>(i / gridDim.x / gridDim.y)};
    return block().run(grid, index, random);
  });
  running_grid = nullptr;
  return ended;
}

void block_barrier(const Location& where) { block().barrier(where); }
const void* warp_exchange_bytes(unsigned mask, const void* value, std::size_t bytes,
                                const Location& where) {
  return block().exchange(mask, value, bytes, where);
}
unsigned lane() { return block().lane(); }
unsigned living_lanes() { return block().living(); }

}  // namespace ink::emulator
