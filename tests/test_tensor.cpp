// Tensors: making, viewing, copying, reading.
#include "tensor/tensor.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink {
namespace {

// 0, 1, 2, ... in this shape.
Tensor counting(const Shape& shape) { return Tensor::arange(0, shape.count()).reshape(shape); }

std::vector<Real> values(const Tensor& x) { return x.to_vector(); }

using Values = std::vector<Real>;

}  // namespace

TEST_CASE("tensor: making one") {
  CHECK_FALSE(Tensor().defined());
  CHECK(Tensor({2, 3}).defined());
  CHECK(values(Tensor::zeros({2})) == Values{0, 0});
  CHECK(values(Tensor::ones({2})) == Values{1, 1});
  CHECK(values(Tensor::full({3}, Real(2.5))) == Values{2.5, 2.5, 2.5});
  CHECK(Tensor::scalar(7).shape() == Shape{});
  CHECK(Tensor::scalar(7).item() == 7);
  CHECK(values(Tensor::arange(-1, 3)) == Values{-1, 0, 1, 2});
  CHECK(Tensor::arange(5, 5).shape() == Shape{0});
  CHECK(Tensor::from({1, 2, 3, 4}, {2, 2}).at({1, 0}) == 3);
  CHECK(Tensor::from(Values{1, 2}, {2}).at({1}) == 2);
  CHECK(Tensor::zeros({3, 0, 2}).count() == 0);
  CHECK(values(Tensor::zeros({3, 0, 2})).empty());
}

TEST_CASE("tensor: wrong sizes when making one") {
  CHECK_THROWS_WITH_AS(Tensor({2, -3}),
                       "[tensor] expected sizes of at least 0, got the shape (2,-3)", Error);
  CHECK_THROWS_WITH_AS(Tensor({Index{1} << 40, Index{1} << 40}),
                       "[tensor] the shape (1099511627776,1099511627776) has more elements than "
                       "can be counted",
                       Error);
  CHECK_THROWS_WITH_AS(Tensor::arange(3, 2), "[arange] expected first <= last, got 3 and 2", Error);
  CHECK_THROWS_WITH_AS(Tensor::from({1, 2, 3}, {2, 2}),
                       "[from] the shape (2,2) holds 4 elements, but 3 values were given", Error);
}

TEST_CASE("tensor: sizes, axes, strides") {
  const Tensor x({2, 3, 4});
  CHECK(x.axes() == 3);
  CHECK(x.size(0) == 2);
  CHECK(x.size(-1) == 4);
  CHECK(x.count() == 24);
  CHECK(x.strides() == Shape{12, 4, 1});
  CHECK(x.device() == Device::cpu);
  CHECK_THROWS_WITH_AS(x.size(3), "[size] axis 3 is out of range for a tensor of 3 axes", Error);
}

TEST_CASE("tensor: copies share the storage, clones do not") {
  Tensor x = Tensor::zeros({2});
  CHECK_FALSE(x.is_shared());
  Tensor same = x;
  CHECK(x.is_shared());
  const Tensor other = x.clone();
  same.fill_(1);
  CHECK(values(x) == Values{1, 1});
  CHECK(values(other) == Values{0, 0});
}

TEST_CASE("tensor: every view sees what is written through another (TEN.3)") {
  const Tensor x = Tensor::zeros({2, 3});
  Real written = 0;
  for (Tensor view : {x, x.reshape({6}), x.reshape({3, 2}), x.permute({1, 0}), x.transpose(0, 1),
                      x.slice(1, 0, 3), x.unsqueeze(1), x.unsqueeze(0).squeeze(0)}) {
    written += 1;
    view.fill_(written);
    CHECK(values(x) == Values(6, written));
    CHECK(view.data() == x.data());
  }
}

TEST_CASE("tensor: reshape") {
  const Tensor x = counting({2, 6});
  CHECK(x.reshape({3, 4}).at({2, 1}) == 9);
  CHECK(x.reshape({-1}).shape() == Shape{12});
  CHECK(x.reshape({4, -1}).shape() == Shape{4, 3});
  CHECK(x.reshape({2, -1, 3}).shape() == Shape{2, 2, 3});
  CHECK(x.reshape({1, 12, -1}).shape() == Shape{1, 12, 1});
  CHECK(Tensor::scalar(3).reshape({1, 1}).at({0, 0}) == 3);
  CHECK(Tensor::zeros({0, 3}).reshape({3, 0}).shape() == Shape{3, 0});
  // A view that is not compact is copied.
  const Tensor turned = x.transpose(0, 1).reshape({12});
  CHECK(turned.at({1}) == 6);
  CHECK(turned.data() != x.data());
}

TEST_CASE("tensor: a reshape that does not fit") {
  const Tensor x = counting({2, 6});
  CHECK_THROWS_WITH_AS(x.reshape({5}),
                       "[reshape] a tensor of shape (2,6) cannot take the shape (5)", Error);
  CHECK_THROWS_WITH_AS(x.reshape({5, -1}),
                       "[reshape] a tensor of shape (2,6) cannot take the shape (5,-1)", Error);
  CHECK_THROWS_AS(x.reshape({-1, -1}), Error);
  CHECK_THROWS_AS(x.reshape({-2, -6}), Error);
  CHECK_THROWS_AS(x.reshape({0, -1}), Error);
}

TEST_CASE("tensor: permute and transpose") {
  const Tensor x = counting({2, 3, 4});
  const Tensor y = x.permute({2, 0, 1});
  CHECK(y.shape() == Shape{4, 2, 3});
  CHECK(y.strides() == Shape{1, 12, 4});
  CHECK_FALSE(y.is_contiguous());
  CHECK(y.at({3, 1, 2}) == x.at({1, 2, 3}));
  CHECK(y.contiguous().at({3, 1, 2}) == x.at({1, 2, 3}));
  CHECK(x.transpose(-1, 0).at({3, 2, 1}) == x.at({1, 2, 3}));
  CHECK(Tensor::scalar(1).permute({}).item() == 1);

  const char* const message = "[permute] expected an order of the 3 axes of (2,3,4), got (0,1)";
  CHECK_THROWS_WITH_AS(x.permute({0, 1}), message, Error);
  CHECK_THROWS_WITH_AS(x.permute({0, 1, 1}),
                       "[permute] expected an order of the 3 axes of (2,3,4), got (0,1,1)", Error);
  CHECK_THROWS_AS(x.permute({0, 1, 3}), Error);
  CHECK_THROWS_WITH_AS(x.transpose(0, 3),
                       "[transpose] axis 3 is out of range for a tensor of 3 axes", Error);
}

TEST_CASE("tensor: slice") {
  const Tensor x = counting({3, 4});
  CHECK(values(x.slice(0, 1, 2)) == Values{4, 5, 6, 7});
  CHECK(values(x.slice(-1, 2, 4)) == Values{2, 3, 6, 7, 10, 11});
  CHECK(x.slice(1, 2, 2).shape() == Shape{3, 0});
  CHECK(x.slice(0, 1, 3).is_contiguous());
  CHECK_FALSE(x.slice(1, 0, 2).is_contiguous());
  // One row or one column of what remains is compact again.
  CHECK(x.slice(0, 1, 2).slice(1, 1, 3).is_contiguous());
  const std::string message =
      "[slice] expected 0 <= first <= last <= 4 on axis 1 of (3,4), got 1 and 5";
  CHECK_THROWS_WITH_AS(x.slice(1, 1, 5), message.c_str(), Error);
  CHECK_THROWS_AS(x.slice(1, -1, 2), Error);
  CHECK_THROWS_AS(x.slice(1, 3, 2), Error);
  CHECK_THROWS_WITH_AS(x.slice(2, 0, 1), "[slice] axis 2 is out of range for a tensor of 2 axes",
                       Error);
}

TEST_CASE("tensor: expand repeats without copying (TEN.1)") {
  const Tensor x = Tensor::from({1, 2}, {2, 1});
  const Tensor y = x.expand({3, 2, 2});
  CHECK(y.strides() == Shape{0, 1, 0});
  CHECK(y.data() == x.data());
  CHECK(values(y) == Values{1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2});
  CHECK(Tensor::scalar(5).expand({2}).at({1}) == 5);
  CHECK_THROWS_WITH_AS(x.expand({3}), "[expand] a tensor of shape (2,1) does not expand to (3)",
                       Error);
  CHECK_THROWS_WITH_AS(y.expand({1, 2, 2}),
                       "[expand] a tensor of shape (3,2,2) does not expand to (1,2,2)", Error);
  CHECK_THROWS_WITH_AS(x.expand({3, 1}),
                       "[expand] the shapes (2,1) and (3,1) do not broadcast: sizes 2 and 3 stand "
                       "opposite, expected equal sizes or a 1",
                       Error);
}

TEST_CASE("tensor: squeeze and unsqueeze") {
  const Tensor x = counting({2, 1, 3});
  CHECK(x.squeeze(1).shape() == Shape{2, 3});
  CHECK(x.squeeze(-2).at({1, 2}) == 5);
  CHECK(x.unsqueeze(0).shape() == Shape{1, 2, 1, 3});
  CHECK(x.unsqueeze(-1).shape() == Shape{2, 1, 3, 1});
  CHECK(x.unsqueeze(3).is_contiguous());
  CHECK_THROWS_WITH_AS(
      x.squeeze(0), "[squeeze] expected an axis of size 1, got size 2 on axis 0 of (2,1,3)", Error);
  CHECK_THROWS_WITH_AS(x.unsqueeze(4), "[unsqueeze] axis 4 is out of range for a tensor of 4 axes",
                       Error);
}

TEST_CASE("tensor: contiguous copies only what is not compact") {
  const Tensor x = counting({2, 3});
  CHECK(x.contiguous().data() == x.data());
  const Tensor turned = x.transpose(0, 1), compact = turned.contiguous();
  CHECK(compact.data() != x.data());
  CHECK(compact.is_contiguous());
  CHECK(values(compact) == Values{0, 3, 1, 4, 2, 5});
  CHECK(values(turned) == values(compact));
  CHECK(x.clone().data() != x.data());
  CHECK(x.to(Device::cpu).data() == x.data());
}

TEST_CASE("tensor: copy_ broadcasts into a view of any kind") {
  Tensor x = Tensor::zeros({3, 2});
  x.copy_(Tensor::from({1, 2}, {2}));
  CHECK(values(x) == Values{1, 2, 1, 2, 1, 2});
  x.transpose(0, 1).copy_(Tensor::from({3, 4, 5}, {3}));
  CHECK(values(x) == Values{3, 3, 4, 4, 5, 5});
  x.slice(0, 1, 2).copy_(Tensor::scalar(9));
  CHECK(values(x) == Values{3, 3, 9, 9, 5, 5});
  x.slice(1, 1, 2).fill_(0);
  CHECK(values(x) == Values{3, 0, 9, 0, 5, 0});
  CHECK_THROWS_AS(x.copy_(Tensor::zeros({3})), Error);
  CHECK_THROWS_WITH_AS(x.copy_(Tensor::zeros({1, 3, 2})),
                       "[expand] a tensor of shape (1,3,2) does not expand to (3,2)", Error);
}

TEST_CASE("tensor: writes are counted, reads are not") {
  Tensor x = Tensor::zeros({2, 2});
  const std::uint64_t before = x.version();
  CHECK(x.data() != nullptr);
  CHECK(values(x).size() == 4);
  CHECK(x.version() == before);
  x.slice(0, 0, 1).fill_(1);
  CHECK(x.version() > before);
}

TEST_CASE("tensor: item and at") {
  const Tensor x = counting({2, 3});
  CHECK(x.at({1, 1}) == 4);
  CHECK(x.slice(0, 1, 2).slice(1, 2, 3).item() == 5);
  CHECK_THROWS_WITH_AS(x.item(), "[item] expected a tensor of one element, got the shape (2,3)",
                       Error);
  CHECK_THROWS_WITH_AS(x.at({1}), "[at] expected 2 indices for (2,3), got 1", Error);
  CHECK_THROWS_AS(x.at({1, 3}), Error);
  CHECK_THROWS_AS(x.at({-1, 0}), Error);
}

TEST_CASE("tensor: a device that the build lacks is refused") {
  if constexpr (!kCuda) {
    CHECK_THROWS_WITH_AS(Tensor::zeros({2}, Device::cuda),
                         "[allocate] this build of Inkling has no CUDA", Error);
  }
}

TEST_CASE("tensor: tensors of two devices do not mix") {
  if constexpr (kCuda) {
    Tensor x = Tensor::zeros({2});
    const Tensor y = Tensor::zeros({2}, Device::cuda);
    CHECK_THROWS_WITH_AS(
        x + y, "[add] expected both inputs on one device, got (2) on the CPU and (2) on the GPU",
        Error);
    CHECK_THROWS_WITH_AS(x.copy_(y), "[copy_] expected both tensors on one device", Error);
    CHECK(equal(y.to(Device::cpu), x));
  }
}

}  // namespace ink
