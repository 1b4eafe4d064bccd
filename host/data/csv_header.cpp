// SPDX-License-Identifier: Apache-2.0
#include "data/csv_header.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "data/cell_number.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

constexpr int unused = CsvHeader::unused, target = CsvHeader::target;

std::vector<std::string> targets_of(const CsvOptions& options) {
  return options.targets.empty() ? std::vector{options.target} : options.targets;
}

bool all_numbers(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(),
                                       [](const auto& name) { return cell_number(name) || is_missing(name); });
}

// 0, 1, 2 ... or 1, 2, 3 ..., as pandas names columns that have no name.
bool counted(const std::vector<std::string>& names) {
  const auto first = cell_integer(names[0]).value_or(-1);
  if (first != 0 && first != 1) return false;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (cell_integer(names[i]) != first + static_cast<std::int64_t>(i)) return false;
  return true;
}

class Header {
 public:
  Header(const CsvText& text, const CsvOptions& options)
      : text_(text), options_(options), targets_(targets_of(options)) {
    for (const auto cell : text.cells()) {
      first_.emplace(cell, out_.names.size());
      out_.names.emplace_back(cell);
    }
    out_.roles.assign(out_.names.size(), unused);
  }

  void find_targets() {
    out_.labelled = true;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const auto found = first_.find(targets_[i]);
      if (found != first_.end())
        give(*found, target - static_cast<int>(i));
      else if (options_.labels_optional)
        out_.labelled = false;
      else
        refuse(" has no column " + shown(targets_[i]) + ", which data.target names" + which(targets_[i]));
    }
    if (const auto found = first_.find(options_.id); !options_.id.empty() && found != first_.end())
      give(*found, CsvHeader::id);
  }

  void find_known(const std::vector<std::string>& features) {
    out_.features = features;
    for (const auto& name : targets_)
      if (contains(features, name))
        throw_usage(error_id::data_invalid, "data.target is " + shown(name) +
                                                ", but that column is a feature of the model; name the label's column");
    if (!options_.id.empty() && contains(features, options_.id))
      throw_usage(error_id::data_invalid,
                  "data.id is " + shown(options_.id) +
                      ", but that column is a feature of the model; name another, or train the model with data.id");
    for (std::size_t i = 0; i < features.size(); ++i) {
      const auto found = first_.find(features[i]);
      if (found == first_.end())
        refuse(" has no column " + shown(features[i]) + ", which the model was trained with" + which(features[i]));
      out_.roles[found->second] = static_cast<int>(i);
    }
    std::vector<std::string> left;
    for (std::size_t i = 0; i < out_.names.size(); ++i)
      if (out_.roles[i] == unused && !contains(options_.drop, out_.names[i])) left.push_back(shown(out_.names[i]));
    if (left.size() > 10) left.resize(10), left.emplace_back("...");
    if (!left.empty())
      log::info(text_.path().string() + ": not used, since the model was trained without: " + join(left));
  }

  void take_all() {
    for (const auto& name : targets_)
      if (contains(options_.drop, name))
        throw_usage(error_id::data_invalid, "data.drop names " + shown(name) +
                                                ", the target; take it out of data.drop, or name another target");
    for (const auto& name : options_.drop)
      if (!first_.count(name)) refuse(" has no column " + shown(name) + ", which data.drop names" + which(name));
    for (std::size_t i = 0; i < out_.names.size(); ++i) {
      const std::string& name = out_.names[i];
      if (out_.roles[i] != unused || contains(options_.drop, name)) continue;
      out_.roles[i] = static_cast<int>(out_.features.size());
      out_.features.push_back(name);
    }
    if (all_numbers(out_.names) || (all_numbers(out_.features) && !counted(out_.features)))
      refuse(
          " looks like data, since its cells are numbers, but the first line of a CSV file names the columns; "
          "write such a line above it");
    for (std::size_t i = 0; i < out_.names.size(); ++i)
      if (out_.roles[i] >= 0 && out_.names[i].empty())
        refuse(" has no name for column " + std::to_string(i + 1) +
               ", as pandas writes its index; write the file with index=False, or leave the column out with "
               "data.drop [\"\"]");
  }

  CsvHeader checked() {
    for (std::size_t i = 0; i < out_.names.size(); ++i) {
      if (!is_utf8(out_.names[i]))
        refuse(" names column " + std::to_string(i + 1) + " in bytes that are not UTF-8; save the file as UTF-8");
      const std::size_t before = first_.at(out_.names[i]);
      if (before < i && out_.roles[before] != unused)
        refuse(" names the column " + shown(out_.names[i]) + " twice, as number " + std::to_string(before + 1) +
               " and " + std::to_string(i + 1) + "; rename one of them, or write the line of names if this is data");
    }
    return std::move(out_);
  }

 private:
  void give(const std::pair<const std::string, std::size_t>& column, int role) {
    if (std::exchange(out_.roles[column.second], role) != unused)
      throw_usage(error_id::data_invalid,
                  role == CsvHeader::id
                      ? "column " + shown(column.first) + " is data.target and data.id; name another " +
                            "column as data.id, or leave it out"
                      : "data.target names the column " + shown(column.first) + " twice; name each target once");
  }

  [[noreturn]] void refuse(const std::string& sentence) const {
    throw_usage(error_id::data_invalid, text_.at() + sentence);
  }

  // What may have been meant by a name that is not there.
  std::string which(const std::string& name) const {
    if (all_numbers(out_.names)) return "; it looks like data: write a line that names the columns above it";
    if (const std::string near = nearest(name, out_.names); !near.empty()) return "; did you mean " + shown(near) + "?";
    const std::string count = std::to_string(out_.names.size());
    if (out_.names.size() == 1 && out_.names[0].find(' ') != std::string::npos)
      return "; it is one column, " + shown(out_.names[0]) + ", unless data.separator says what separates it";
    std::vector<std::string> some;
    for (std::size_t i = 0; i < out_.names.size() && i < 10; ++i) some.push_back(shown(out_.names[i]));
    if (out_.names.size() > some.size()) some.emplace_back("...");
    return "; name one of its " + count + (out_.names.size() == 1 ? " column: " : " columns: ") + join(some);
  }

  const CsvText& text_;
  const CsvOptions& options_;
  const std::vector<std::string> targets_;
  CsvHeader out_;
  std::unordered_map<std::string, std::size_t> first_;  // where a name stands first
};

}  // namespace

CsvHeader read_header(const CsvText& text, const CsvOptions& options, const CsvColumns* known) {
  Header header(text, options);
  header.find_targets();
  if (known)
    header.find_known(known->features);
  else
    header.take_all();
  return header.checked();
}

}  // namespace trainer
