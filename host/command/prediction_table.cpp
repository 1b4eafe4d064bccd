// SPDX-License-Identifier: Apache-2.0
#include "command/prediction_table.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>

#include "trainer/error.hpp"

namespace trainer::command {
namespace {

using Kind = Outputs::Kind;

// A cell with quotes where its text would end it.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",;\t\"\r\n") == text.npos && text.substr(0, 1) != " ") return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

struct Column {
  std::string name;
  std::function<std::string(std::int64_t row)> cell;
};

class Table {
 public:
  Table(const PredictionOutput& result, const Outputs& outputs, const RowIds& ids)
      : logits_(result.predictions.reshape({result.predictions.size(0), -1}).to(at::kDouble).contiguous()),
        rows_(logits_.size(0)),
        width_(logits_.size(1)),
        outputs_(outputs) {
    add_ids(ids);
    if (outputs.kind == Kind::classes)
      add_classes();
    else if (outputs.kind == Kind::binary)
      add_answers();
    else
      add_outputs("prediction", logits_);
    if (result.label_ids.defined()) add_labels(result.label_ids);
    if (!ids.name.empty() && std::count_if(columns_.begin(), columns_.end(),
                                           [&](const Column& column) { return column.name == ids.name; }) > 1)
      refuse_id_name(ids.name);
  }

  std::string text() const {
    std::string out;
    for (const auto& column : columns_) out += (out.empty() ? "" : ",") + quoted(column.name);
    out += "\n";
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (const auto& column : columns_) out += (&column == &columns_[0] ? "" : ",") + column.cell(row);
      out += "\n";
    }
    return out;
  }

 private:
  void add(std::string name, std::function<std::string(std::int64_t)> cell) {
    columns_.push_back({std::move(name), std::move(cell)});
  }

  void add_ids(const RowIds& ids) {
    if (ids.name.empty()) return;
    if (!ids.values.defined())
      return add(ids.name, [&ids](std::int64_t row) { return quoted(ids.texts[static_cast<std::size_t>(row)]); });
    if (ids.values.is_floating_point())
      add_column(ids.name, ids.values.to(at::kDouble).view({-1, 1}), 0);
    else
      add(ids.name, [values = ids.values.to(at::kLong).contiguous()](std::int64_t row) {
        return std::to_string(values.const_data_ptr<std::int64_t>()[row]);
      });
  }

  // What `name` is of: nothing for the only output, else its class, its target or its number.
  std::string with_output(const std::string& name, std::int64_t output) const {
    const auto& targets = outputs_.names;
    if (outputs_.kind == Kind::classes)
      return name + "_" + (output < outputs_.classes.size() ? outputs_.classes.name(output) : std::to_string(output));
    if (width_ == 1) {
      const bool named = outputs_.kind == Kind::binary && outputs_.classes.size() == 2;
      return named ? name + "_" + outputs_.classes.name(1) : name;
    }
    const auto place = static_cast<std::size_t>(output);
    return name + "_" + (place < targets.size() ? targets[place] : std::to_string(output));
  }

  // A column for each output.
  void add_outputs(const std::string& name, const at::Tensor& values) {
    for (std::int64_t c = 0; c < values.size(1); ++c) add_column(with_output(name, c), values, c);
  }
  void add_column(std::string name, const at::Tensor& values, std::int64_t c) {
    add(std::move(name), [kept = values.contiguous(), c](std::int64_t row) {
      return json::repr(kept.const_data_ptr<double>()[row * kept.size(1) + c]);
    });
  }

  std::string class_cell(std::int64_t label) const {
    const bool known = label >= 0 && label < outputs_.classes.size();
    return known ? quoted(outputs_.classes.name(label)) : std::to_string(label);
  }
  void add_class_column(std::string name, const at::Tensor& classes, std::int64_t c = 0) {
    add(std::move(name), [this, kept = classes.to(at::kLong).reshape({rows_, -1}).contiguous(), c](std::int64_t row) {
      return class_cell(kept.const_data_ptr<std::int64_t>()[row * kept.size(1) + c]);
    });
  }

  void add_classes() {
    add_class_column("prediction", logits_.argmax(1));
    add_outputs("logit", logits_);
    if (outputs_.probabilities) add_outputs("probability", logits_.softmax(1));
  }

  void add_answers() {
    const auto yes = logits_.gt(0);
    for (std::int64_t c = 0; c < width_; ++c)
      add_class_column(width_ == 1 ? "prediction" : with_output("prediction", c), yes, c);
    add_outputs("logit", logits_);
    if (outputs_.probabilities) add_outputs("probability", logits_.sigmoid());
  }

  void add_labels(const at::Tensor& labels) {
    const bool whole = !labels.is_floating_point();
    if (labels.numel() == rows_) {
      if (whole) return add_class_column("label", labels);
      return add_column("label", labels.reshape({rows_, 1}).to(at::kDouble), 0);
    }
    if (labels.numel() != rows_ * width_) return;
    const auto each = labels.reshape({rows_, width_});
    for (std::int64_t c = 0; c < width_; ++c)
      whole ? add_class_column(with_output("label", c), each, c)
            : add_column(with_output("label", c), each.to(at::kDouble), c);
  }

  at::Tensor logits_;  // [N, width]
  std::int64_t rows_, width_;
  const Outputs& outputs_;
  std::vector<Column> columns_;
};

}  // namespace

std::string prediction_table(const PredictionOutput& result, const Outputs& outputs, const RowIds& ids) {
  return Table(result, outputs, ids).text();
}

void refuse_id_name(const std::string& name) {
  throw_usage(error_id::command_usage,
              "data.id is \"" + name + "\", a name that predict writes itself; name the column otherwise");
}

}  // namespace trainer::command
