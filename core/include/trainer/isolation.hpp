// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "trainer/json.hpp"

namespace trainer {

/// How a plugin runs in a process of its own: docs/isolation.md.
struct Isolation {
  bool process = true;            ///< false: in the trainer's own process, whatever TRAINER_PLUGIN_ISOLATION says
  std::optional<bool> wait = {};  ///< for the answer to each event; unset: not for a tracker's
  double timeout = 60;            ///< seconds for an answer
  double shutdown_timeout = 300;  ///< the same where files or the end are concerned
  std::uint64_t memory = 0;       ///< bytes that it may have; 0: no limit, as in the next
  std::uint64_t cpu_seconds = 0;  ///< of processor time
  bool network = true;            ///< false: no TCP and no UDP reaches another machine or this one
  std::optional<std::uint64_t> processes = {};  ///< that it may have besides its own at a time; unset: no limit

  bool operator==(const Isolation&) const = default;
};

/// "process", "none", or an object {"in": "process", "timeout": 60 ...}; anything else is an Error. `where` names the
/// place for it.
Isolation parse_isolation(const json::value& v, std::string_view where);
json::value to_json(const Isolation& isolation);  ///< as parse_isolation() reads it

/// What TRAINER_PLUGIN_ISOLATION says for every plugin that says nothing itself, as parse_isolation() reads it. Nothing
/// when it is not set, and an Error for anything else.
std::optional<Isolation> isolation_of_environment();

}  // namespace trainer
