// SPDX-License-Identifier: Apache-2.0
#include "isolation/words.hpp"

#include <cmath>

#include "child/frames.hpp"
#include "isolation/protocol.hpp"
#include "trainer/version.hpp"

#include <trainer/abi.h>

namespace trainer::isolation {
namespace {

/// The end that a used-up limit has: of POSIX, and of a Windows job (ERROR_NOT_ENOUGH_QUOTA).
bool may_have_used_its_time(const std::string& how, const Isolation& isolation) {
  return how == "signal 24" || (isolation.cpu_seconds > 0 && (how == "signal 9" || how == "exit status 1816"));
}

/// What a program does that gets no memory: abort(), or the use of a null pointer, on Windows the same by other names;
/// status 1 is that of the process itself.
bool may_have_lacked_memory(const std::string& how) {
  return how == "signal 6" || how == "signal 11" || how == "signal 9" || how == "exit status 1" ||
         how == "exit status 3" || how.starts_with("exception 0xC0000005") || how.starts_with("exception 0x20474343") ||
         how.starts_with("exception 0xE06D7363");
}

}  // namespace

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

std::string too_long(std::size_t size) {
  return std::to_string(size) + " bytes, expected at most " + std::to_string(child::longest_frame);
}

std::string restart_text(int restarts) {
  const std::string most = std::to_string(most_restarts);
  if (restarts > most_restarts) return "; it has been started again " + most + " times; the run goes on without it";
  return "; it is started again (" + std::to_string(restarts) + " of " + most + ")";
}

std::string how_it_ended(const std::optional<std::string>& ended, const Isolation& isolation) {
  if (!ended) return "its process closed its stream and was ended";
  if (ended->empty()) return "it ended its process itself, with exit status 0";
  const std::string how = "its process ended with " + *ended;
  if (may_have_used_its_time(*ended, isolation))
    return how + ", perhaps because its " + std::to_string(isolation.cpu_seconds) +
           " s of processor time were used up (\"cpu_seconds\")";
  if (*ended == "signal 9" && isolation.processes)
    return how + ", perhaps because it had more than " + std::to_string(*isolation.processes) +
           " processes besides its own (\"processes\")";
  if (isolation.memory > 0 && may_have_lacked_memory(*ended))
    return how + ", perhaps because it needs more than its " + std::to_string(isolation.memory / 1000000) +
           " MB (\"memory\")";
  if (*ended == "signal 9") return how + ": somebody ended it, or the system was short of memory";
  return how;
}

}  // namespace trainer::isolation
