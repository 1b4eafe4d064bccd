// SPDX-License-Identifier: Apache-2.0
//
// What a session does among several processes. Of a process alone nothing here does anything.
#include <algorithm>

#include "checkpoints/checkpoint_directory.hpp"
#include "command/session.hpp"
#include "ranks/same_everywhere.hpp"
#include "trainer/data_facts.hpp"
#include "trainer/log.hpp"

namespace trainer::command {
namespace {

// What a machine may have elsewhere, and what is compared by itself, with the command line's values.
constexpr std::string_view not_compared[] = {"name",      "args",      "model.file", "data.train",
                                             "data.eval", "data.test", "init_from"};

void add_facts(Facts& facts, const std::string& name, const json::value& v) {
  if (std::find(std::begin(not_compared), std::end(not_compared), name) != std::end(not_compared)) return;
  if (!v.is_object() || v.get_object().empty()) return facts.emplace_back(name, json::dump(v)), void();
  for (const auto& [key, value] : v.get_object())
    add_facts(facts, (name.empty() ? "" : name + ".") + std::string(key), value);
}

}  // namespace

void Session::require_same_run_file() {
  if (group_->alone()) return;
  Facts facts;
  for (const auto& action : actions_)
    facts.emplace_back("what is to be done", action.what + (action.resume_from_checkpoint ? " from a checkpoint" : ""));
  add_facts(facts, "", run_.json);
  facts.emplace_back("--record", options_.record.empty() ? "not given" : "given");  // all of them list its files
  require_same(*group_, facts);
}

// The Trainer compares them when it predicts, which in a run with other actions is after hours.
void Session::require_same_test_data() {
  if (group_->alone() || !data_.test()) return;
  Facts facts;
  add_data_facts(facts, "the test data", *data_.test(), group_->ranks());
  require_same(*group_, facts);
}

// torchrun has started all ranks again: what this run has kept, whoever else has checkpoints in output_dir.
void Session::go_on_after_restart() {
  const bool trains = !below_output_dir_ && !actions_.empty() && actions_[0].what == "train";
  if (group_->alone() || group_->ranks().restart == 0 || !trains) return;
  std::string found;
  if (is_rank_0()) {
    const auto run = group_->recall("run");
    if (run) found = newest_checkpoint_of(args().output_dir, run).string();
  }
  found = group_->broadcast(found);
  if (!found.empty()) actions_[0].resume_from_checkpoint = found;
  if (is_rank_0())
    log::warning("attempt " + std::to_string(group_->ranks().restart + 1) + " of this launch; " +
                 (found.empty() ? "there is no intact checkpoint yet, so it starts as the first attempt did"
                                : "it resumes from " + found));
}

}  // namespace trainer::command
