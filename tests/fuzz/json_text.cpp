// SPDX-License-Identifier: Apache-2.0
//
// JSON as Python reads and writes it: what was written is read as the same, and written as the same.
#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace json = trainer::json;
  try {
    const auto value = json::parse(fuzz::text(data, size), "text");
    for (const auto& layout : {json::Layout{}, json::Layout{.indent = 2}, json::Layout{.compact = true}}) {
      const auto once = json::dump(value, layout);
      const auto twice = json::dump(json::parse(once, "dump"), layout);
      fuzz::require(once == twice, "written, read and written again is the same");
    }
  } catch (const trainer::Error&) {
  }
  return 0;
}
