// SPDX-License-Identifier: Apache-2.0
#include "isolation/words.hpp"

#include <cmath>

#include "isolation/protocol.hpp"
#include "trainer/version.hpp"

#include <trainer/abi.h>

namespace trainer::isolation {

std::string build_name() {
  return std::string(version) + ", contract " + std::to_string(TRAINER_ABI_MAJOR) + "." +
         std::to_string(TRAINER_ABI_MINOR) + ", protocol " + std::to_string(protocol);
}

std::string seconds_text(double seconds) {
  const double rounded = seconds < 10 ? std::round(seconds * 100) / 100 : std::round(seconds);
  std::string text = json::repr(rounded);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text + " s";
}

std::string how_it_ended(const std::optional<std::string>& ended, const Isolation& isolation) {
  if (!ended) return "its process closed its stream and was ended";
  if (ended->empty()) return "it ended its process itself, with exit status 0";
  const std::string how = "its process ended with " + *ended;
  if (*ended == "signal 24" || (*ended == "signal 9" && isolation.cpu_seconds > 0))
    return how + ", perhaps because its " + std::to_string(isolation.cpu_seconds) +
           " s of processor time were used up (\"cpu_seconds\")";
  if (*ended == "signal 9" && isolation.processes > 0)
    return how + ", perhaps because it had more than " + std::to_string(isolation.processes) +
           " processes besides its own (\"processes\")";
  if (isolation.memory > 0 && (*ended == "signal 6" || *ended == "signal 11" || *ended == "signal 9"))
    return how + ", perhaps because it needs more than its " + std::to_string(isolation.memory / 1000000) +
           " MB (\"memory\")";
  if (*ended == "signal 9") return how + ": somebody ended it, or the system was short of memory";
  return how;
}

}  // namespace trainer::isolation
