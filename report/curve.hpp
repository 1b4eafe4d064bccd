// SPDX-License-Identifier: Apache-2.0
//
// The values that were logged under one name.
#pragma once

#include <cstdint>
#include <vector>

namespace trainer::report {

struct Point {
  std::int64_t step = 0;
  double epoch = 0;
  double value = 0;
};

/// Keeps every point until there are too many to draw, then the lowest and the highest of each so many that follow one
/// another, and the last: what it takes stays the same however long the run is. Points come in the order of their
/// steps.
class Curve {
 public:
  /// Points that are kept as they are, and spans of them at most, after that.
  static constexpr std::size_t most = 8192;

  void add(const Point& point);
  /// One that was kept before, of a curve that had `logged` in spans of `span`.
  void restore(std::vector<Point> points, std::uint64_t logged, std::uint64_t span);

  std::uint64_t logged() const { return logged_; }
  std::uint64_t span() const { return span_; }  ///< logged points of which two are kept; 1: all are
  std::vector<Point> points() const;

 private:
  struct Span {
    Point low, high;
    std::uint64_t count = 0;
    bool low_first = true;
  };
  static void join(Span& to, const Span& next);
  void halve();

  std::vector<Span> spans_;
  Point last_;
  std::uint64_t logged_ = 0, span_ = 1;
};

}  // namespace trainer::report
