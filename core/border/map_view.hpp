// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/value.h>

#include <forward_list>
#include <string>

#include "border/call_check.hpp"
#include "trainer/json.hpp"

namespace trainer {

/// A json::object as a plugin's trainer_map. `values` must outlive it.
class MapView : public trainer_map {
 public:
  MapView(json::object* values, bool read_only);

  json::object* values() const { return values_; }
  void show(json::object* values) { values_ = values; }

 private:
  friend struct MapFunctions;
  json::object* values_;
  bool read_only_;
  const Moment* maker_ = call_check::on ? &moment() : nullptr;
  // JSON texts of the lists and objects handed out last. Most maps have none, and one is made for each
  // event: it must not allocate.
  mutable std::string scratch_;
  mutable std::forward_list<std::string> more_scratch_;  // for read()
};

/// Fills a plugin's value from JSON. Text points into `v`, or into `scratch` for lists and objects.
void fill_value(const json::value& v, trainer_value& out, std::string& scratch);

}  // namespace trainer
