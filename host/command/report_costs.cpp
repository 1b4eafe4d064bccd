// SPDX-License-Identifier: Apache-2.0
#include "command/report_costs.hpp"

#include "command/result_lines.hpp"
#include "report/page.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/files.hpp"

namespace trainer::command {

void add_costs_to_report(const Trainer& trainer, const ClassNames& classes) {
  report::Run run;
  for (const auto& entry : trainer.callback_handler().entries())
    run.callbacks.push_back({entry->name, entry->cost.seconds, entry->cost.calls, entry->cost.errors});
  run.train_seconds = trainer.train_seconds();
  run.data_seconds = trainer.data_seconds();
  run.class_names = classes.first_names(classes.size());
  for (const auto& path : pages_of(trainer.plugin_results())) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(path, ec)) continue;
    std::string page = read_file(path);
    if (report::set_costs(page, run)) replace_file(path, page);
  }
}

}  // namespace trainer::command
