// Layers and blocks against PyTorch and diffusers.
#include "nn/blocks.h"

#include <algorithm>

#include "tests/support/module_checks.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

using nn::Parameters;
using nn::Scope;

Index whole(double x) { return static_cast<Index>(x); }

}  // namespace

TEST_CASE("torch: linear") {
  for (const std::string the_case : {"rows", "tokens"}) {
    CAPTURE(the_case);
    const Reference reference("linear", the_case);
    const Shape& weight = reference.stored("weight").shape();
    Parameters parameters;
    const nn::Linear layer(Scope(parameters), weight[1], weight[0]);
    check_against_torch(reference, parameters, layer);
  }
}

TEST_CASE("torch: conv2d") {
  for (const std::string kind : {"3x3", "3x3_stride2", "1x1"}) {
    for (const std::string sizes : {"3to5_7x7", "17to33_5x6", "4to8_1x4"}) {
      CAPTURE(kind);
      CAPTURE(sizes);
      const Reference reference("conv2d", kind + "." + sizes);
      const Shape& weight = reference.stored("weight").shape();
      Parameters parameters;
      const nn::Conv2d layer(Scope(parameters), weight[1], weight[0], weight[2],
                             kind == "3x3_stride2" ? 2 : 1);
      check_against_torch(reference, parameters, [&](const Variable& x) { return layer(x); });
    }
  }
}

TEST_CASE("torch: group_norm, and with silu") {
  for (const std::string file : {"group_norm", "group_norm_silu"}) {
    for (const std::string the_case : {"c12_g3", "c10_g5", "c7_g7", "c17_g1", "mean1000"}) {
      CAPTURE(file);
      CAPTURE(the_case);
      const Reference reference(file, the_case);
      Parameters parameters;
      const nn::GroupNorm norm(Scope(parameters), whole(reference.number("groups")),
                               reference.stored("weight").count(),
                               static_cast<Real>(reference.number("eps")));
      const auto forward = [&](const Variable& x) {
        return file == "group_norm" ? norm(x) : norm.then_silu(x);
      };
      // A mean of 1000 deviations, rounded to Real, shifts what is left of x by 500 epsilons.
      const double conditioning = the_case == "mean1000" ? 4000 * kEpsilonOfReal : 0;
      check_against_torch(reference, parameters, forward, std::max(kAgainstTorch, conditioning));
    }
  }
}

TEST_CASE("torch: embedding") {
  const Reference reference("embedding");
  Parameters parameters;
  const nn::Embedding table(Scope(parameters), 10, 7);
  parameters.allocate(Random(1));
  reference.load_into(parameters);
  const Variable y = table(reference.stored("indices"));
  CHECK(equal(y.value(), reference.stored("y")));
  y.backward(reference.stored("dy"));
  check_parameter_gradients(reference, parameters);
}

TEST_CASE("torch: timestep_embedding (EMB.1)") {
  for (const Index width : {4, 16, 32, 64}) {
    const Reference reference("time_embedding", "sinusoidal" + std::to_string(width));
    const Tensor y = nn::timestep_embedding(reference.stored("t"), width);
    check_close(y, reference.stored("y"), 4 * kEpsilonOfReal + 1e-12);
  }
}

TEST_CASE("torch: the perceptron of the time embedding") {
  const Reference reference("time_embedding", "mlp");
  Parameters parameters;
  const nn::TimestepEmbedding mlp(Scope(parameters), 8, 32);
  check_against_torch(reference, parameters, mlp);
}

TEST_CASE("torch: residual block of one width, wider and narrower") {
  for (const std::string the_case : {"same", "wider", "narrower"}) {
    CAPTURE(the_case);
    const Reference reference("resnet_block", the_case);
    Parameters parameters;
    const Shape& weight = reference.stored("conv1.weight").shape();
    const nn::ResnetBlock block(Scope(parameters), weight[1], weight[0], 10,
                                whole(reference.number("groups")));
    CHECK(block.conv_shortcut.has_value() == (the_case != "same"));
    // The block expects the SiLU of the embedding, which the UNet computes once for all blocks.
    const Variable embedding(reference.stored("temb"), true);
    check_against_torch(reference, parameters,
                        [&](const Variable& x) { return block(x, silu(embedding)); });
    check_close(embedding.gradient(), reference.stored("dtemb"), kAgainstTorch, "d temb");
    // The same where the last channels come as a skip connection.
    Parameters again;
    const nn::ResnetBlock joins(Scope(again), weight[1], weight[0], 10,
                                whole(reference.number("groups")));
    check_against_torch(reference, again, [&](const Variable& x) {
      const std::vector<Variable> part = split(x, {x.size(3) - 2, 2}, 3);
      return joins(part[0], silu(embedding.detach()), part[1]);
    });
  }
}

TEST_CASE("torch: attention block") {
  for (const std::string the_case : {"block_7x7", "block_5x6"}) {
    CAPTURE(the_case);
    const Reference reference("attention", the_case);
    const Index channels = reference.stored("to_q.bias").count();
    Parameters parameters;
    const nn::AttentionBlock block(Scope(parameters), channels,
                                   channels / whole(reference.number("heads")),
                                   whole(reference.number("groups")));
    check_against_torch(reference, parameters, block);
  }
}

TEST_CASE("torch: downsample, of even and odd sizes") {
  for (const std::string the_case : {"block_8x6", "block_7x5"}) {
    CAPTURE(the_case);
    Parameters parameters;
    const nn::Downsample block(Scope(parameters), 5);
    check_against_torch(Reference("downsample", the_case), parameters, block);
  }
}

TEST_CASE("torch: upsample") {
  Parameters parameters;
  const nn::Upsample block(Scope(parameters), 5);
  check_against_torch(Reference("upsample", "block"), parameters, block);
}

// ---- what a block is at the start, and what it refuses ---------------------------------------

TEST_CASE("blocks: start as their shortcut, since their last layer is zero") {
  Parameters parameters;
  const nn::ResnetBlock same(Scope(parameters, "same."), 8, 8, 6, 2);
  const nn::ResnetBlock wider(Scope(parameters, "wider."), 8, 12, 6, 2);
  const nn::AttentionBlock attention(Scope(parameters, "attention."), 8, 4, 2);
  parameters.allocate(Random(1));
  Random random(2);
  const Tensor x = random.normal({2, 3, 5, 8}), embedding = random.normal({2, 6});
  CHECK(equal(same(x, embedding).value(), x));
  CHECK(equal(attention(x).value(), x));
  CHECK(equal(wider(x, embedding).value(), (*wider.conv_shortcut)(x).value()));
}

TEST_CASE("attention block: refuses a head size that does not divide the channels") {
  Parameters parameters;
  check_parts(error_of([&] { nn::AttentionBlock(Scope(parameters), 8, 3, 2); }),
              {"[attention]", "8 channels", "3"});
  Parameters others;
  check_parts(error_of([&] { nn::AttentionBlock(Scope(others), 8, 0, 2); }), {"[attention]", "0"});
}

}  // namespace ink::test
