// SPDX-License-Identifier: Apache-2.0
#include "trainer/json_lines_dataset.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <map>

#include "base/text.hpp"
#include "data/file_kind.hpp"
#include "data/json_tensor.hpp"
#include "data/line_reader.hpp"
#include "data/name_in_batch.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {

class JsonLinesDataset::Reader {
 public:
  explicit Reader(const JsonLinesDataset& dataset) : dataset_(dataset), lines_(dataset.path_) {}

  std::optional<Row> next() {
    if (waiting_.empty()) read_ahead();
    if (waiting_.empty()) return std::nullopt;
    std::optional<Row> row = std::move(waiting_.front());
    waiting_.pop_front();
    return row;
  }

 private:
  // A row, and where a column has but empty lists so far, those that follow until one tells what it holds.
  void read_ahead() {
    constexpr std::size_t most = 1024;
    while (waiting_.size() < most) {
      auto row = read_row();
      if (!row) break;
      waiting_.push_back(std::move(*row));
      if (!std::all_of(types_.begin(), types_.end(), [](const auto& type) { return type.second.has_value(); }))
        continue;
      if (waiting_.size() == 1) return;  // as nearly always
      break;
    }
    for (auto& [name, type] : types_) {
      if (!type) type = at::kLong;
      for (Row& row : waiting_)
        if (const at::Tensor cell = row[name]; cell.defined() && cell.numel() == 0) row.set(name, cell.to(*type));
    }
  }

  std::optional<Row> read_row() {
    if (!lines_.next(line_)) return std::nullopt;
    std::string_view text = line_;
    if (lines_.number() == 1 && text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    const json::value parsed = parse(text);
    const auto* object = parsed.if_object();
    if (!object)
      throw_usage(error_id::data_invalid,
                  lines_.at() + " is " + std::string(json::kind_name(parsed)) +
                      ", expected an object with a row's columns, one row per line (JSON Lines)");
    return row_of(*object);
  }

  json::value parse(std::string_view text) const try { return json::parse(text, lines_.at()); } catch (const Error& e) {
    const auto kind = file_kind(text);
    std::string sentence = e.sentence();
    constexpr std::string_view only_line = " at line 1, column ";  // lines_.at() says which of the file it is
    if (const auto at = sentence.find(only_line, lines_.at().size()); at != sentence.npos)
      sentence.replace(at, only_line.size(), " at column ");
    throw_usage(error_id::data_invalid,
                (kind.empty() || kind == "JSON" ? sentence : lines_.at() + " is " + std::string(kind)) +
                    "; expected one object per line, as UTF-8 text (JSON Lines)");
  }

  Row row_of(const json::object& object) {
    Row row;
    const auto& wanted = dataset_.columns_;
    std::vector<std::string> left_out;
    for (const auto& entry : object) {
      const std::string key(entry.key());
      const std::string& name = name_in_batch(key);
      if (!wanted.empty() && !contains(wanted, name)) {
        if (!dataset_.told_) left_out.push_back(name);
        continue;
      }
      if (row[name].defined())
        throw_usage(error_id::data_invalid, lines_.at() + " has two columns of labels, expected one; leave one out");
      row.set(name, json_tensor(entry.value(), types_[name], [&] { return lines_.at() + ": \"" + key + "\""; }));
    }
    for (const auto& name : wanted)
      if (!row[name].defined() && !contains(dataset_.optional_, name)) refuse_missing(name, object);
    if (row.empty())
      throw_usage(error_id::data_invalid, lines_.at() + " has no columns, expected those of a row; remove the line");
    check_columns(row);
    if (!left_out.empty() && !dataset_.told_.exchange(true))
      log::info(dataset_.path_.string() + ": the model does not take " + join(left_out) + ", so it is left out");
    return row;
  }

  // A batch takes the columns of its first row, so what only some rows have would be lost, or made up.
  void check_columns(const Row& row) {
    std::size_t known = 0, all = 0;
    for (const auto& [name, tensor] : row) ++all, known += contains(columns_, name);
    if (columns_.empty()) {
      for (const auto& [name, tensor] : row) columns_.push_back(name);
    } else if (known != all || known != columns_.size()) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : row) names.push_back(name);
      throw_usage(error_id::data_invalid, lines_.at() + " has " + join(names) + ", expected " + join(columns_) +
                                              ", which the first row has; give all rows the same columns");
    }
  }

  [[noreturn]] void refuse_missing(const std::string& name, const json::object& object) const {
    std::vector<std::string> found;
    for (const auto& entry : object) found.emplace_back(entry.key());
    throw_usage(error_id::data_invalid, lines_.at() + " lacks \"" + name + "\": the model takes " +
                                            join(dataset_.columns_) + ", and the row has " + join(found) +
                                            "; name the columns so, or say in model.inputs which is which");
  }

  const JsonLinesDataset& dataset_;
  LineReader lines_;
  std::vector<std::string> columns_;  // of the first row
  std::string line_;
  std::deque<Row> waiting_;                                     // read, and not yet given
  std::map<std::string, std::optional<at::ScalarType>> types_;  // by column, as the rows so far have it
};

JsonLinesDataset::JsonLinesDataset(std::filesystem::path path, std::vector<std::string> columns,
                                   std::vector<std::string> optional)
    : path_(std::move(path)),
      columns_(std::move(columns)),
      optional_(std::move(optional)),
      reads_once_(LineReader::reads_once(path_)) {
  if (!reads_once_) LineReader reader(path_);  // one that is not there is told at once
}

RowStream JsonLinesDataset::stream(std::int64_t) const {
  if (reads_once_ && read_.exchange(true)) {
    log::warning(path_.string() + " is not a file, so its rows came once, and there are no more");
    return [] { return std::optional<Row>(); };
  }
  return [reader = std::make_shared<Reader>(*this)] { return reader->next(); };
}

}  // namespace trainer
