// SPDX-License-Identifier: Apache-2.0
#include "command/report_costs.hpp"

#include "report/page.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/files.hpp"

namespace trainer::command {

void add_costs_to_report(const Trainer& trainer, const ClassNames& classes) {
  report::Run run;
  bool took_part = false;
  for (const auto& entry : trainer.callback_handler().entries()) {
    took_part = took_part || (entry->name == "html" && entry->on);
    run.callbacks.push_back({entry->name, entry->cost.seconds, entry->cost.calls, entry->cost.errors});
  }
  const auto path = std::filesystem::path(trainer.args().output_dir) / "report.html";
  std::error_code ec;
  if (!took_part || !std::filesystem::is_regular_file(path, ec)) return;
  run.train_seconds = trainer.train_seconds();
  run.data_seconds = trainer.data_seconds();
  run.class_names = classes.first_names(classes.size());
  std::string page = read_file(path);
  if (report::set_costs(page, run)) replace_file(path, page);
}

}  // namespace trainer::command
