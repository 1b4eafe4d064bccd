// SPDX-License-Identifier: Apache-2.0
//
// WANDB_LOG_MODEL: the model as artifacts at the start, at checkpoints and at the end.
#include "model_log.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <trainer/sdk/path.hpp>
#include <trainer/sdk/repr.hpp>
#include <utility>

#include "shared/system/random_id.hpp"

namespace trainer::wandb {
namespace {

namespace fs = std::filesystem;

/// A directory beside the staged files, so that these can be links; it goes with the object.
struct WorkDirectory {
  fs::path path = staging_directory() / ("work-" + plugins::random_id(12));
  WorkDirectory() { fs::create_directories(path); }
  ~WorkDirectory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// Empty, as in Python, where only models of transformers have a text in it.
void write_architecture(const fs::path& directory) {
  sdk::AppendFile::open(directory / "model_architecture.txt").close();
}

/// Python's round(epoch, 2).
std::string rounded(double epoch) {
  char text[400];
  std::snprintf(text, sizeof text, "%.2f", epoch);
  std::string out;
  sdk::append_repr(out, std::strtod(text, nullptr));
  return out;
}

void member(std::string& json, std::string_view key, std::string_view value) {
  if (json.size() > 1) json += ", ";
  plugins::append_json_string(json, key, plugins::Escape::utf8);
  json += ": ";
  json += value;
}

}  // namespace

ModelLog::ModelLog(const sdk::Host& host, Run& run, std::int64_t num_parameters)
    : host_(host), run_(run), num_parameters_(num_parameters) {}

void ModelLog::summary(std::string_view key, const sdk::Value& value, std::string_view json) {
  const bool finite = value.is_number() && std::isfinite(value.number());
  if (key.substr(0, 1) == "_" || !finite) return;  // JSON has no NaN
  summary_[std::string(key)] = json;
}

std::string ModelLog::parameters_json() const { return num_parameters_ < 0 ? "null" : std::to_string(num_parameters_); }

std::string ModelLog::summary_json() const {
  std::string json = "{";
  for (const auto& [key, value] : summary_) member(json, key, value);
  return json;
}

void ModelLog::initial(const sdk::Arguments& args) {
  std::string metadata = "{", config(host_.model_config_json());
  if (config.empty()) config = "null\n";
  member(metadata, "model_config", config.substr(0, config.size() - 1));
  member(metadata, "num_parameters", parameters_json());
  member(metadata, "initial_model", "true");
  const WorkDirectory work;
  write_architecture(work.path);
  log(work.path, args, metadata + "}", {"base_model", "latest"});
}

void ModelLog::checkpoint(const sdk::Arguments& args, const sdk::State& state) {
  const std::string step = std::to_string(state.global_step);
  std::string metadata = summary_json();
  member(metadata, "model/num_parameters", parameters_json());
  log(sdk::path_of(args["output_dir"].text()) / ("checkpoint-" + step), args, metadata + "}",
      {"epoch_" + rounded(state.epoch), "checkpoint_global_step_" + step, "latest"});
}

void ModelLog::final(const sdk::Arguments& args, const sdk::State& state) {
  const WorkDirectory work;
  if (!host_.save_model(sdk::text_of(work.path)))
    return host_.warning(run_.settings().log_model.name + " is set, but there is no model here; none is stored");
  write_architecture(work.path);
  std::string metadata = summary_json();
  if (args["load_best_model_at_end"].flag()) {
    metadata = "{";
    std::string best = "null";
    if ((state.present & TRAINER_STATE_HAS_BEST_METRIC) != 0 && std::isfinite(state.best_metric))
      sdk::append_repr(best = "", state.best_metric);
    member(metadata, "eval/" + std::string(args["metric_for_best_model"].text()), best);
    std::string flos;
    sdk::append_repr(flos, state.total_flos);
    member(metadata, "train/total_floss", flos);  // transformers spells it with two s
    member(metadata, "model/num_parameters", parameters_json());
  }
  member(metadata, "final_model", "true");
  log(work.path, args, metadata + "}", {"final_model", "latest"});
}

void ModelLog::log(const fs::path& directory, const sdk::Arguments& args, std::string metadata,
                   std::vector<std::string> aliases) {
  const std::string_view run_name = args["run_name"].text();
  const bool unnamed = run_name.empty() || run_name == args["output_dir"].text();
  Artifact artifact;
  const std::string name = "model-" + (unnamed ? run_.settings().id : run_.settings().name);
  artifact.name = artifact_name(name);
  if (artifact.name != name && !std::exchange(renamed_told_, true))
    host_.warning("the artifact \"" + name + "\" is called \"" + artifact.name +
                  "\": W&B takes letters, digits, _, - and . in its name, and 128 characters");
  artifact.type = "model";
  artifact.metadata = std::move(metadata);
  artifact.aliases = std::move(aliases);
  artifact.client_id = plugins::random_id(128);
  artifact.sequence_client_id = plugins::random_id(128);
  artifact.add_directory(directory);
  run_.file().artifact(run_.settings(), artifact);
}

}  // namespace trainer::wandb
