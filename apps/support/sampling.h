// Drawing pictures with a trained network.
#pragma once

#include <string>
#include <vector>

#include "apps/support/model.h"
#include "diffusion/samplers.h"

namespace ink::apps {

struct Sampler {
  enum class Kind { ddpm, ddim };
  Kind kind = Kind::ddpm;
  Index steps = 1000;                  // of DDIM; DDPM always takes all T
  double eta = 0;                      // of DDIM
  Variance variance = Variance::beta;  // of DDPM
  bool clamp = true;

  // "DDIM, 50 steps, eta 0".
  std::string to_string() const;
};

// The network as samplers take it.
EpsTheta eps_of(const UNet& unet);

// Keeps a few of the images at evenly spaced times of their way from x_T to x_0.
class DenoisingStrip {
 public:
  // `rows` images, `columns` times, the first one T and the last one 0.
  DenoisingStrip(Index T, Index rows, Index columns = 11) : T_(T), rows_(rows), columns_(columns) {}

  // To be told of x_T and of every step. Times that were skipped show the next one reached.
  void observe(Index t, const Tensor& x);
  // The rows, as one picture.
  Tensor picture(Index scale) const;

 private:
  Index T_, rows_, columns_;
  Tensors columns_seen_;  // (rows, h, w, c) each
};

// `count` images (count, h, w, c), drawn in batches. The first `count` numbers of a batch's own
// fork of `random` are its x_T. `observe` is called after every step of every batch, and for the
// first batch with T and x_T before it.
using SamplingObserver = std::function<void(Index batch, Index t, const Tensor& x)>;
Tensor sample_images(const Model& model, const Schedule& schedule, const Sampler& sampler,
                     Index count, const Random& random, const SamplingObserver& observe = {});

}  // namespace ink::apps
