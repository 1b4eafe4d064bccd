// SPDX-License-Identifier: Apache-2.0
//
// check: all that a run reads is read, and a batch of each set goes through the model; nothing is trained or written.
#include <algorithm>
#include <iostream>

#include "command/check_report.hpp"
#include "command/hints.hpp"
#include "command/print.hpp"
#include "ranks/process_group.hpp"
#include "run/moments_file.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

// By one of the ranks, all of which look.
void print(Session& session, const CheckLines& lines) {
  if (!session.is_rank_0()) return;
  constexpr std::size_t width = 15;
  for (const auto& [name, text] : lines)
    print_line("  " + name + std::string(width - std::min(width - 1, name.size()), ' ') + text);
}

// A Trainer makes its output_dir; what a check made is taken away again.
class NewDirectories {
 public:
  explicit NewDirectories(fs::path path) {
    for (path = fs::absolute(path).lexically_normal(); !path.empty() && !fs::exists(path); path = path.parent_path())
      made_.push_back(path);
  }
  ~NewDirectories() {
    moments_file::remove();  // the crash report's, which lies there until the process ends
    std::error_code ec;
    for (const auto& path : made_) fs::remove(path, ec);  // an empty one
  }

 private:
  std::vector<fs::path> made_;  // the innermost first
};

}  // namespace

int check(const RunOptions& given) {
  RunOptions options = given;
  options.quiet = true;
  Session session(options);
  const NewDirectories made(session.args().output_dir);
  Trainer& trainer = session.trainer();
  if (session.is_rank_0()) print_line(options.run_file.string());
  print(session, check_model(trainer, session.run_file()));
  print(session, check_data(session));
  print(session, check_batches(trainer, session));
  print(session, check_evaluation(trainer, session));
  if (session.data().train()) {
    const auto loader = trainer.get_train_dataloader();
    const TrainingPlan plan =
        plan_training(trainer.args(), trainer.args().train_batch_size(), *loader, session.group().world());
    print(session, check_length(plan, trainer.args(), session.group().world()));
    print(session, check_schedule(trainer, plan));
    print(session, check_files(trainer, plan));
    for (const auto& hint : hints_before(trainer, plan)) print(session, {{"hint", hint}});
  }
  print(session, check_callbacks(trainer, session.run_file(), options));
  session.group().barrier();  // an end is an end of all
  return 0;
}

int print_config(const RunOptions& options) {
  stay_alone();
  const Session session(options);
  std::cout << json::dump(session.resolved(), {.indent = 2}) << "\n";
  return 0;
}

}  // namespace trainer::command
