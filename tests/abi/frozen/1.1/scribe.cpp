// SPDX-License-Identifier: Apache-2.0
//
// The C++ wrapper as it was in version 1.1: a stateful callback that writes down what it is told, with overrides that
// are private and a note that the compiler put together. It runs with hosts of 1.0. Kept as built then; see ../frozen.py.
#include <fstream>
#include <trainer/sdk.hpp>

namespace {

using namespace trainer::sdk;

class FrozenScribe : public TrainerCallback,
                     public Stateful,
                     public HasResults,
                     public SeesOutcome,
                     public KeepsFiles {
 public:
  explicit FrozenScribe(const Host& host) : host_(host), out_(std::string(host.config("file").text()), std::ios::app) {
    if (!out_) throw std::runtime_error("config.file cannot be written");
    out_ << "created" << (host.is_replay() ? " for a replay" : "") << '\n';
  }
  ~FrozenScribe() override { out_ << "destroyed\n"; }

 private:
  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    out_ << "train_begin " << args["seed"].integer() << ' ' << state.max_steps << ", batches "
         << train_dataloader_size() << ' ' << eval_dataloader_size() << '\n';
    for (const Tensor& one : host_.parameters()) {
      const Norms norms = one.norms();
      out_ << one.name() << ' ' << one.dtype() << ' ' << one.device() << ' ' << one.size() << (norms.l2 > 0 ? "" : " zero")
           << (norms.nan_count == 0 && norms.max_abs <= norms.l2 ? "" : " wrong") << '\n';
      if (one.is_contiguous() && one.copy<float>()[0] != one.elements<float>()[0]) out_ << "another copy\n";
    }
    if (const auto optimizer = host_.optimizer()) {
      for (std::uint64_t group = 0; group < optimizer->size(); ++group)
        for (const auto name : optimizer->group(group).params) out_ << "group " << group << ' ' << name << '\n';
      optimizer->set_lr(0, optimizer->lr(0) / 2);
    }
  }
  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    ++logs_;
    out_ << "log at " << state.global_step << ':';
    logs.for_each([&](std::string_view key, const Value&) { out_ << ' ' << key; });
    logs.set("scribe", logs_);
    out_ << (logs.get("scribe") && logs.erase("scribe") && !logs.get("scribe") ? "\n" : " and a map that forgets\n");
  }
  void on_step_end(const Arguments&, const State& state, Control& control) override {
    if (state.global_step == 3) control.should_save = true;
    if (state.global_step == 6) out_ << "asks for the end: " << host_.request_stop() << '\n';
  }
  void on_save(const Arguments&, const State& state, Control&) override {
    out_ << "save at " << state.global_step << ", " << host_.log_history_size() << " logs before, a checkpoint "
         << (host_.saved_checkpoint().empty() ? "without" : "with") << " a place\n";
    const std::string json(host_.state_json());
    for (const char* field : {"best_metric", "epoch", "global_step", "logging_steps", "max_steps"}) {
      const std::size_t begin = json.find("\n  \"" + std::string(field) + "\": ") + 1;
      out_ << json.substr(begin, json.find('\n', begin) - begin) << '\n';
    }
  }
  void on_train_end(const Arguments&, const State&, Control&) override {
    host_.warning("the scribe stops");
    throw std::runtime_error("it has run out of ink");
  }

  std::vector<Result> results() const override {
    return {{"what it wrote", std::string(host_.config("file").text()), "cat {place}"}, {"a page", "https://example.org/1"}};
  }
  void on_outcome(const Outcome& outcome) override {
    out_ << "outcome " << outcome.is_completed() << outcome.is_stopped() << outcome.is_interrupted() << outcome.is_failed()
         << " at " << outcome.global_step() << " of " << outcome.max_steps() << " by " << outcome.by() << '\n';
  }
  void save_files(std::string_view directory) override {
    std::ofstream(std::string(directory) + "/logs") << logs_;
    out_ << "files saved\n";
  }
  void load_files(std::string_view directory) override {
    std::int64_t logs = -1;
    std::ifstream(std::string(directory) + "/logs") >> logs;
    out_ << "files loaded: " << logs << " logs\n";
  }

  void save_state(Map& args, Map& attributes) const override {
    args.set("file", host_.config("file"));
    attributes.set("logs", logs_);
  }
  void load_state(const Map& attributes) override {
    const auto logs = attributes.get("logs");
    logs_ = logs ? logs->integer() : 0;
    out_ << "state loaded: " << logs_ << " logs\n";
  }

  Host host_;
  std::ofstream out_;
  std::int64_t logs_ = 0;
};

}  // namespace

TRAINER_PLUGIN(FrozenScribe, {
  "id": "frozen_scribe",
  "version": "1.0.0",
  "description": "Writes down what the host gives, in C++.",
  "class": "FrozenScribe",
  "config": {"file": {"type": "string", "description": "Where it writes."}}
})
