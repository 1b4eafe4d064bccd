// SPDX-License-Identifier: Apache-2.0
//
// The power of CPU and memory where there is no counter.
#include "power.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "text.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::codecarbon {
namespace {

struct Entry {
  const char* name;
  double watts;
};
constexpr Entry tdps[] = {
#include "cpu_tdp.inc"
};

/// "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz" -> {intel, xeon, gold, 6248}
std::set<std::string> words_of(std::string_view brand) {
  std::string text = to_lower(brand);
  for (const std::string_view mark : {"(r)", "(tm)"})
    for (std::size_t at; (at = text.find(mark)) != std::string::npos;) text.replace(at, mark.size(), " ");
  text = text.substr(0, text.find('@'));
  std::istringstream words(text);
  std::set<std::string> out;
  for (std::string word; words >> word;)
    if (word != "cpu" && word != "processor") out.insert(word);
  return out;
}

/// Words that make another model of the same number: "E5-2690 v4" is no E5-2690, "M2 Max" no M2.
bool distinguishes(const std::string& word) {
  static const std::set<std::string> words = {"v2", "v3", "v4", "v5", "v6", "pro", "max", "ultra"};
  return words.count(word) != 0;
}

}  // namespace

double cpu_load_power(double tdp_watts, double load) { return tdp_watts * (0.1 + 0.9 * load * load * load); }

int estimate_dimm_count(double total_gb) {
  if (total_gb <= 2) return 1;
  if (total_gb <= 16) return 2;
  if (total_gb <= 64) return 4;
  if (total_gb <= 128) return 8;
  // A large server: at least eight modules, of the biggest size that allows it.
  for (const int size : {128, 64, 32, 16})
    if (size <= total_gb / 8) return std::min(32, static_cast<int>(std::ceil(total_gb / size)));
  return 8;
}

double ram_power(double total_gb, bool arm) {
  const int dimms = estimate_dimm_count(total_gb);
  const double watts = arm ? 1.5 : 5;
  double units = std::min(dimms, 4);
  units += 0.9 * std::clamp(dimms - 4, 0, 4);
  units += 0.8 * std::clamp(dimms - 8, 0, 8);
  units += 0.7 * std::max(dimms - 16, 0);
  return std::max(2.0 * watts, units * watts);
}

std::optional<double> find_tdp(std::string_view cpu_model) {
  const std::set<std::string> brand = words_of(cpu_model);
  for (const Entry& entry : tdps) {
    const std::set<std::string> name = words_of(entry.name);
    if (!std::includes(brand.begin(), brand.end(), name.begin(), name.end())) continue;
    const bool same = std::none_of(brand.begin(), brand.end(), [&](const std::string& word) {
      return distinguishes(word) && name.count(word) == 0;
    });
    if (same) return entry.watts;
  }
  return std::nullopt;
}

Tdp machine_tdp(std::optional<double> forced, const std::string& cpu_model, int threads, int sockets) {
  if (forced) return {*forced, sdk::repr(*forced) + " W as force_cpu_power says"};
  const std::string model = "\"" + cpu_model + "\"";
  if (const auto tdp = find_tdp(cpu_model)) {
    const double watts = *tdp * sockets;
    return {watts, sdk::repr(watts) + " W, the TDP of " + std::to_string(sockets) + " x " + model};
  }
  // A count of threads is of all sockets; CodeCarbon multiplies it by the sockets once more.
  if (threads > 0) {
    const double watts = 4.0 * threads;
    return {watts, sdk::repr(watts) + " W, 4 W for each of " + std::to_string(threads) + " threads, as the TDP of " +
                       model + " is not known"};
  }
  const double watts = 85.0 * sockets;
  return {watts, sdk::repr(watts) + " W, 85 W per socket, as nothing is known about the CPU"};
}

}  // namespace trainer::codecarbon
