// A small perceptron trained on Gaussian data comes near the best eps(x, t), which is known.
#include "autograd/ops.h"
#include "diffusion/loss.h"
#include "nn/layers.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tests/support/close.h"
#include "tests/support/gaussian_data.h"

namespace ink::test {
namespace {

constexpr Index kTimeWidth = 16;

// eps(x, t) for points x (n, 2): a perceptron of x and the embedding of t.
struct Perceptron {
  static constexpr Index kWidth = 64;

  explicit Perceptron(const nn::Scope& scope)
      : layers{nn::Linear(scope / 0, 2 + kTimeWidth, kWidth), nn::Silu{},
               nn::Linear(scope / 2, kWidth, kWidth), nn::Silu{},
               nn::Linear(scope / 4, kWidth, 2)} {}
  Variable operator()(const Tensor& x, const Tensor& t) const {
    return layers(concat(Tensors{x, nn::timestep_embedding(t, kTimeWidth)}, 1));
  }

  nn::Sequential<nn::Linear, nn::Silu, nn::Linear, nn::Silu, nn::Linear> layers;
};

// Points whose coordinates are N(m, s^2), each with its own moments.
constexpr GaussianData kFirst{1, 0.4}, kSecond{-0.5, 0.8};

Tensor points(Index n, Random& random) {
  return concat(Tensors{random.normal({n, 1}, Real(kFirst.m), Real(kFirst.s)),
                        random.normal({n, 1}, Real(kSecond.m), Real(kSecond.s))},
                1);
}

// E[eps | x_t] for each point of a batch.
Tensor best_eps(const Schedule& schedule, const NoisedBatch& batch) {
  std::vector<Real> best;
  for (Index i = 0; i < batch.t.count(); ++i) {
    const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(batch.t.at({i}))];
    Index axis = 0;
    for (const GaussianData& data : {kFirst, kSecond}) {
      const double x = static_cast<double>(batch.x_t.at({i, axis++}));
      best.push_back(static_cast<Real>(data.slope(alpha_bar) * (x - data.mean(alpha_bar))));
    }
  }
  return Tensor::from(best, batch.x_t.shape());
}

// The loss of the best eps: the variance of eps given x_t, averaged over t and both coordinates.
double least_loss(const Schedule& schedule) {
  double sum = 0;
  for (Index t = 1; t <= schedule.T; ++t) {
    const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t)];
    for (const GaussianData& data : {kFirst, kSecond}) {
      sum += alpha_bar * data.s * data.s / data.variance(alpha_bar) / 2;
    }
  }
  return sum / static_cast<double>(schedule.T);
}

}  // namespace

TEST_CASE("training: a perceptron on Gaussian points reaches the closed-form optimum (DDPM.21)") {
  const ThreadCount one(1);  // there is too little to share
  const Schedule schedule = Schedule::linear(100, 1e-3, 0.12);
  nn::Parameters parameters;
  const Perceptron eps_theta{nn::Scope(parameters)};
  parameters.allocate(Random(1));
  nn::AdamW optimizer(parameters, {});
  nn::Ema ema(parameters, Real(0.995));
  const Index steps = 1500;
  const nn::LearningRate rate{.peak = Real(5e-3), .warmup = 50, .decay_start = 50, .total = steps};
  Random random(2);
  const NoisedBatch test = add_noise(schedule, points(20'000, random), random);
  const auto test_loss = [&] {
    const NoGrad no_grad;
    return static_cast<double>(simple_loss(eps_theta, test).item());
  };
  const double start = test_loss();
  for (Index step = 0; step < steps; ++step) {
    parameters.zero_gradients();
    simple_loss(eps_theta, add_noise(schedule, points(256, random), random)).backward();
    optimizer.step(rate.at(step));
    ema.update();
  }

  const nn::WithValues averaged(parameters, ema.average());
  const NoGrad no_grad;
  const double least = least_loss(schedule), loss = test_loss();
  CAPTURE(least);
  CHECK(start > 0.9);
  // The squared error of a standard normal has the variance 2, and so at most that of a part of it.
  check_near(loss, least, 0.01 + 5 * std::sqrt(2 / 40'000.), "loss on fresh points");
  // The distance from the best eps is all that exceeds the least loss; it needs no such allowance.
  const double excess = mse(eps_theta(test.x_t, test.t), best_eps(schedule, test)).item();
  CHECK(excess < 0.01);
  check_near(mse(best_eps(schedule, test), test.eps).item(), least, 5 * std::sqrt(2 / 40'000.),
             "loss of the best eps");

  // Its samples have nearly the data's moments.
  const Tensor x = sample_ddpm(
      schedule, [&](const Tensor& x_t, const Tensor& t) { return eps_theta(x_t, t).value(); },
      {4000, 2}, random);
  const Moments first = moments(x.slice(1, 0, 1)), second = moments(x.slice(1, 1, 2));
  check_near(first.mean, kFirst.m, 0.1, "first mean");
  check_near(std::sqrt(first.variance), kFirst.s, 0.1, "first deviation");
  check_near(second.mean, kSecond.m, 0.1, "second mean");
  check_near(std::sqrt(second.variance), kSecond.s, 0.1, "second deviation");
}

}  // namespace ink::test
