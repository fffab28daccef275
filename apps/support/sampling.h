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

  // "DDIM, 50 steps, eta 0".
  std::string to_string() const;
};

// By how much pictures of this size are enlarged, so that their pixels can be seen.
Index picture_scale(Index image_size);

// The network as samplers take it. On a GPU it is repeated as a graph from the third call on.
EpsTheta eps_of(const UNet& unet);

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
// `random`, and after every step. Throws Error when the network wants classes.
Tensor sample_batch(const UNet& unet, const Schedule& schedule, const Sampler& sampler,
                    const Shape& shape, Random& random, const Observer& observe);

}  // namespace ink::apps
