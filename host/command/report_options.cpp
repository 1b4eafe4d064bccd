// SPDX-License-Identifier: Apache-2.0
//
// What `report` and `show` take.
#include <memory>

#include "command/command_line.hpp"

namespace trainer::command {

void add_report_commands(CLI::App& app, int& status) {
  auto given = std::make_shared<ReportOptions>();
  auto* report_command = app.add_subcommand("report", "Makes a page about a run, or about several side by side");
  report_command->add_option("DIR|STATE.json", given->runs, "An output_dir, a checkpoint, or a trainer_state.json")
      ->required();
  report_command->add_option("--output", given->output, "The file to write; report.html by default");
  report_command->final_callback([&status, given] { status = report(*given); });

  auto* show_command = app.add_subcommand("show", "Shows a run in the terminal");
  show_command->add_option("DIR|STATE.json", given->runs, "An output_dir, a checkpoint, or a trainer_state.json")
      ->required();
  show_command->final_callback([&status, given] { status = show(*given); });
}

}  // namespace trainer::command
