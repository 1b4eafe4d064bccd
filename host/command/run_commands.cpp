// SPDX-License-Identifier: Apache-2.0
//
// train, run, evaluate, predict, plugins list --order.
#include <csignal>
#include <iostream>
#include <limits>

#include "command/evaluation_names.hpp"
#include "command/options.hpp"
#include "command/predictions.hpp"
#include "command/print.hpp"
#include "command/record_result.hpp"
#include "command/report_costs.hpp"
#include "command/session.hpp"
#include "command/summary.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/console.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/stop_signals.hpp"

namespace trainer::command {
namespace {

json::object do_action(Session& session, const RunFile::Action& action) {
  if (!session.trainer_or_null() || action.resume_from_checkpoint) {
    session.update_args(action.args);
    session.reset();
  }
  Trainer& trainer = session.trainer();
  json::object out{{"do", action.what}};
  if (action.what == "train") {
    std::optional<std::filesystem::path> resume;
    if (action.resume_from_checkpoint) resume = session.resume_path(action, trainer.args().output_dir);
    // Before hours are spent; the actions of a file end at the first evaluation, as transformers does.
    if (!session.has_file_actions())
      require_watched_metric(session, trainer.args(), evaluation_names(session, trainer.args()));
    const StopSignals signals(trainer, {SIGINT, SIGTERM});
    const auto result = trainer.train(resume);
    out.emplace("global_step", result.global_step);
    out.emplace("training_loss", result.training_loss);
    out.emplace("metrics", result.metrics);
  } else if (action.what == "evaluate") {
    out.emplace("metrics", trainer.evaluate());
  } else {
    const auto result = trainer.predict(session.data().test());
    out.emplace("metrics", result.metrics);
    out.emplace("predictions", tensor_to_json(result.predictions));
  }
  return out;
}

// The command that this process was started with, to go on from a checkpoint.
std::string command_to_go_on(const std::filesystem::path& checkpoint) {
  std::string out = "trainer train";
  bool first = true, skip_value = false;
  for (char** word = process_arguments + 1; *word; ++word) {
    const std::string text = *word;
    if (std::exchange(first, false)) continue;  // train, run
    if (text.starts_with("--resume")) {
      skip_value = text.find('=') == text.npos;
      continue;
    }
    if (std::exchange(skip_value, false) && text[0] != '-') continue;
    out += " " + shell_word(text);
  }
  return out + " --resume_from_checkpoint=" + shell_word(checkpoint.string());
}

// 130 or 143 after a signal, as a shell reports it, and a word on how to go on.
int signal_status(Session& session) {
  const int signal = StopSignals::received();
  if (signal == 0) return 0;
  if (!session.is_rank_0()) return 128 + signal;
  const Trainer& trainer = session.trainer();
  const TrainerState& state = trainer.state();
  const int ranks = session.group().world();
  const std::string name = checkpoint_name(state.global_step);
  const auto checkpoint = trainer.args().output_dir / std::filesystem::path(name);
  if (std::filesystem::is_directory(checkpoint))
    log::warning("stopped by " + std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + " at step " +
                 std::to_string(state.global_step) + " of " + std::to_string(state.max_steps) + ", and " + name +
                 " is complete; " +
                 (ranks == 1 ? "resume with: " : "resume by starting all " + std::to_string(ranks) + " ranks with: ") +
                 command_to_go_on(checkpoint));
  return 128 + signal;
}

// One process may have received a signal after the last step, when the others no longer ask.
bool stopped(Session& session) {
  constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  std::int64_t signal = StopSignals::received() ? StopSignals::received() : none;
  session.group().min_of({&signal, 1});
  if (signal == none) return false;
  StopSignals::take(static_cast<int>(signal));
  return true;
}

// The actions in order; with --record also result.json, whether they succeed or not.
void do_actions(Session& session, const std::function<void(const json::object&)>& show) {
  const auto& actions = session.actions();
  json::array results;
  std::int64_t index = 0;
  auto finish = [&](const std::exception* error) {
    if (!session.recorder()) return;
    session.recorder()->finish();
    if (!error) session.group().barrier();  // so that all list the same files
    record_result(session.recorder()->directory(), session.trainer_or_null(), results, index, error);
  };
  try {
    for (; index < static_cast<std::int64_t>(actions.size()); ++index) {
      if (session.recorder()) session.recorder()->set_action(index);
      results.push_back(do_action(session, actions[static_cast<std::size_t>(index)]));
      show(results.back().get_object());
      if (stopped(session)) break;
    }
  } catch (const std::exception& e) {
    try {
      finish(&e);
    } catch (const std::exception& second) {  // the first one is what ended the run
      log::warning(std::string("the record is incomplete: ") + second.what());
    }
    throw;
  }
  finish(nullptr);
}

}  // namespace

int train(const RunOptions& options) {
  Session session(options, {{{"train", options.resume_from_checkpoint, {}}}});
  // Before the record is written, which may fail.
  do_actions(session, [&](const auto&) {
    session.trainer().save_model(session.trainer().args().output_dir);
    session.trainer().save_state();
    if (session.is_rank_0()) add_costs_to_report(session.trainer(), session.data().classes());
  });
  const Trainer& trainer = session.trainer();
  if (!options.quiet && session.is_rank_0()) print_summary(trainer, session.trainer_seconds());
  return signal_status(session);
}

int run(const RunOptions& options) {
  Session session(options);
  do_actions(session, [&](const json::object& result) {
    if (!options.quiet && session.is_rank_0())
      print_metrics(std::string(result.at("do").as_string()), result.at("metrics").as_object());
  });
  return signal_status(session);
}

int evaluate(const RunOptions& options) {
  Session session(options, {{{"evaluate", std::nullopt, {}}}});
  session.trainer().load_model(options.checkpoint);
  session.trainer().load_state(options.checkpoint);
  do_actions(session, [&](const json::object& result) {
    if (session.is_rank_0()) print_metrics("evaluate", result.at("metrics").as_object());
  });
  return 0;
}

int predict(const RunOptions& options) {
  Session session(options, {{{"predict", std::nullopt, {}}}});
  std::optional<ResultFile> output;
  if (session.is_rank_0()) output.emplace(options.output, "--output", session.inputs());
  if (output && output->is_stdout()) {
    console::print_to_stderr();
    std::cout.rdbuf(std::cerr.rdbuf());
  }
  Trainer& trainer = session.trainer();
  const auto outputs = outputs_of(session.run_file(), session.data().classes(), trainer.model(), options.probabilities);
  check_ids(options.output, session.data().test_ids());
  trainer.load_model(options.checkpoint);
  check_output(options.output, trainer, session.data().test());
  const auto result = trainer.predict(session.data().test());
  if (!output) return 0;
  write_predictions(*output, result, outputs, session.data().test_ids());
  if (!options.quiet) {
    print_metrics("predict", result.metrics);
    print_line("predictions: " + options.output.string());
  }
  return 0;
}

int plugins_order(const RunOptions& options) {
  stay_alone();
  Session session(options, std::vector<RunFile::Action>{});
  int n = 0;
  for (const auto& entry : session.trainer().callback_handler().entries())
    print_line(std::to_string(++n) + ". " + entry->name);
  return 0;
}

}  // namespace trainer::command
