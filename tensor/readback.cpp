#include "tensor/readback.h"

#include <utility>

#include "tensor/check.h"
#include "tensor/kernels/graph.h"

namespace ink {

void Readback::request(const Tensor& x) {
  Request request{{}, nullptr, static_cast<std::size_t>(x.count())};
  if constexpr (kCuda) {
    if (x.device() == Device::cuda) {
      if (spare_.empty()) {
        spare_.push_back(std::make_shared<cuda::Outputs>(request.count * sizeof(Real)));
      }
      request.outputs = std::move(spare_.back());
      spare_.pop_back();
      request.outputs->fetch(x.contiguous().data());
      pending_.push_back(std::move(request));
      return;
    }
  }
  request.values = x.to_vector();
  pending_.push_back(std::move(request));
}

std::vector<Real> Readback::take() {
  check(!pending_.empty(), "readback", "nothing was asked for");
  Request request = std::move(pending_.front());
  pending_.pop_front();
  if constexpr (kCuda) {
    if (request.outputs != nullptr) {
      const auto* const values = static_cast<const Real*>(request.outputs->wait());
      request.values.assign(values, values + request.count);
      spare_.push_back(std::move(request.outputs));
    }
  }
  return std::move(request.values);
}

}  // namespace ink
