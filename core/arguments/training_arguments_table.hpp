// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <variant>

#include "trainer/training_arguments.hpp"

// Inside TrainingArguments: one row for each argument of transformers, which drives everything that
// goes by name. training_arguments_table.cpp has the rows, training_arguments_values.cpp moves
// values between JSON, text and fields.
namespace trainer::arguments {

template <typename T>
using Field = T TrainingArguments::*;

/// Where the value lives; monostate: refused, so nowhere.
using Member = std::variant<std::monostate, Field<bool>, Field<std::int64_t>, Field<Number>, Field<std::string>,
                            Field<std::optional<bool>>, Field<std::optional<std::int64_t>>,
                            Field<std::optional<Number>>, Field<std::optional<std::string>>,
                            Field<std::vector<std::string>>, Field<json::object>, Field<json::value>>;

/// What a value of the right type must keep to.
struct Rule {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool below_most = false;                ///< `most` itself is too much
  bool finite = false;                    ///< neither infinite nor NaN
  bool not_empty = false;                 ///< a text
  std::vector<std::string> choices = {};  ///< empty: any
  json::array only = {};                  ///< empty: any
};

struct Argument {
  std::string_view name;
  std::string_view type;  ///< empty: follows from the member
  Member member;
  std::string_view description;
  Rule rule;
  std::string_view reason;  ///< ends the sentence that refuses a value: why, and what to do
  /// Makes a value of the field's type of what is also taken.
  json::value (*prepare)(const json::value&) = nullptr;
  std::string_view group = {};  ///< what it is about, for --help-all

  bool supported() const { return member.index() != 0; }
};

const std::vector<Argument>& table();
const Argument* find(std::string_view name);

/// "run.json: args" + "seed". A place that is the argument's own ("--seed") stays as it is.
std::string place_of(std::string_view where, std::string_view name);

/// Throws the sentence for a name that transformers 5.23.0 does not have.
[[noreturn]] void refuse_unknown(std::string_view name, std::string_view where);

std::string type_name(const Argument& argument);

json::value read(const TrainingArguments& args, const Argument& argument);

/// Checks the type and the rule, then stores. `place`: the argument as sentences name it.
void write(TrainingArguments& args, const Argument& argument, const json::value& v, const std::string& place);

/// A command line's text as the JSON value that write() takes.
json::value parse_text(const Argument& argument, std::string_view text, const std::string& place);

/// Throws if `v`, which has the right type, breaks the rule. Null always keeps it.
void check(const Argument& argument, const json::value& v, const std::string& place);

}  // namespace trainer::arguments
