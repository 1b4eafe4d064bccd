// SPDX-License-Identifier: Apache-2.0
//
// init: a run file to begin with, from what is known of data and arguments.
#include <iostream>

#include "command/init_data.hpp"
#include "command/options.hpp"
#include "command/print.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/run_file.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

std::string relative_to(const fs::path& folder, const fs::path& file) {
  const auto base = fs::absolute(folder.empty() ? "." : folder).lexically_normal();
  return fs::absolute(file).lexically_normal().lexically_proximate(base).string();
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

// A stream ends with its steps, whatever else the arguments say.
std::string steps_of(bool stream, const std::string& arguments) {
  if (!stream || arguments.find("    \"max_steps\": ") != arguments.npos) return "";
  return "    \"max_steps\": 1000,  // a stream does not say how many rows it has\n";
}

std::string usual_arguments(bool stream) {
  return std::string("    \"output_dir\": \"trainer_output\",\n") + (stream ? "" : "    \"num_train_epochs\": 3,\n") +
         "    \"per_device_train_batch_size\": 8,\n    \"learning_rate\": 5e-5,\n";
}

}  // namespace

int init(const InitOptions& options) {
  const bool to_stdout = options.run_file == "-";
  const fs::path file = to_stdout ? fs::path("run.json") : options.run_file;
  if (!to_stdout && fs::exists(fs::symlink_status(file)))
    throw_usage(error_id::command_usage, file.string() + " already exists, expected a new file; name another one");
  const auto data = init_data(options.data, options.data.empty() ? "" : relative_to(file.parent_path(), options.data));
  const std::string arguments = options.from.empty() ? usual_arguments(data.stream) : arguments_of(options.from);
  const std::string text =
      "// `trainer check " + file.string() + "` says what it does, `trainer train " + file.string() +
      "` does it.\n{\n" + data.text +
      "  // Any argument of transformers.TrainingArguments: docs/arguments.md\n  \"args\": {\n" + arguments +
      steps_of(data.stream, arguments) +
      "    // \"eval_strategy\": \"epoch\", \"save_strategy\": \"epoch\", \"load_best_model_at_end\": true,  // with data.eval\n  },\n"
      "  // \"callbacks\": [{\"plugin\": \"early_stopping\", \"config\": {\"early_stopping_patience\": 3}}],\n}\n";
  if (to_stdout) {
    std::cout << text;
    return 0;
  }
  replace_file(file, text);
  try {
    RunFile::load(file);
  } catch (...) {  // nothing is left that cannot be read
    std::error_code ec;
    fs::remove(file, ec);
    throw;
  }
  print_line("wrote " + file.string() + "; `trainer check " + file.string() + "` says what it does");
  return 0;
}

}  // namespace trainer::command
