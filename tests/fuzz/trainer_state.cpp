// SPDX-License-Identifier: Apache-2.0
//
// trainer_state.json: what was read is written, and read as the same.
#include <trainer/state.h>

#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/trainer_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using trainer::TrainerState;
  namespace json = trainer::json;
  TrainerState state;
  try {
    state = TrainerState::from_json(json::parse(fuzz::text(data, size), "trainer_state.json"), "trainer_state.json");
  } catch (const trainer::Error&) {
    return 0;
  }
  trainer_state view{};
  state.fill(view);
  const auto written = json::dump(state.to_json());
  const auto again = TrainerState::from_json(json::parse(written, "written"), "written");
  fuzz::require(json::dump(again.to_json()) == written, "written, read and written again is the same");
  return 0;
}
