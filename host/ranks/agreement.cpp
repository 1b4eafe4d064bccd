// SPDX-License-Identifier: Apache-2.0
#include "ranks/agreement.hpp"

#include <algorithm>
#include <limits>

namespace trainer {
namespace {

// A flag's number: twice the rank that changed it, or the number of ranks, then the value, then the callback.
constexpr std::int64_t most_entries = 1 << 16;
constexpr std::int64_t no_stop = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t stop_place = control_flags.size(), rates_place = stop_place + 1, within_place = stop_place + 2,
                      pace_place = stop_place + 3;
// A signal before a call, as the status of the process follows from it.
constexpr std::int64_t stop_by_call = 1 << 16;

}  // namespace

AgreementPace pace_for_signals(std::int64_t steps, std::chrono::nanoseconds time) {
  constexpr std::chrono::nanoseconds unnoticed = std::chrono::milliseconds(10);
  const auto of_step = std::max<std::int64_t>(time.count() / std::max<std::int64_t>(steps, 1), 1);
  return std::clamp<std::int64_t>(unnoticed.count() / of_step, 1, 16);
}

AgreementNumbers propose(const TrainerControl& control, const FlagChanges& changes, StopRequest stop, bool within_step,
                         AgreementPace pace, int rank, int world) {
  AgreementNumbers out;
  for (std::size_t i = 0; i < control_flags.size(); ++i) {
    const auto& by = changes.by[i];
    const std::int64_t first = by ? rank : world;
    const std::int64_t value = (control.*control_flags[i].field) != 0;
    const std::int64_t entry = by ? std::min<std::int64_t>(static_cast<std::int64_t>(*by), most_entries - 1) : 0;
    out[i] = (2 * first + value) * most_entries + entry;
  }
  out[rates_place] = changes.rates.empty();
  out[within_place] = !within_step;
  out[stop_place] = !stop ? no_stop : *stop > 0 ? *stop : stop_by_call;
  out[pace_place] = pace;
  return out;
}

Agreed read_agreement(const AgreementNumbers& least, int world) {
  Agreed out{};
  for (std::size_t i = 0; i < control_flags.size(); ++i) {
    const std::int64_t number = least[i] / most_entries;
    const auto rank = static_cast<int>(number / 2);
    out.flags[i] = {number % 2 != 0, rank < world ? rank : -1, static_cast<std::size_t>(least[i] % most_entries)};
  }
  out.rates = least[rates_place] == 0;
  out.within_step = least[within_place] == 0;
  out.pace = least[pace_place];
  if (least[stop_place] == stop_by_call)
    out.stop = 0;
  else if (least[stop_place] != no_stop)
    out.stop = static_cast<int>(least[stop_place]);
  return out;
}

}  // namespace trainer
