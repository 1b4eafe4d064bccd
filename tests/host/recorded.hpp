// SPDX-License-Identifier: Apache-2.0
//
// Comparing with recordings. Those kept in recorded/ come from one processor, and kernels of others round otherwise:
// numbers may differ by 1e-6 + 1e-5 |x|. Those of TRAINER_RECORDED_HERE were made on this machine just now, by
// recorded_here.py: equal in bits.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "python_text.hpp"

namespace trainer::test {

inline const char* recorded_here() { return std::getenv("TRAINER_RECORDED_HERE"); }

inline std::filesystem::path recordings() {
  return recorded_here() ? recorded_here() : TRAINER_SOURCE_DIR "/tests/host/recorded";
}

inline bool agree(double found, double recorded) {
  if (recorded_here()) return found == recorded;
  return found == recorded || std::abs(found - recorded) <= 1e-6 + 1e-5 * std::abs(recorded);
}

inline bool agree(const at::Tensor& found, const at::Tensor& recorded) {
  return recorded_here() ? at::equal(found, recorded) : at::allclose(found, recorded, 1e-5, 1e-6);
}

/// Texts of values: the same but for the fractions in them, which agree.
inline testing::AssertionResult texts_agree(const std::string& found, const std::string& recorded) {
  static const std::regex fraction(R"(-?\d+(\.\d+)?e[+-]?\d+|-?\d+\.\d+)");
  const auto fractions = [](const std::string& text) {
    std::vector<double> out;
    for (std::sregex_iterator at(text.begin(), text.end(), fraction), end; at != end; ++at) {
      out.push_back(std::stod(at->str()));
    }
    return out;
  };
  const std::vector<double> a = fractions(found), b = fractions(recorded);
  bool same = recorded_here() ? found == recorded
                              : std::regex_replace(found, fraction, "~") == std::regex_replace(recorded, fraction, "~");
  for (std::size_t i = 0; same && i < a.size(); ++i) same = agree(a[i], b[i]);
  if (same) return testing::AssertionSuccess();
  return testing::AssertionFailure() << found << "\nand not, as recorded,\n" << recorded;
}

inline testing::AssertionResult agree(const c10::IValue& found, const c10::IValue& recorded) {
  return texts_agree(python_text(found), python_text(recorded));
}

}  // namespace trainer::test
