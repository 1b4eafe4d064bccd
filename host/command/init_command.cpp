// SPDX-License-Identifier: Apache-2.0
//
// init: a run file to begin with, from what is known of data and arguments.
#include <algorithm>

#include "command/csv_survey.hpp"
#include "command/options.hpp"
#include "command/print.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/run_file.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

std::string json_text(const std::string& text) { return json::dump(json::value(text)); }

std::string relative_to(const fs::path& folder, const fs::path& file) {
  const auto base = fs::absolute(folder.empty() ? "." : folder).lexically_normal();
  return fs::absolute(file).lexically_normal().lexically_proximate(base).string();
}

// What follows from the data: model, loss, metrics, data.
std::string of_csv(const fs::path& data, const std::string& file) {
  const CsvSurvey found = survey_csv(data);
  const auto& target = found.columns[found.target].name;
  const auto outputs = found.classes ? std::max<std::size_t>(2, found.labels.size()) : 1;
  std::string out = "  // " + std::to_string(found.rows) + " rows: " + std::to_string(found.features()) +
                    " columns of numbers, and " +
                    (found.classes ? std::to_string(found.labels.size()) + " classes" : std::string("quantities")) +
                    " in " + json_text(target) + "\n  \"model\": {\"type\": \"mlp\", \"layers\": [" +
                    std::to_string(found.features()) + ", 64, " + std::to_string(outputs) +
                    "], \"activation\": \"relu\"},\n";
  out +=
      found.classes
          ? "  \"loss\": \"cross_entropy\",  // \"mse\" where the target is a quantity\n  \"metrics\": [\"accuracy\"],\n"
          : "  \"loss\": \"mse\",  // \"cross_entropy\" where the target is a class\n";
  out += "  \"data\": {\n    \"train\": " + json_text(file) +
         ",\n    // \"eval\": \"eval.csv\",  // rows that are not used for training\n" +
         "    \"target\": " + json_text(target) + ",\n";
  if (const auto drop = found.drop(); !drop.empty()) {
    out += "    \"drop\": " + json::dump(json::array(drop.begin(), drop.end())) +
           ",  // not features: texts, row numbers\n";
  }
  if (found.missing()) out += "    \"missing\": \"mean\",  // for cells without a value\n";
  if (found.decimal_comma) out += "    \"decimal\": \",\",\n";
  return out + "  },\n";
}

std::string of_columns(const std::string& file) {
  return "  // libtrainer.export() in Python makes it of any PyTorch model: docs/models.md\n"
         "  \"model\": {\"type\": \"pt2\", \"file\": \"model.pt2\"},\n"
         "  \"data\": {\n    \"train\": " +
         json_text(file) + ",\n    // \"eval\": \"eval.safetensors\",  // rows that are not used for training\n  },\n";
}

std::string of_nothing() {
  return "  // widths: the columns of numbers in the data, hidden layers, the classes\n"
         "  \"model\": {\"type\": \"mlp\", \"layers\": [4, 64, 3], \"activation\": \"relu\"},\n"
         "  \"loss\": \"cross_entropy\",  // \"mse\" where the target is a quantity, with one output\n"
         "  \"metrics\": [\"accuracy\"],\n"
         "  \"data\": {\n    \"train\": \"train.csv\",\n    // \"eval\": \"eval.csv\",  // rows that are not used for training\n"
         "    \"target\": \"label\",  // the column with the labels\n  },\n";
}

std::string json_entry(const std::string& name, const json::value& v) { return json_text(name) + ": " + json::dump(v); }

// What differs from the defaults, in the order of the file; what a run here cannot have becomes a comment that says
// why.
std::string arguments_of(const fs::path& from) {
  const json::value v = json::parse_file(from);
  const auto* given = v.if_object();
  if (!given)
    throw_usage(error_id::arguments_invalid,
                from.string() + " holds " + std::string(json::kind_name(v)) +
                    ", expected an object of TrainingArguments, as to_json_string() writes it");
  TrainingArguments defaults;
  std::string out;
  for (const auto& entry : *given) {
    const std::string name(entry.key());
    if (name == "data" || name[0] == '_') continue;  // what a checkpoint keeps of its data, and Python keeps to itself
    try {
      TrainingArguments args;
      args.set(name, entry.value(), "");
      if (args.get(name) != defaults.get(name) && name != "hub_token")
        out += "    " + json_entry(name, entry.value()) + ",\n";
    } catch (const Error& e) {
      out += "    // " + json_entry(name, entry.value()) + ": " + on_one_line(e.sentence()) + "\n";
    }
  }
  return out;
}

std::string usual_arguments() {
  return "    \"output_dir\": \"trainer_output\",\n    \"num_train_epochs\": 3,\n    \"per_device_train_batch_size\": 8,\n"
         "    \"learning_rate\": 5e-5,\n";
}

}  // namespace

int init(const InitOptions& options) {
  const fs::path& file = options.run_file;
  if (fs::exists(fs::symlink_status(file)))
    throw_usage(error_id::command_usage, file.string() + " already exists, expected a new file; name another one");
  const std::string data = options.data.empty() ? "" : relative_to(file.parent_path(), options.data);
  std::string text =
      "// `trainer check " + file.string() + "` says what it does, `trainer train " + file.string() + "` does it.\n{\n";
  text += data.empty()                                                        ? of_nothing()
          : RunFile::Data::format(options.data) != RunFile::Data::Format::csv ? of_columns(data)
                                                                              : of_csv(options.data, data);
  text +=
      "  // Any argument of transformers.TrainingArguments: docs/arguments.md\n  \"args\": {\n" +
      (options.from.empty() ? usual_arguments() : arguments_of(options.from)) +
      "    // \"eval_strategy\": \"epoch\", \"save_strategy\": \"epoch\", \"load_best_model_at_end\": true,  // with data.eval\n  },\n"
      "  // \"callbacks\": [{\"plugin\": \"early_stopping\", \"config\": {\"early_stopping_patience\": 3}}],\n}\n";
  replace_file(file, text);
  print_line("wrote " + file.string() + "; `trainer check " + file.string() + "` says what it does");
  return 0;
}

}  // namespace trainer::command
