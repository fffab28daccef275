// Convolutions between an image and one of twice its size. They are convolutions of the smaller
// image, one for each of the four places, the phases, that a pixel of the larger one may have in
// its square of 2 x 2. (WINO.12)
#pragma once

#include <array>

#include "tensor/cpu/winograd.h"

namespace ink::cpu::winograd {

// Which taps of a line are added up to each tap that a phase sees: bit j of of[i] says that tap j
// is part of tap i.
struct Taps {
  unsigned of[3];

  constexpr bool has(int i, int j) const { return (of[i] >> j & 1U) != 0; }
  // Whether the line may be other than zero at a point: its value at 0 is its first tap, that at
  // infinity its last one. (WINO.13)
  constexpr bool reach(Index point) const {
    if (point == 0) return of[0] != 0;
    return point != kInfinity || of[2] != 0;
  }
};

// A place in the square and what it sees of a filter.
struct Phase {
  Index row, column;  // 0 or 1
  Taps rows, columns;

  constexpr bool reaches(Index point) const {
    return rows.reach(point / kWindow) && columns.reach(point % kWindow);
  }
};

// Which of a convolution's two images is the larger one. Each phase of a larger result is a result;
// over the phases of a larger image the results are summed.
enum class Larger { neither, result, image };
struct Phases {
  Larger larger;
  Index count;
  std::array<Phase, 4> list;

  constexpr const Phase& operator[](Index i) const { return list[static_cast<std::size_t>(i)]; }
  constexpr bool of_image() const { return larger == Larger::image; }
};

inline constexpr Phases kOneSize{
    Larger::neither, 1, {{{0, 0, {0b001, 0b010, 0b100}, {0b001, 0b010, 0b100}}}}};

constexpr Phases four_phases(Larger larger, const Taps& even, const Taps& odd) {
  return {
      larger, 4, {{{0, 0, even, even}, {0, 1, even, odd}, {1, 0, odd, even}, {1, 1, odd, odd}}}};
}

// After an upsampling two neighbouring taps read the same pixel: results in even places have the
// taps g_0, g_1 + g_2 and 0, those in odd ones 0, g_0 + g_1 and g_2.
inline constexpr Phases kUpsampled =
    four_phases(Larger::result, {0b001, 0b110, 0b000}, {0b000, 0b011, 0b100});
// Its gradient runs the other way, with the taps in reverse.
inline constexpr Phases kUpsampledGradient =
    four_phases(Larger::image, {0b000, 0b011, 0b100}, {0b001, 0b110, 0b000});

// The taps of a line that a phase sees, `step` apart and `count` elements each, in whole vectors.
inline void fold_line(Real* folded, const Real* taps, Index step, Index count, const Taps& sees) {
  for (int i = 0; i < 3; ++i)
    for (Index k = 0; k < count; k += kLanes) {
      Vector sum{};
      for (int j = 0; j < 3; ++j)
        if (sees.has(i, j)) sum += load(taps + j * step + k);
      store(folded + i * step + k, sum);
    }
}

// The taps (9, size) that a phase sees of a filter's, by way of `half`, of the same size.
inline void fold(Real* folded, Real* half, const Real* taps, Index size, const Phase& phase) {
  fold_line(half, taps, 3 * size, 3 * size, phase.rows);
  for (Index row = 0; row < 9 * size; row += 3 * size)
    fold_line(folded + row, half + row, size, size, phase.columns);
}

// The adjoint of fold, added to the gradient of the filter's taps.
[[gnu::always_inline]] inline void unfold(Vector (&taps)[9], const Vector (&folded)[9],
                                          const Phase& phase) {
#pragma GCC unroll 9
  for (int i = 0; i < 9; ++i)
#pragma GCC unroll 9
    for (int j = 0; j < 9; ++j)
      if (phase.rows.has(i / 3, j / 3) && phase.columns.has(i % 3, j % 3)) taps[j] += folded[i];
}

}  // namespace ink::cpu::winograd
