// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/state.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <trainer/sdk/host.hpp>

namespace trainer::plugins {

/// The numbers of a state that are an int or a float in Python, of which trainer_state has the double alone. A host of
/// the contract 1.1 is asked for the state's JSON, but only where it may tell something new: before the first step, and
/// when a number that seldom changes is another one. For it is as long as the run's history.
class StateNumbers {
 public:
  /// Only during an event.
  void look(const sdk::Host& host, const trainer_state& state);
  /// Appends what the host wrote for this value of the field; false: that is not known.
  bool append(std::string& out, std::string_view field, double value) const;

 private:
  struct Known {
    double value;
    std::string text;  // empty: it is no number there
  };
  const std::string* known_text(std::string_view field, double value) const;
  bool is_known(std::string_view field, double value) const;
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace trainer::plugins
