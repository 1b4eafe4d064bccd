// SPDX-License-Identifier: Apache-2.0
#include "command/run_datasets.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/text.hpp"
#include "command/run_collator.hpp"
#include "trainer/dataset_split.hpp"
#include "trainer/error.hpp"
#include "trainer/json_lines_dataset.hpp"
#include "trainer/log.hpp"
#include "trainer/npy_dataset.hpp"
#include "trainer/safetensors_dataset.hpp"

namespace trainer::command {
namespace {

using Format = RunFile::Data::Format;

// What the model looks at, labels included.
std::vector<std::string> taken_by(const Model& model) {
  auto out = model.columns();
  if (!contains(out, "labels")) out.emplace_back("labels");
  return out;
}

std::shared_ptr<ColumnDataset> columns_of(const std::filesystem::path& path, const std::vector<std::string>& names) {
  if (RunFile::Data::format(path) == Format::npy) return std::make_shared<NpyDataset>(path, names);
  return std::make_shared<SafetensorsDataset>(path, names);
}

}  // namespace

// Only the files that the actions need.
void RunDatasets::load(const std::vector<RunFile::Action>& actions, const Model& model,
                       std::optional<CsvColumns> columns) {
  const auto needed = [&](std::string_view what) {
    return std::any_of(actions.begin(), actions.end(), [&](const auto& action) { return action.what == what; });
  };
  columns_ = std::move(columns);
  const auto& data = run_.data;
  const bool train = needed("train") && !data.train.empty(), eval = needed("train") || needed("evaluate");
  if (data.split && eval)
    load_split(train, model);
  else if (train)
    train_ = open(data.train, "train", model);
  if (eval)
    for (const auto& [name, path] : data.eval) {
      auto set = open(path, "eval", model);
      if (name.empty())
        eval_ = std::move(set);
      else
        eval_.add(name, std::move(set));
    }
  if (!needed("predict")) return;
  test_ = open(data.test, "test", model);
  if (!data.id.empty()) test_ids_ = row_ids(data.test, *test_);
}

void RunDatasets::load_split(bool train, const Model& model) {
  const auto& data = run_.data;
  const auto all = std::dynamic_pointer_cast<Dataset>(open(data.train, "train", model));
  if (!all)
    throw_usage(error_id::data_invalid, data.train.string() + " is read row by row, and data.split needs to know how " +
                                            "many there are; name a file of its own as data.eval");
  auto [rest, rows] = train_test_split(all, data.split->eval, data.split->seed);
  log::info(data.train.string() + ": " + std::to_string(rows->size()) + " of " + std::to_string(all->size()) +
            " rows are for evaluation, " + std::to_string(rest->size()) + " for training (data.split)");
  eval_ = std::shared_ptr<AnyDataset>(std::move(rows));
  if (train) train_ = std::move(rest);
}

ClassNames RunDatasets::numbered_classes() const {
  if (run_.loss.binary() && run_.data.targets.empty()) return ClassNames::numbered(2);
  const auto& layers = run_.model.layers;
  return run_.loss.of_classes() && !layers.empty() ? ClassNames::numbered(layers.back()) : ClassNames();
}

ClassNames RunDatasets::classes() const { return columns_ ? columns_->classes : numbered_classes(); }

// The column that names the rows of a file, whose other columns are `data`.
RowIds RunDatasets::row_ids(const std::filesystem::path& path, const AnyDataset& data) const {
  RowIds out{.name = run_.data.id};
  std::vector<std::string> names;
  if (const auto* csv = dynamic_cast<const CsvDataset*>(&data)) {
    out.texts = csv->ids();
    if (!out.texts.empty()) return out;
  } else if (const auto* columns = dynamic_cast<const ColumnDataset*>(&data)) {
    names = columns->columns();
    names.insert(names.end(), columns->left_out().begin(), columns->left_out().end());
    if (contains(names, out.name)) {
      const auto ids = columns_of(path, {out.name});
      out.values = ids->get_batch(at::arange(ids->size()))[out.name];
      return out;
    }
  } else {
    throw_usage(error_id::data_invalid, path.string() +
                                            " is read row by row, and no names of its rows are kept; leave " +
                                            "data.id out, or give the rows as a file of columns");
  }
  throw_usage(error_id::data_invalid, path.string() + " has no column \"" + out.name + "\", which data.id names" +
                                          (names.empty() ? "" : ", but " + join(names)) + "; name one that it has");
}

void RunDatasets::refuse_missing(std::string_view what) const {
  throw_usage(error_id::data_missing, run_.path.string() + ": data has no \"" + std::string(what) +
                                          "\", which this action needs; name a file of data, or a folder of arrays");
}

std::shared_ptr<AnyDataset> RunDatasets::open(const std::filesystem::path& path, std::string_view what,
                                              const Model& model) {
  if (path.empty()) refuse_missing(what);
  const auto format = RunFile::Data::format(path);
  if (format == Format::json_lines) return open_stream(path, what, model);
  if (format != Format::csv) return open_columns(path, what, model);
  auto csv = open_csv(path, what);
  if (what == "train") columns_ = csv->schema();
  return csv;
}

// As remove_unused_columns of transformers: those that the model does not look at are not read.
std::shared_ptr<ColumnDataset> RunDatasets::open_columns(const std::filesystem::path& path, std::string_view what,
                                                         const Model& model) const {
  const auto taken = taken_by(model);
  const RunCollator collator(run_, model.columns());
  const auto set = columns_of(path, taken);
  const Batch first = collator.check(*set, path);
  auto found = set->columns();
  auto left_out = set->left_out();
  std::vector<std::string> missing;
  // Without labels one can evaluate and predict.
  const bool learns = what == "train" && (contains(model.columns(), "labels") || !run_.loss.name.empty());
  for (const auto& name : taken)
    if ((learns || name != "labels") && !contains(found, name) && !collator.makes(name)) missing.push_back(name);
  if (!missing.empty()) {
    found.insert(found.end(), left_out.begin(), left_out.end());
    throw_usage(error_id::data_invalid, path.string() + " lacks " + join(missing) + ": the model takes " + join(taken) +
                                            ", and the file has " + join(found) +
                                            "; name the columns so, or say in model.inputs which is which");
  }
  std::erase(left_out, run_.data.id);
  if (!left_out.empty())
    log::info(path.string() + ": the model does not take " + join(left_out) + ", so it is left out");
  if (run_.model.type != "pt2") check_features(first["features"], path);
  return set;
}

void RunDatasets::check_features(const at::Tensor& features, const std::filesystem::path& path) const {
  const auto takes = run_.model.layers[0];
  if (features.scalar_type() == at::kFloat && features.sizes() == at::IntArrayRef{1, takes}) return;
  std::string found = c10::toString(features.scalar_type());
  for (const auto size : features.sizes().slice(1)) found += " x " + std::to_string(size);
  throw_usage(error_id::data_invalid, path.string() + ": a row of \"features\" is " + found + ", but the model takes " +
                                          std::to_string(takes) +
                                          " numbers of float32 (Float); convert the column, or change the model");
}

std::shared_ptr<AnyDataset> RunDatasets::open_stream(const std::filesystem::path& path, std::string_view what,
                                                     const Model& model) const {
  const RunCollator collator(run_, model.columns());
  std::vector<std::string> optional{"labels"};
  for (const auto& name : model.columns())
    if (collator.makes(name)) optional.push_back(name);
  auto set = std::make_shared<JsonLinesDataset>(path, taken_by(model), std::move(optional));
  if (what == "eval" && set->reads_once())
    throw_usage(error_id::data_invalid, path.string() + " is a pipe, whose rows come once, and each evaluation needs " +
                                            "them; name a file as data.eval");
  if (what == "train")
    log::info(path.string() + ": rows are trained on in the order in which they come; nothing is shuffled");
  return set;
}

std::shared_ptr<CsvDataset> RunDatasets::open_csv(const std::filesystem::path& path, std::string_view what) const {
  const bool numbers = run_.loss.of_numbers() || !run_.data.targets.empty();
  const auto& layers = run_.model.layers;
  CsvOptions options{.target = run_.data.target,
                     .targets = run_.data.targets,
                     .labels = numbers ? Labels::regression : Labels::classification,
                     .classes = run_.loss.binary() ? 2
                                : layers.empty()   ? 0
                                                   : layers.back(),
                     .ignore_index = run_.loss.ignore_index,
                     .features = layers.empty() ? 0 : layers.front(),
                     .drop = run_.data.drop,
                     .id = run_.data.id,
                     .missing_number = run_.data.missing_number.value_or(0),
                     .separator = run_.data.separator,
                     .decimal = run_.data.decimal,
                     .labels_optional = what == "test"};
  if (run_.data.missing_number) options.missing = CsvOptions::Missing::number;
  if (run_.data.missing_mean) options.missing = CsvOptions::Missing::mean;
  return std::make_shared<CsvDataset>(path, options, columns_);
}

}  // namespace trainer::command
