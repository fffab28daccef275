// Trains a diffusion model: Algorithm 1 of Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic
// Models", 2020.
#include "apps/support/monitor.h"
#include "apps/support/program.h"
#include "apps/support/start.h"
#include "apps/support/training_data.h"

namespace ink::apps {
namespace {

int train(const TrainOptions& options, const std::string& command) {
  const Start start = begin(options);
  const ImageSet images = load_training_data(start.settings);
  TrainingState state(start.settings, network_for(start.settings, images), fingerprint(images),
                      images.count(), start.device);
  start.set_out(state, options, images.count());
  print_plan(start, state, images);
  if (options.summary) return 0;

  const Schedule schedule = Schedule::linear();
  Monitor monitor(state, schedule, start.folder, command);
  const Network eps_theta = monitor.watch(
      [&unet = state.model.unet](const Tensor& x_t, const Tensor& t) { return unet(x_t, t); });
  const Tensor share = Tensor::scalar(Real(1) / static_cast<Real>(state.settings.accumulate));

  while (!monitor.finished()) {
    state.model.parameters.zero_gradients();
    for (Index part = 0; part < state.settings.accumulate; ++part) {
      const Tensor x0 = images.batch(state.order.next(state.settings.batch), start.device);
      const NoisedBatch batch = add_noise(schedule, x0, state.noise);
      const Variable loss = simple_loss(eps_theta, batch);
      monitor.after_batch(batch, loss);
      loss.backward(share);
    }
    const Real gradient_norm = state.optimizer.step(state.plan.rate().at(state.step));
    state.ema.update();
    monitor.after_step(gradient_norm);
  }
  return monitor.finish();
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  return run_program("train_mnist", [&] {
    const auto options = parse_train_options(argc, argv);
    return options ? train(*options, command_line(argc, argv)) : 0;
  });
}
