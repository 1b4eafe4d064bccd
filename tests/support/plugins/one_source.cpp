// SPDX-License-Identifier: Apache-2.0
//
// A callback in one source: compiled into a program, as a plugin, and by the plugin one of Python's Trainer. What it
// writes down of one and the same run (one_source.expected) is the same in all three; tests/host/trainer and
// tests/python compare.
#include <cstdint>
#include <cstdio>
#include <string>
#include <trainer/sdk.hpp>

namespace {

using trainer::sdk::Host;
using trainer::sdk::Value;

class OneSource final : public trainer::sdk::TrainerCallback, public trainer::sdk::Stateful {
 public:
  explicit OneSource(const Host& host)
      : host_(host),
        out_(std::fopen(std::string(host.config("path").text()).c_str(), "a")),
        stop_at_(host.config("stop_at").integer()) {
    if (!out_) throw std::runtime_error("config.path could not be opened");
  }
  ~OneSource() override { std::fclose(out_); }

 private:
  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    note("train_begin", state);
    std::fprintf(out_, "  max_steps %lld, restored %lld\n", static_cast<long long>(args["max_steps"].integer()),
                 static_cast<long long>(steps_));
  }
  void on_step_end(const Arguments&, const State& state, Control& control) override {
    note("step_end", state);
    ++steps_;
    if (state.global_step == stop_at_) control.should_training_stop = control.should_save = 1;
  }
  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    note("log", state, &logs);
    logs.set("steps_seen", steps_);
  }
  void on_evaluate(const Arguments&, const State& state, Control&, Map& metrics) override {
    note("evaluate", state, &metrics);
  }
  void on_save(const Arguments&, const State& state, Control&) override { note("save", state); }
  void on_train_end(const Arguments&, const State& state, Control&) override { note("train_end", state); }

  void save_state(Map& args, Map& attributes) const override {
    args.set("path", host_.config("path"));
    args.set("stop_at", stop_at_);
    attributes.set("steps", steps_);
  }
  void load_state(const Map& attributes) override { steps_ = attributes.get("steps")->integer(); }

  // The event, some fields of the state as JSON has them, and the names of the values; total_flos is there when the
  // model has an estimate.
  void note(const char* event, const State& state, const Map* values = nullptr) {
    std::fprintf(out_, "%s at step %lld:", event, static_cast<long long>(state.global_step));
    const std::string json(host_.state_json());
    for (const char* field : {"epoch", "logging_steps", "best_metric"}) {
      const std::size_t begin = json.find("\n  \"" + std::string(field) + "\": ") + 3;
      std::fprintf(out_, " %s", json.substr(begin, json.find('\n', begin) - begin).c_str());
    }
    std::fprintf(out_, "\n");
    if (values == nullptr) return;
    std::fprintf(out_, " ");
    values->for_each([&](std::string_view key, const Value&) {
      if (key != "total_flos") std::fprintf(out_, " %s", std::string(key).c_str());
    });
    std::fprintf(out_, "\n");
  }

  Host host_;
  std::FILE* out_;
  std::int64_t stop_at_, steps_ = 0;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(OneSource, {
  "id": "one_source",
  "version": "1.0.0",
  "class": "OneSourceCallback",
  "config": {
    "path": {"type": "string"},
    "stop_at": {"type": "integer", "minimum": 1, "default": 3}
  }
})
// clang-format on
