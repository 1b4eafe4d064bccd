// SPDX-License-Identifier: Apache-2.0
#include "report/curve.hpp"

#include <cmath>

namespace trainer::report {

void Curve::add(const Point& point) {
  ++logged_;
  last_ = point;
  const Span one{point, point, 1, true};
  if (!spans_.empty() && spans_.back().count < span_) {
    join(spans_.back(), one);
    return;
  }
  if (spans_.size() == most) halve();
  // After that the last one may have room again.
  if (!spans_.empty() && spans_.back().count < span_)
    join(spans_.back(), one);
  else
    spans_.push_back(one);
}

// A NaN is kept only where there is nothing else.
void Curve::join(Span& to, const Span& next) {
  to.count += next.count;
  if (next.low.value < to.low.value || (std::isnan(to.low.value) && !std::isnan(next.low.value))) {
    to.low = next.low;
    to.low_first = false;
  }
  if (next.high.value > to.high.value || (std::isnan(to.high.value) && !std::isnan(next.high.value))) {
    to.low_first = to.low.step != next.low.step || to.low.value != next.low.value || next.low_first;
    to.high = next.high;
  }
}

void Curve::halve() {
  std::size_t to = 0;
  for (std::size_t from = 0; from < spans_.size(); from += 2, ++to) {
    if (to != from) spans_[to] = spans_[from];
    if (from + 1 < spans_.size()) join(spans_[to], spans_[from + 1]);
  }
  spans_.resize(to);
  span_ *= 2;
}

void Curve::restore(std::vector<Point> points, std::uint64_t logged, std::uint64_t span) {
  spans_.clear();
  for (const Point& point : points) {
    if (spans_.size() == 2 * most) break;
    spans_.push_back({point, point, span > 1 ? (span + 1) / 2 : 1, true});
  }
  if (!points.empty()) last_ = points.back();
  logged_ = logged;
  span_ = span > 1 ? (span + 1) / 2 : 1;
  while (spans_.size() > most) halve();
}

std::vector<Point> Curve::points() const {
  const auto same = [](const Point& a, const Point& b) {
    return a.step == b.step && (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
  };
  std::vector<Point> out;
  out.reserve(spans_.size() * (span_ > 1 ? 2 : 1));
  for (const Span& span : spans_) {
    out.push_back(span.low_first ? span.low : span.high);
    if (!same(span.low, span.high)) out.push_back(span.low_first ? span.high : span.low);
  }
  if (span_ > 1 && !same(out.back(), last_)) out.push_back(last_);
  return out;
}

}  // namespace trainer::report
