#include "apps/figures/loss_by_time.h"

#include <array>

#include "apps/support/checkpoint.h"
#include "apps/support/sampling.h"
#include "apps/support/training_data.h"
#include "diffusion/schedule.h"
#include "io/file.h"
#include "io/idx.h"
#include "tensor/ops.h"

namespace ink::apps {

void measure_loss_by_time(const std::vector<std::string>& checkpoints,
                          const std::filesystem::path& table) {
  constexpr Index kImages = 128;
  constexpr std::array<Index, 17> kTimes{1,   2,   4,   7,   12,  20,  35,  60,  100,
                                         150, 200, 300, 400, 500, 650, 800, 1000};
  const Schedule schedule = Schedule::linear();
  const ImageSet images = load_mnist(default_data_folder(), Split::test);
  const Tensor x0 = images.batch(Tensor::arange(0, kImages));
  Random random(0);
  const Tensor eps = random.normal(x0.shape());

  std::string head = "t";
  std::array<std::string, kTimes.size()> rows;
  for (std::size_t i = 0; i < kTimes.size(); ++i) rows[i] = std::to_string(kTimes[i]);
  for (const std::string& checkpoint : checkpoints) {
    const auto model = load_model(checkpoint, Device::cpu);
    const EpsTheta eps_theta = eps_of(model->unet);
    head += fmt::format(",{}", std::filesystem::path(checkpoint).filename().string());
    for (std::size_t i = 0; i < kTimes.size(); ++i) {
      const Tensor t = Tensor::full({kImages}, static_cast<Real>(kTimes[i]));
      const Tensor error = eps_theta(q_sample(schedule, x0, t, eps), t) - eps;
      rows[i] += fmt::format(",{:.5f}", mean(error * error).item());
    }
  }
  std::string text = fmt::format(
      "# The mean of (eps - eps_theta)^2 over {} test images of MNIST, by t. A column is a "
      "checkpoint:\n"
      "# build/figures --measure CHECKPOINT ..., each in a folder of its column's name.\n{}\n",
      kImages, head);
  for (const std::string& row : rows) text += row + "\n";
  write_file_atomically(table, text);
}

}  // namespace ink::apps
