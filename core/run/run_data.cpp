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
                data.place("decimal") + " is \",\", and so is the separator; name the one that separates the cells");
}

constexpr std::int64_t longest_row = 1 << 24;

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
    out.to = RunSection::whole_number(*to, collate.place("to"),
                                      "\"longest\" or a length, a whole number from 1 to 16777216", longest_row);
  if (const auto* multiple = collate.find("pad_to_multiple_of"))
    out.pad_to_multiple_of = RunSection::whole_number(*multiple, collate.place("pad_to_multiple_of"),
                                                      "a whole number from 1 to 16777216", longest_row);
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

RunFile::Data::Split read_split(const RunSection& split) {
  split.allow({"eval", "seed"});
  RunFile::Data::Split out;
  const auto& eval = split.require("eval", "a share of the rows such as 0.1, or a number of them");
  if (eval.is_double() && eval.get_double() > 0 && eval.get_double() < 1)
    out.eval = eval.get_double();
  else if (eval.is_int64() && eval.get_int64() > 0)
    out.eval = eval.get_int64();
  else
    RunSection::wrong_type(eval, split.place("eval"),
                           "a share of the rows between 0 and 1, or a number of them from 1");
  if (const auto* seed = split.find("seed")) {
    if (!seed->is_uint64() && (!seed->is_int64() || seed->get_int64() < 0))
      RunSection::wrong_type(*seed, split.place("seed"), "a whole number from 0");
    out.seed = seed->to_number<std::uint64_t>();
  }
  return out;
}

// Keys that say how a CSV file is read would do nothing, and its labels' column would seem to be named.
void refuse_csv_keys(const RunSection& data, const RunFile::Data& out) {
  const bool any = !out.train.empty() || !out.test.empty() || !out.eval.empty();
  if (!any || out.has_csv()) return;
  for (const char* key : {"target", "drop", "missing", "separator", "decimal"})
    if (data.find(key))
      throw_usage(error_id::run_file_invalid, data.place(key) +
                                                  " is for CSV files, but none is named; leave it out: columns of "
                                                  "tensors and streams have their labels in \"labels\"");
}

// "-" is stdin.
std::filesystem::path data_path(const std::filesystem::path& base, const std::string& given) {
  return given == "-" ? std::filesystem::path(given) : absolute_to(base, given);
}

}  // namespace

RunFile::Data::Format RunFile::Data::format(const std::filesystem::path& file) {
  if (file.extension() == ".safetensors") return Format::safetensors;
  if (file.extension() == ".jsonl" || file == "-") return Format::json_lines;
  std::error_code ignored;
  const bool folder = !file.has_filename() || std::filesystem::is_directory(file, ignored);
  return folder ? Format::npy : Format::csv;
}

bool RunFile::Data::has_csv() const {
  std::vector<std::filesystem::path> files{train, test};
  for (const auto& [name, file] : eval) files.push_back(file);
  return std::any_of(files.begin(), files.end(), [](const auto& f) { return !f.empty() && format(f) == Format::csv; });
}

RunFile::Data read_run_data(const RunSection& data, const std::filesystem::path& base) {
  data.allow({"train", "eval", "test", "split", "target", "id", "drop", "missing", "separator", "decimal", "collate"});
  RunFile::Data out;
  out.train = data_path(base, data.text("train", ""));
  out.test = data_path(base, data.text("test", ""));
  if (const auto* eval = data.find("eval")) {
    if (eval->is_object())
      for (const auto& set : eval->get_object()) {
        if (set.key().empty())
          throw_usage(error_id::run_file_invalid,
                      data.place("eval") + " has a set without a name, whose metrics would be another's; name it");
        out.eval.emplace_back(set.key(), data_path(base, RunSection::text_of(set.value(), data.place("eval"))));
      }
    else
      out.eval.emplace_back("", data_path(base, RunSection::text_of(*eval, data.place("eval"))));
  }
  if (const auto* split = data.find("split")) {
    if (!out.eval.empty())
      throw_usage(error_id::run_file_invalid,
                  data.where() + " has both \"eval\" and \"split\", expected one; take \"split\" " +
                      "out to evaluate on the files, or \"eval\" to evaluate on rows of \"train\"");
    if (out.train.empty())
      throw_usage(error_id::run_file_invalid,
                  data.where() + " has \"split\", but no \"train\" whose rows it could split; name a file");
    out.split = read_split(RunSection(*split, data.place("split")));
  }
  refuse_csv_keys(data, out);
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
