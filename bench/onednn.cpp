#include "bench/onednn.h"

#ifdef INK_ONEDNN

#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "bench/timer.h"

namespace ink::bench {
namespace {

constexpr int kRuns = 7;

using dnnl::memory;
using Tag = memory::format_tag;

// The four arrays of a convolution, and what they look like.
struct Descriptions {
  explicit Descriptions(const Conv2dSizes& s)
      : x({s.n, s.c_in, s.h, s.w}, memory::data_type::f32, Tag::nhwc),
        y({s.n, s.c_out, s.out_h(), s.out_w()}, memory::data_type::f32, Tag::nhwc),
        w({s.c_out, s.c_in, s.kernel_h, s.kernel_w}, memory::data_type::f32, Tag::any),
        bias({s.c_out}, memory::data_type::f32, Tag::x),
        stride{s.stride, s.stride},
        padding{s.padding, s.padding} {}

  memory::desc x, y, w, bias;
  memory::dims stride, padding;
};

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

// Version 3 has no operation descriptors any more.
auto forward_of(const Descriptions& d, const dnnl::engine& engine) {
  using Forward = dnnl::convolution_forward;
#if DNNL_VERSION_MAJOR >= 3
  return Forward::primitive_desc(engine, dnnl::prop_kind::forward_training, kDirect, d.x, d.w,
                                 d.bias, d.y, d.stride, d.padding, d.padding);
#else
  return Forward::primitive_desc({dnnl::prop_kind::forward_training, kDirect, d.x, d.w, d.bias, d.y,
                                  d.stride, d.padding, d.padding},
                                 engine);
#endif
}
auto data_of(const Descriptions& d, const dnnl::engine& engine,
             const dnnl::convolution_forward::primitive_desc& hint) {
  using Data = dnnl::convolution_backward_data;
#if DNNL_VERSION_MAJOR >= 3
  return Data::primitive_desc(engine, kDirect, d.x, d.w, d.y, d.stride, d.padding, d.padding, hint);
#else
  return Data::primitive_desc({kDirect, d.x, d.w, d.y, d.stride, d.padding, d.padding}, engine,
                              hint);
#endif
}
auto weight_of(const Descriptions& d, const dnnl::engine& engine,
               const dnnl::convolution_forward::primitive_desc& hint) {
  using Weight = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
  return Weight::primitive_desc(engine, kDirect, d.x, d.w, d.bias, d.y, d.stride, d.padding,
                                d.padding, hint);
#else
  return Weight::primitive_desc({kDirect, d.x, d.w, d.bias, d.y, d.stride, d.padding, d.padding},
                                engine, hint);
#endif
}

// The seconds of a primitive on arrays of ones, of which it says itself how they are laid out.
template <class Primitive, class Description>
double seconds_of(const Description& description, const dnnl::engine& engine,
                  const std::vector<std::pair<int, memory::desc>>& arrays) {
  std::unordered_map<int, memory> arguments;
  for (const auto& [argument, layout] : arrays) {
    memory array(layout, engine);
    auto* const data = static_cast<float*>(array.get_data_handle());
    for (std::size_t i = 0; i < layout.get_size() / sizeof(float); ++i) data[i] = 1;
    arguments.emplace(argument, array);
  }
  dnnl::stream stream(engine);
  const Primitive primitive(description);
  return best_of(kRuns, [&] {
    primitive.execute(stream, arguments);
    stream.wait();
  });
}

}  // namespace

std::optional<ConvSeconds> time_onednn(const Conv2dSizes& sizes) {
  if (sizeof(Real) != sizeof(float)) return std::nullopt;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Descriptions d(sizes);
  const auto forward = forward_of(d, engine);
  const auto data = data_of(d, engine, forward);
  const auto weight = weight_of(d, engine, forward);
  return ConvSeconds{
      seconds_of<dnnl::convolution_forward>(forward, engine,
                                            {{DNNL_ARG_SRC, forward.src_desc()},
                                             {DNNL_ARG_WEIGHTS, forward.weights_desc()},
                                             {DNNL_ARG_BIAS, forward.bias_desc()},
                                             {DNNL_ARG_DST, forward.dst_desc()}}),
      seconds_of<dnnl::convolution_backward_data>(data, engine,
                                                  {{DNNL_ARG_DIFF_SRC, data.diff_src_desc()},
                                                   {DNNL_ARG_WEIGHTS, data.weights_desc()},
                                                   {DNNL_ARG_DIFF_DST, data.diff_dst_desc()}}),
      seconds_of<dnnl::convolution_backward_weights>(
          weight, engine,
          {{DNNL_ARG_SRC, weight.src_desc()},
           {DNNL_ARG_DIFF_WEIGHTS, weight.diff_weights_desc()},
           {DNNL_ARG_DIFF_BIAS, weight.diff_bias_desc()},
           {DNNL_ARG_DIFF_DST, weight.diff_dst_desc()}})};
}

}  // namespace ink::bench

#else

namespace ink::bench {

std::optional<ConvSeconds> time_onednn(const Conv2dSizes&) { return std::nullopt; }

}  // namespace ink::bench

#endif
