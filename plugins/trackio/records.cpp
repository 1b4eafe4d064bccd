// SPDX-License-Identifier: Apache-2.0
//
// Writes rows and a run's configuration as Trackio's JSON.
#include "records.hpp"

#include "shared/json_tree/json_tree.hpp"
#include "shared/run_config/run_config.hpp"
#include "shared/system/random_id.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::trackio {
namespace {

using plugins::append_json_string;
using plugins::Escape;
using plugins::JsonTree;
using plugins::random_below;

}  // namespace

void append_member(std::string& members, std::string_view key, const sdk::Value& value) {
  if (!members.empty()) members += ", ";
  append_json_string(members, key, Escape::utf8);
  members += ": ";
  plugins::append_json(members, value, true);
}

void append_record(std::string& out, const Run& run, std::string_view members, std::optional<std::int64_t> step,
                   std::string_view timestamp, std::string_view config, std::string_view log_id) {
  const auto text = [&](const char* key, std::string_view value) {
    out += key;
    if (value.empty())
      out += "null";
    else
      append_json_string(out, value, Escape::utf8);
  };
  out += "{\"v\": 1, \"kind\": \"metric\"";
  text(", \"project\": ", run.project);
  text(", \"run\": ", run.name);
  text(", \"run_id\": ", run.id);
  out += ", \"metrics\": {";
  out += members;
  out += "}, \"step\": ";
  if (step)
    sdk::append_repr(out, *step);
  else
    out += "null";
  text(", \"timestamp\": ", timestamp);
  out += ", \"config\": ";
  out += config.empty() ? "null" : config;
  text(", \"log_id\": ", log_id);
  out += '}';
}

std::string run_config(std::string_view model_json, std::string_view arguments_json, std::int64_t num_parameters,
                       std::string_view created) {
  JsonTree config;
  config["_Username"] = {};
  config["_Created"] = {JsonTree::Kind::string, std::string(created), {}, {}};
  config["_Group"] = {};
  for (const std::string_view json : {model_json, arguments_json}) {
    if (json.empty()) continue;
    const JsonTree part = plugins::parse_json(json);
    // Keys with a leading underscore are Trackio's.
    for (std::size_t i = 0; i < part.keys.size(); ++i)
      if (part.keys[i].substr(0, 1) != "_") config[part.keys[i]] = part.items[i];
  }
  if (num_parameters >= 0)
    config["model/num_parameters"] = {JsonTree::Kind::number, std::to_string(num_parameters), {}, {}};
  std::string out;
  plugins::append_json(out, config, Escape::utf8, true);
  return out;
}

std::string random_name() {
  static constexpr const char* how[] = {"brave", "calm",  "eager", "gentle", "keen", "lucid",
                                        "merry", "quiet", "rapid", "steady", "tidy", "warm"};
  static constexpr const char* what[] = {"brook", "cedar", "comet", "dune",  "fjord", "heron",
                                         "maple", "otter", "reef",  "ridge", "tern",  "willow"};
  return std::string(how[random_below(12)]) + "-" + what[random_below(12)] + "-" +
         std::to_string(1000 + random_below(9000));
}

}  // namespace trainer::trackio
