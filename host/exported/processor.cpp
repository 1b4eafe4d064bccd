// SPDX-License-Identifier: Apache-2.0
#include "exported/processor.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace trainer::exported {
namespace {

#if defined(__x86_64__)
constexpr std::string_view own_machine = "x86_64";

// Whether processor and system have it; the compiler wants its name written out.
std::vector<std::pair<std::string_view, bool>> own_features() {
#define TRAINER_FEATURE(name) {name, __builtin_cpu_supports(name) != 0}
  __builtin_cpu_init();
  return {TRAINER_FEATURE("avx2"),       TRAINER_FEATURE("bmi"),       TRAINER_FEATURE("bmi2"),
          TRAINER_FEATURE("fma"),        TRAINER_FEATURE("avx512f"),   TRAINER_FEATURE("avx512bw"),
          TRAINER_FEATURE("avx512cd"),   TRAINER_FEATURE("avx512dq"),  TRAINER_FEATURE("avx512vl"),
          TRAINER_FEATURE("avx512vnni"), TRAINER_FEATURE("avx512bf16")};
#undef TRAINER_FEATURE
}
#else
#if defined(__aarch64__)
constexpr std::string_view own_machine = "aarch64";  // each has NEON
#else
constexpr std::string_view own_machine = "another";
#endif
std::vector<std::pair<std::string_view, bool>> own_features() { return {}; }
#endif

}  // namespace

std::string missing_of_processor(const std::string& machine, const std::vector<std::string>& features) {
  if (machine != own_machine) return "it is for " + machine + ", and this machine is " + std::string(own_machine);
  const auto own = own_features();
  std::string missing;
  for (const std::string& feature : features) {
    const auto found = std::find_if(own.begin(), own.end(), [&](const auto& known) { return known.first == feature; });
    if (found == own.end() || !found->second) missing += (missing.empty() ? "" : ", ") + feature;
  }
  return missing.empty() ? missing : "it needs a processor with " + missing + ", which this one lacks";
}

}  // namespace trainer::exported
