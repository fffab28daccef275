// The figures of the derivations. Each is a function of the library's own numbers; the tests
// compare what is drawn with the closed form.
#pragma once

#include <string>
#include <vector>

#include "apps/figures/figure.h"

namespace ink::apps {

// Part I.
Figure draw_strides();         // 1: one storage, three views
Figure draw_tape();            // 2: the tape of a small expression
Figure draw_differences();     // 2: the error of a difference by its step
Figure draw_activations();     // 3
Figure draw_products();        // 4: the shapes of a product and of its gradients
Figure draw_tile_walk();       // 5: what a tile of the convolution reads, tap by tap
Figure draw_group_norm();      // 6: a gradient loses its mean and its stretch
Figure draw_online_softmax();  // 7: the running sums, block by block
Figure draw_time_embedding();  // 8
Figure draw_average();         // 9: the weights of the moving average
Figure draw_register_tile();   // 10: loads for each multiply-add
Figure draw_interpolation();   // 10b: the polynomials behind Winograd's matrices

// Part II.
Figure draw_gaussians();     // 12: the product of two densities
Figure draw_divergences();   // 13: the two orders of KL
Figure draw_bound();         // 14: the bound and its gap
Figure draw_schedules();     // 15: alpha_bar, SNR, beta and beta_tilde
Figure draw_marginals();     // 15: a mixture dissolves
Figure draw_posterior();     // 16: the mean as a blend of x_t and x_0
Figure draw_loss_by_time();  // 17: from the table loss_by_time.csv
Figure draw_scores();        // 17: the best answer in the plane
Figure draw_variances();     // 18: the two sigmas
Figure draw_paths();         // 18, 21: from noise to data
Figure draw_ddim_steps();    // 21: what few steps cost
Figure draw_guidance();      // 22: clusters become sharper

// A figure and the name of its file, without ".svg".
struct NamedFigure {
  std::string name;
  Figure (*draw)();
};
const std::vector<NamedFigure>& all_figures();

// x_0 dissolving into noise: a row for each of a few digits of MNIST, a column for each time, the
// same noise along a row. (H,W,1) on [-1,1]. (FWD.4)
Tensor dissolving_digits();
// The times of its columns.
std::vector<Index> dissolving_times();

}  // namespace ink::apps
