#include "apps/support/loss_history.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "tensor/check.h"

namespace ink::apps {
namespace {

constexpr std::size_t kRecent = 100;
constexpr Index kNumbersPerBin = 2 + 2 * kQuartiles;

double ratio(Real sum, Real count) {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(sum) / static_cast<double>(count);
}

}  // namespace

void LossBin::add(const LossBin& other) {
  steps += other.steps;
  sum += other.sum;
  for (std::size_t q = 0; q < kQuartiles; ++q) {
    images[q] += other.images[q];
    quartile_sum[q] += other.quartile_sum[q];
  }
}

double LossBin::mean() const { return ratio(sum, steps); }

double LossBin::quartile_mean(int quartile) const {
  const auto q = static_cast<std::size_t>(quartile);
  return ratio(quartile_sum[q], images[q]);
}

void LossHistory::add_step(Real loss, const std::vector<Real>& times,
                           const std::vector<Real>& image_losses, Index T) {
  LossBin bin{.steps = 1, .sum = loss};
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto q = static_cast<std::size_t>((static_cast<Index>(times[i]) - 1) * kQuartiles / T);
    bin.images[q] += 1;
    bin.quartile_sum[q] += image_losses[i];
  }

  if (bins_.empty() || bins_.back().steps >= static_cast<Real>(width_)) {
    // Make room by joining the bins in pairs.
    if (bins_.size() == kMaxBins) {
      for (std::size_t i = 0; i < kMaxBins / 2; ++i) {
        bins_[i] = bins_[2 * i];
        bins_[i].add(bins_[2 * i + 1]);
      }
      bins_.resize(kMaxBins / 2);
      width_ *= 2;
    }
    bins_.emplace_back();
  }
  bins_.back().add(bin);

  if (recent_.size() == kRecent) recent_.erase(recent_.begin());
  recent_.push_back(loss);
}

double LossHistory::recent_mean() const {
  return ratio(std::accumulate(recent_.begin(), recent_.end(), Real{0}),
               static_cast<Real>(recent_.size()));
}

void LossHistory::save(NamedTensors& file) const {
  std::vector<Real> numbers;
  for (const LossBin& bin : bins_) {
    numbers.insert(numbers.end(), {bin.steps, bin.sum});
    numbers.insert(numbers.end(), bin.images.begin(), bin.images.end());
    numbers.insert(numbers.end(), bin.quartile_sum.begin(), bin.quartile_sum.end());
  }
  file.add("history.bins",
           Tensor::from(numbers, {static_cast<Index>(bins_.size()), kNumbersPerBin}));
  file.add("history.width", Tensor::full({1}, static_cast<Real>(width_)));
  file.add("history.recent", Tensor::from(recent_, {static_cast<Index>(recent_.size())}));
}

void LossHistory::load(const NamedTensors& file) {
  const Tensor &bins = file.at("history.bins"), &width = file.at("history.width");
  check(
      bins.axes() == 2 && bins.size(1) == kNumbersPerBin && width.count() == 1 && width.item() >= 1,
      "checkpoint", "expected a loss history of shape (n,{}), got {}", kNumbersPerBin,
      bins.shape());
  width_ = static_cast<Index>(width.item());
  recent_ = file.at("history.recent").to_vector();
  bins_.clear();
  const std::vector<Real> numbers = bins.to_vector();
  for (auto from = numbers.begin(); from != numbers.end(); from += kNumbersPerBin) {
    LossBin bin{.steps = from[0], .sum = from[1]};
    std::copy_n(from + 2, kQuartiles, bin.images.begin());
    std::copy_n(from + 2 + kQuartiles, kQuartiles, bin.quartile_sum.begin());
    bins_.push_back(bin);
  }
}

}  // namespace ink::apps
