// SPDX-License-Identifier: Apache-2.0
#include "loading/plugin_extensions.hpp"

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_label = 40, longest_place = 4096;

trainer_text text_of(const std::string& text) { return {text.data(), text.size()}; }

// What would be changed on its way to a terminal is no path and no command any more.
std::string one_line(const trainer_text& given, const std::string& where, const char* what) {
  const std::string text(given.data ? given.data : "", given.data ? given.size : 0);
  if (text.size() > longest_place)
    throw_run(error_id::plugin_extension_invalid, where + "gave a " + what + " of " + std::to_string(text.size()) +
                                                      " bytes, expected at most " + std::to_string(longest_place));
  if (on_one_line(text) != text)
    throw_run(error_id::plugin_extension_invalid,
              where + "gave a " + what + " that is not one line of UTF-8: " + on_one_line(text, 200));
  return text;
}

}  // namespace

trainer_outcome outcome_for_plugin(const TrainingOutcome& outcome) {
  return {sizeof(trainer_outcome),
          static_cast<std::uint32_t>(outcome.kind),
          outcome.global_step,
          outcome.max_steps,
          outcome.epoch,
          outcome.signal,
          0,
          text_of(outcome.by),
          text_of(outcome.error),
          text_of(outcome.error_id)};
}

bool take_result(const trainer_result& given, const std::string& plugin, const std::string& where,
                 PluginResult& result) {
  result = {plugin, shortened(one_line(given.label, where, "label of a result"), longest_label),
            one_line(given.place, where, "place of a result"), one_line(given.view, where, "command of a result")};
  if (result.label.empty() || (result.place.empty() && result.view.empty()))
    throw_run(error_id::plugin_extension_invalid,
              where + "gave a result without a label, or with neither place nor command");
  std::error_code ec;
  return result.place.empty() || is_url(result.place) || std::filesystem::exists(result.place, ec);
}

}  // namespace trainer
