// SPDX-License-Identifier: Apache-2.0
#include "shared/python_bridge/state_numbers.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace trainer::plugins {

const std::string* StateNumbers::known_text(std::string_view field, double value) const {
  const auto found = known_.find(field);
  if (found == known_.end()) return nullptr;
  const auto& [known, text] = found->second;
  return known == value || (std::isnan(known) && std::isnan(value)) ? &text : nullptr;
}

bool StateNumbers::is_known(std::string_view field, double value) const { return known_text(field, value) != nullptr; }

void StateNumbers::look(const sdk::Host& host, const trainer_state& state) {
  const bool has_best = (state.present & TRAINER_STATE_HAS_BEST_METRIC) != 0;
  if ((state.epoch != 0 || is_known("epoch", 0)) && (!has_best || is_known("best_metric", state.best_metric)) &&
      is_known("logging_steps", state.logging_steps) && is_known("eval_steps", state.eval_steps) &&
      is_known("save_steps", state.save_steps))
    return;
  const std::string_view json = host.state_json();
  for (const auto& [field, value] :
       {std::pair("epoch", state.epoch), std::pair("best_metric", state.best_metric),
        std::pair("logging_steps", state.logging_steps), std::pair("eval_steps", state.eval_steps),
        std::pair("save_steps", state.save_steps)}) {
    const std::string key = "\n  \"" + std::string(field) + "\": ";  // of the outermost object: it is indented by 2
    const std::size_t at = json.find(key);
    std::string_view text = at == json.npos ? std::string_view() : json.substr(at + key.size());
    text = text.substr(0, text.find_first_of(",\n"));
    double written = 0;
    const bool same =
        std::from_chars(text.data(), text.data() + text.size(), written).ec == std::errc() && written == value;
    known_.insert_or_assign(field, Known{value, std::string(same ? text : std::string_view())});
  }
}

bool StateNumbers::append(std::string& out, std::string_view field, double value) const {
  const std::string* text = known_text(field, value);
  if (text == nullptr || text->empty()) return false;
  out += *text;
  return true;
}

}  // namespace trainer::plugins
