// Trains a diffusion model: Algorithm 1 of Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic
// Models", 2020.
#include "apps/support/monitor.h"
#include "apps/support/start.h"
#include "apps/support/training_data.h"
#include "apps/support/waiting.h"
#include "tensor/graph.h"

namespace ink::apps {
namespace {

// Algorithm 1. A step takes `batches` batches of `batch_size` images and adds up their gradients.
void train(TrainingState& state, const TrainingImages& images, const Schedule& schedule,
           Monitor& monitor) {
  nn::Parameters& parameters = state.model.parameters;
  const Device device = state.model.device();
  const Index batch_size = state.settings.batch, batches = state.settings.accumulate;
  const Tensor weight = Tensor::full({}, Real(1) / static_cast<Real>(batches), device);
  const Network eps_theta = monitor.watch(
      [&state](const Tensor& x_t, const Tensor& t) { return state.model.unet(x_t, t); });

  const auto one_step = [&] {
    parameters.zero_gradients();
    for (Index i = 0; i < batches; ++i) {
      const Tensor x0 = images.next(state.order, batch_size);
      const NoisedBatch batch = add_noise(schedule, x0, state.noise);
      const Variable loss = weighted_loss(schedule, state.settings.weight_limit, eps_theta, batch);
      monitor.after_batch(batch);
      loss.backward(weight);
    }
    const Tensor gradient_norm = state.optimizer.step(state.plan.rate(), state.ema);
    monitor.after_update(gradient_norm);
  };

  Repeated step(device, one_step);
  while (!monitor.finished()) {
    step();
    monitor.after_step();
  }
}

int run(const TrainOptions& options, const Command& command) {
  const Start start = begin(options);
  const ImageSet images = load_training_data(start.settings);
  TrainingState state(start.settings, network_for(start.settings, images), fingerprint(images),
                      images.count(), start.device);
  start.set_out(state, options, images.count());
  if (options.summary) {
    print_summary(state);
    return 0;
  }
  print_plan(start, state, images);

  const Schedule schedule = Schedule::linear();
  Monitor monitor(state, schedule, start.folder, options.save_every, command);
  train(state, TrainingImages(images, start.device), schedule, monitor);
  return monitor.finish();
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  sleep_while_waiting(argv);
  return run_program("train_mnist", [&] {
    const auto options = parse_train_options(argc, argv);
    return options ? run(*options, Command(argc, argv)) : 0;
  });
}
