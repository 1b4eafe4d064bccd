// SPDX-License-Identifier: Apache-2.0
//
// TrainingArguments by the names of its arguments: JSON in and out, texts of the command line, the table for help and
// docs.
#include "arguments/training_arguments_table.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {
namespace {

const arguments::Argument& known(std::string_view name, std::string_view where) {
  if (const auto* argument = arguments::find(name)) return *argument;
  arguments::refuse_unknown(name, where);
}

json::value masked(std::string_view name) {
  std::string out = "<";
  for (const char c : name) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return boost::json::string(out + ">");
}

}  // namespace

TrainingArguments TrainingArguments::from_json(const json::object& args, std::string_view where) {
  TrainingArguments out;
  out.update(args, where);
  out.finalize(where);
  return out;
}

void TrainingArguments::update(const json::object& args, std::string_view where) {
  for (const auto& entry : args) set(entry.key(), entry.value(), where);
}

void TrainingArguments::set(std::string_view name, const json::value& v, std::string_view where) {
  arguments::write(*this, known(name, where), v, arguments::place_of(where, name));
  // What is given is not derived any more, even if it is equal.
  if (name == "eval_steps") derived.eval_steps.reset();
  if (name == "metric_for_best_model") derived.metric_for_best_model.reset();
  if (name == "greater_is_better") derived.greater_is_better.reset();
  if (name == "do_eval") derived.do_eval = false;
  if (name == "dataloader_pin_memory") derived.dataloader_pin_memory = false;
}

void TrainingArguments::set_from_text(std::string_view name, std::string_view text, std::string_view where) {
  set(name, arguments::parse_text(known(name, where), text, arguments::place_of(where, name)), where);
}

json::value TrainingArguments::get(std::string_view name) const {
  json::value v = arguments::read(*this, known(name, {}));
  return name.ends_with("_token") && !v.is_null() ? masked(name) : v;
}

bool TrainingArguments::has(std::string_view name) { return arguments::find(name) != nullptr; }

json::object TrainingArguments::to_dict() const {
  json::object out;
  for (const auto& argument : arguments::table())
    if (argument.supported())
      out.emplace(argument.name,
                  argument.name.ends_with("_token") ? masked(argument.name) : arguments::read(*this, argument));
  return out;
}

std::string TrainingArguments::to_json_string() const { return json::dump(to_dict(), {.indent = 2}); }

const std::vector<ArgumentInfo>& argument_table() {
  static const auto infos = [] {
    const TrainingArguments defaults;
    std::vector<ArgumentInfo> out;
    for (const auto& argument : arguments::table()) {
      std::string description(argument.description);
      for (const auto& choice : argument.rule.choices)
        description += (&choice == &argument.rule.choices.front() ? " One of `" : ", `") + choice + "`";
      if (!argument.rule.choices.empty()) description += ".";
      out.push_back({argument.name, arguments::type_name(argument), arguments::read(defaults, argument), description,
                     argument.supported(), argument.group, argument.reason});
    }
    return out;
  }();
  return infos;
}

}  // namespace trainer
