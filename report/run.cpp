// SPDX-License-Identifier: Apache-2.0
#include "report/run.hpp"

#include <algorithm>

namespace trainer::report {

Curve& Run::curve(std::string_view name) {
  const auto found = index_.find(name);
  if (found != index_.end()) return curves[found->second].second;
  index_.emplace(name, curves.size());
  return curves.emplace_back(name, Curve()).second;
}

const Curve* Run::curve_or_null(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &curves[found->second].second;
}

void Run::text(std::string_view name, std::string_view value) {
  const auto found = std::find_if(texts.begin(), texts.end(), [&](const auto& entry) { return entry.first == name; });
  if (found != texts.end())
    found->second = value;
  else
    texts.emplace_back(name, value);
}

void Run::add_warning(Note note) {
  constexpr std::size_t most = 100;
  if (warnings.size() < most)
    warnings.push_back(std::move(note));
  else
    ++warnings_left_out;
}

}  // namespace trainer::report
