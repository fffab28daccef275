// The losses of a run, in bounded memory.
#pragma once

#include <array>
#include <vector>

#include "io/safetensors.h"

namespace ink::apps {

// The times 1..T in four equal parts: nearly clean images first, nearly pure noise last.
inline constexpr int kQuartiles = 4;

// The losses of `width` steps in a row, and of their images by quartile of t. Sums in Real, so that
// what is saved is what goes on.
struct LossBin {
  Real steps = 0, sum = 0;
  std::array<Real, kQuartiles> images{}, quartile_sum{};

  void add(const LossBin& other);
  double mean() const;
  // NaN when no image had such a t.
  double quartile_mean(int quartile) const;
};

class LossHistory {
 public:
  // One step: its loss, and for each image its t and its own loss.
  void add_step(Real loss, const std::vector<Real>& times, const std::vector<Real>& image_losses,
                Index T);

  // The mean over the last 100 steps, or over all when there are fewer; NaN before the first.
  double recent_mean() const;
  // Consecutive bins of width() steps; the last one may hold fewer. At most kMaxBins: beyond, bins
  // are joined in pairs and width() doubles.
  const std::vector<LossBin>& bins() const { return bins_; }
  Index width() const { return width_; }

  void save(NamedTensors& file) const;
  // Throws Error when the file's tensors are not those of save.
  void load(const NamedTensors& file);

 private:
  static constexpr std::size_t kMaxBins = 2048;

  Index width_ = 1;
  std::vector<LossBin> bins_;
  std::vector<Real> recent_;
};

}  // namespace ink::apps
