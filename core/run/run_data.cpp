// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <cmath>

#include "run/run_parts.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// How the files are to be read.
void read_format(const RunSection& data, RunFile::Data& out) {
  out.drop = data.texts("drop", "a list of columns");
  if (const auto* missing = data.find("missing")) {
    if (missing->is_number() && std::isfinite(static_cast<float>(missing->to_number<double>())))
      out.missing_number = missing->to_number<double>();
    else if (missing->is_string() && missing->get_string() == "mean")
      out.missing_mean = true;
    else if (!missing->is_string() || missing->get_string() != "error")
      RunSection::wrong_type(*missing, data.place("missing"), "\"error\", \"mean\" or a number that fits into 32 bits");
  }
  if (const auto* separator = data.find("separator")) {
    const std::string text = RunSection::text_of(*separator, data.place("separator"));
    out.separator = text == "tab" ? '\t' : text.size() == 1 ? text[0] : 0;
    // A letter, a digit or a sign is part of what a cell says.
    if (!out.separator || std::isalnum(static_cast<unsigned char>(out.separator)) || text[0] < 0 ||
        std::string_view("\"\r\n.+-_").find(out.separator) != std::string_view::npos)
      RunSection::wrong_type(*separator, data.place("separator"), "one character such as \",\" or \";\", or \"tab\"");
  }
  out.decimal = data.choice("decimal", ".", {".", ","})[0];
  if (out.decimal == out.separator)
    throw_usage(error_id::run_file_invalid,
                data.place("decimal") + " is \",\", and so is the separator; name the one that parts the cells");
}

std::int64_t whole_number(const json::value& v, const std::string& place, const char* expected) {
  if (!v.is_int64() || v.get_int64() < 1) RunSection::wrong_type(v, place, expected);
  return v.get_int64();
}

RunFile::Data::Collate read_collate(const RunSection& collate) {
  collate.allow({"pad", "to", "pad_to_multiple_of", "side"});
  RunFile::Data::Collate out;
  const RunSection pad(collate.require("pad", "the columns and what fills them, {\"input_ids\": 0, \"labels\": -100}"),
                       collate.place("pad"));
  for (const auto& [column, fill] : collate.find("pad")->get_object()) {
    if (!fill.is_number()) RunSection::wrong_type(fill, pad.place(column), "the number that fills the column");
    out.pad.emplace(column, fill.to_number<double>());
  }
  if (const auto* to = collate.find("to"); to && *to != json::value("longest"))
    out.to = whole_number(*to, collate.place("to"), "\"longest\" or a length, a whole number from 1");
  if (const auto* multiple = collate.find("pad_to_multiple_of"))
    out.pad_to_multiple_of = whole_number(*multiple, collate.place("pad_to_multiple_of"), "a whole number from 1");
  out.left = collate.choice("side", "right", {"right", "left"}) == "left";
  return out;
}

void read_target(const RunSection& data, const json::value& target, RunFile::Data& out) {
  const std::string place = data.place("target");
  if (!target.is_array()) {
    if (!target.is_string()) RunSection::wrong_type(target, place, "a string, or a list of columns that hold numbers");
    out.target = RunSection::text_of(target, place);
    return;
  }
  out.targets = data.texts("target", "a list of columns");
  auto names = out.targets;
  std::sort(names.begin(), names.end());
  if (names.empty() || std::adjacent_find(names.begin(), names.end()) != names.end())
    RunSection::wrong_type(target, place, "a list of columns, each once");
}

void read_id(const RunSection& data, RunFile::Data& out) {
  out.id = data.text("id", "");
  const auto is_id = [&](const std::string& name) { return name == out.id; };
  if (!out.id.empty() && (is_id(out.target) || std::any_of(out.targets.begin(), out.targets.end(), is_id)))
    throw_usage(error_id::run_file_invalid,
                data.place("id") + " is \"" + out.id + "\", and so is the target; name the column that names the rows");
}

}  // namespace

bool RunFile::Data::is_columns(const std::filesystem::path& file) { return file.extension() == ".safetensors"; }

bool RunFile::Data::has_csv() const {
  std::vector<std::filesystem::path> files{train, test};
  for (const auto& [name, file] : eval) files.push_back(file);
  return std::any_of(files.begin(), files.end(), [](const auto& f) { return !f.empty() && !is_columns(f); });
}

RunFile::Data read_run_data(const RunSection& data, const std::filesystem::path& base) {
  data.allow({"train", "eval", "test", "target", "id", "drop", "missing", "separator", "decimal", "collate"});
  RunFile::Data out;
  out.train = absolute_to(base, data.text("train", ""));
  out.test = absolute_to(base, data.text("test", ""));
  if (const auto* eval = data.find("eval")) {
    if (eval->is_object())
      for (const auto& set : eval->get_object()) {
        if (set.key().empty())
          throw_usage(error_id::run_file_invalid,
                      data.place("eval") + " has a set without a name, whose metrics would be another's; name it");
        out.eval.emplace_back(set.key(), absolute_to(base, RunSection::text_of(set.value(), data.place("eval"))));
      }
    else
      out.eval.emplace_back("", absolute_to(base, RunSection::text_of(*eval, data.place("eval"))));
  }
  read_format(data, out);
  if (const auto* collate = data.find("collate")) {
    if (out.has_csv())
      throw_usage(error_id::run_file_invalid,
                  data.place("collate") +
                      " is there, but a CSV file has rows of one length; leave it out, or give the "
                      "data as a safetensors file");
    out.collate = read_collate(RunSection(*collate, data.place("collate")));
  }
  if (out.has_csv() || data.find("target"))
    read_target(data, data.require("target", "the name of the label's column"), out);
  read_id(data, out);
  return out;
}

}  // namespace trainer
