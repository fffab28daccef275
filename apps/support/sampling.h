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
  Index steps = 50;                    // of DDIM; DDPM takes all T
  double eta = 0;                      // of DDIM
  Variance variance = Variance::beta;  // of DDPM
  bool clamp = true;
  double guidance = 1;  // of the network by its guide; 1: none

  // "DDIM, 50 steps, eta 0".
  std::string to_string() const;
};

// By how much pictures of this size are enlarged, so that their pixels can be seen.
Index picture_scale(Index image_size);

// A network is guided by itself as it was after this share of its training, but not before so many
// times the warm-up of its learning rate: away from a network that has seen nothing yet lie
// caricatures. And by how much, where nothing else is said. (CFG.4)
inline constexpr double kGuideShare = 0.25;
inline constexpr Index kGuideWarmUps = 5;
inline constexpr double kGuidance = 2.5;

// The network as samplers take it. On a GPU it is repeated as a graph from the third call on.
// Throws Error when the network wants classes.
EpsTheta eps_of(const UNet& unet);

// The network with other values of its parameters, laid out as they are.
EpsTheta eps_of(Model& model, const Tensor& values);

// Keeps a few of the images at evenly spaced times of their way from x_T to x_0.
class DenoisingStrip {
 public:
  // `rows` images, `columns` times, the first one T and the last one 0.
  DenoisingStrip(Index T, Index rows, Index columns = 11) : T_(T), rows_(rows), columns_(columns) {}

  // The times of the columns.
  std::vector<Index> times() const;

  // To be told of x_T and of every step. Times that were skipped show the next one reached.
  void observe(Index t, const Tensor& x);
  // The rows, as one picture.
  Tensor picture(Index scale) const;

 private:
  Index T_, rows_, columns_;
  Tensors columns_seen_;  // (rows, h, w, c) each
};

// Images of this shape (n, h, w, c). `observe` is called with T and x_T, which is the first draw of
// `random`, and after every step.
Tensor sample_batch(const EpsTheta& eps_theta, const Schedule& schedule, const Sampler& sampler,
                    const Shape& shape, Random& random, const Observer& observe);

}  // namespace ink::apps
