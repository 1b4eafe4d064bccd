// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "command/command_line.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::command {
namespace {

// Groups that --help leaves to --help-all.
bool is_of_arguments(const std::string& group) {
  for (const auto& info : argument_table())
    if (info.group == group) return true;
  return false;
}

class ShortHelp : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    all_ = mode == CLI::AppFormatMode::All;
    std::string text = CLI::Formatter::make_help(app, name, all_ ? CLI::AppFormatMode::Normal : mode);
    for (auto at = text.find("\n\n\n"); at != text.npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
  }
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    if (!all_ && is_of_arguments(group)) return "";
    return CLI::Formatter::make_group(group, is_positional, options);
  }

 private:
  mutable bool all_ = false;
};

}  // namespace

void use_short_help(CLI::App& app) {
  const auto formatter = std::make_shared<ShortHelp>();
  const auto apply = [&](auto&& self, CLI::App& command) -> void {
    command.formatter(formatter);
    const bool takes_arguments = command.get_option_no_throw("--output_dir") != nullptr;
    if (takes_arguments) {
      command.set_help_all_flag("--help-all", "Prints this help with every training argument, and exits");
      command.footer(
          "Each TrainingArguments name is also an option, such as --learning_rate 1e-3; command-line values "
          "override the run file.");
    }
    for (auto* inner : command.get_subcommands([](const CLI::App*) { return true; })) self(self, *inner);
  };
  apply(apply, app);
}

}  // namespace trainer::command
