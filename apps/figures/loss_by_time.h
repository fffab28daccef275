// The loss of a trained network by time: the numbers of the figure of chapter 17.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ink::apps {

// For each checkpoint the mean of || eps - eps_theta(x_t, t) ||^2 over test images of MNIST, at
// times from 1 to 1000, as a table with a column for each. The same images and noise for all.
void measure_loss_by_time(const std::vector<std::string>& checkpoints,
                          const std::filesystem::path& table);

}  // namespace ink::apps
