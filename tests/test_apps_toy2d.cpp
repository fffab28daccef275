// The toy in the plane: its closed form against differences of the density, and what is learned
// against the closed form.
#include "apps/support/mixture.h"
#include "apps/support/toy_network.h"
#include "diffusion/loss.h"
#include "nn/optim/adamw.h"
#include "tests/support/close.h"

namespace ink::test {
namespace {

using apps::Mixture;

const Mixture kData({{1, 0}, {-0.5, 0.5}, {0, -1}}, 0.3);

// log q(x_t) of kData, up to a constant.
double log_density(double x, double y, double alpha_bar) {
  const double root = std::sqrt(alpha_bar), v = alpha_bar * 0.09 + 1 - alpha_bar;
  double sum = 0;
  for (const auto& [a, b] : {std::pair{1., 0.}, {-0.5, 0.5}, {0., -1.}})
    sum += std::exp(-(std::pow(x - root * a, 2) + std::pow(y - root * b, 2)) / (2 * v));
  return std::log(sum);
}

}  // namespace

TEST_CASE("toy2d: the best eps is -sqrt(1 - alpha_bar) times the score") {
  const Schedule schedule = Schedule::linear();
  Random random(1);
  const Tensor x = random.normal({20, 2}), t = random.uniform_int(1, 1000, {20});
  const Tensor eps = kData.best_eps(schedule)(x, t);
  for (Index i = 0; i < 20; ++i) {
    const double a = static_cast<double>(x.data()[2 * i]), h = 1e-5;
    const double b = static_cast<double>(x.data()[2 * i + 1]);
    const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t.data()[i])];
    const double factor = -std::sqrt(1 - alpha_bar) / (2 * h);
    const double tolerance = sizeof(Real) == 4 ? 1e-5 : 1e-8;
    check_near(static_cast<double>(eps.data()[2 * i]),
               factor * (log_density(a + h, b, alpha_bar) - log_density(a - h, b, alpha_bar)),
               tolerance, "x");
    check_near(static_cast<double>(eps.data()[2 * i + 1]),
               factor * (log_density(a, b + h, alpha_bar) - log_density(a, b - h, alpha_bar)),
               tolerance, "y");
  }
}

TEST_CASE("toy2d: the exact sampler lands where the data are") {
  const Schedule schedule = Schedule::linear();
  const Mixture data = Mixture::ring();
  Random random(2);
  CHECK(data.share_at_home(data.sample(500, random)) > 0.99);
  CHECK(data.share_at_home(random.normal({500, 2})) < 0.5);
  const Tensor x = sample_ddim(schedule, data.best_eps(schedule), {500, 2}, random, {.steps = 100});
  CHECK(data.share_at_home(x) > 0.98);
}

TEST_CASE("toy2d: the network comes near the closed form") {
  const Schedule schedule = Schedule::linear();
  Random random(3);
  nn::Parameters parameters;
  const apps::ToyNetwork network(nn::Scope{parameters}, 32);
  parameters.allocate(random.fork(0));
  nn::AdamW optimizer(parameters, {});
  const Network eps_theta = [&](const Tensor& x, const Tensor& t) { return network(x, t); };
  const auto distance = [&] {
    Random fixed(4);
    const NoGrad no_grad;
    const NoisedBatch batch = add_noise(schedule, kData.sample(1000, fixed), fixed);
    const Tensor d =
        network(batch.x_t, batch.t).value() - kData.best_eps(schedule)(batch.x_t, batch.t);
    return static_cast<double>(mean(d * d).item());
  };
  const double before = distance();
  for (int step = 0; step < 300; ++step) {
    const Variable loss =
        simple_loss(eps_theta, add_noise(schedule, kData.sample(256, random), random));
    parameters.zero_gradients();
    loss.backward();
    optimizer.step(Real(3e-3));
  }
  const double after = distance();
  CHECK_MESSAGE(after < 0.05 * before, "from ", before, " to ", after);
}

}  // namespace ink::test
