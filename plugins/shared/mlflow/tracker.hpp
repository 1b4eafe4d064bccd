// SPDX-License-Identifier: Apache-2.0
//
// tracker.hpp - MLflowCallback of transformers 5.23.0 over the journal and the sender: what mlflow,
// azure_ml and dagshub have in common.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <trainer/sdk.hpp>
#include <unordered_map>

#include "shared/mlflow/items.hpp"
#include "shared/mlflow/record.hpp"
#include "shared/mlflow/sender.hpp"
#include "shared/mlflow/settings.hpp"

namespace trainer::plugins::mlflow {

class Tracker : public sdk::TrainerCallback, public sdk::SeesOutcome, public sdk::HasResults {
 public:
  static constexpr auto runs_on = sdk::RunsOn::world_zero;

  /// `id`: the plugin's; journals have it in their name.
  Tracker(const sdk::Host& host, std::string id, Settings settings);
  ~Tracker() override;

  void on_train_begin(const Arguments& args, const State& state, Control& control) override;
  void on_log(const Arguments& args, const State& state, Control& control, Map& logs) override;
  void on_save(const Arguments& args, const State& state, Control& control) override;
  void on_train_end(const Arguments& args, const State& state, Control& control) override;
  void on_outcome(const sdk::Outcome& outcome) override;
  std::vector<sdk::Result> results() const override;

 protected:
  /// Sends the files of `directory` as artifacts below `name`, but for the journals; as they are
  /// now, even when they are deleted before their turn comes.
  void log_artifacts(const std::filesystem::path& directory, const std::string& name);
  bool is_logging() const { return live_ != nullptr; }
  const Settings& settings() const { return settings_; }

 private:
  struct Key {
    std::string name;  // as it is sent; empty when it cannot be
    bool warned = false;
  };

  void setup(const Arguments& args);
  bool adopt_journals();
  RunHeader describe_run(const Arguments& args);
  void log_setup(const Arguments& args);
  Key& key(std::string_view log_key);
  void append_items(Record::Kind kind);
  void append(const Record& record);
  void end(const char* status);
  void report_rest();
  void warn_value(Key& key, std::string_view log_key);

  sdk::Host host_;
  const std::string id_;
  Settings settings_;
  std::filesystem::path output_dir_;
  std::unique_ptr<Sender> sender_;
  Journal* live_ = nullptr;  // of the run that is being logged
  bool only_journals_ = false, training_ = false, trained_ = false;
  bool begun_ = false;  // a training, whose outcome is not told
  bool open_ = false;   // something was logged since the last end
  bool adopted_ = false, run_id_used_ = false;
  std::int64_t last_time_ = 0;
  std::unordered_map<std::string, Key> keys_;
  Items items_;
  std::string lookup_, line_;  // with items_, kept for their memory
};

}  // namespace trainer::plugins::mlflow
