// SPDX-License-Identifier: Apache-2.0
//
// Asks the host for configuration, parameters and values.
#include "shared/run_config/run_config.hpp"

#include <trainer/ext/parameters.h>

#include <cmath>
#include <trainer/sdk/repr.hpp>

namespace trainer::plugins {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

bool is_buffer(std::string_view name) {
  return ends_with(name, "running_mean") || ends_with(name, "running_var") || ends_with(name, "num_batches_tracked");
}

JsonTree run_config(const sdk::Host& host) {
  JsonTree config;
  config.kind = JsonTree::Kind::object;
  const std::string model(host.model_config_json()), arguments(host.arguments_json());
  for (const std::string& part : {model, arguments}) {
    if (part.empty()) continue;
    JsonTree tree = parse_json(part);
    for (std::size_t i = 0; i < tree.keys.size(); ++i) config[tree.keys[i]] = std::move(tree.items[i]);
  }
  return config;
}

bool for_each_parameter(const sdk::Host& host, const ParameterVisitor& visit) {
  const auto* tensors = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  const std::uint64_t count = tensors == nullptr ? 0 : tensors->count(host.raw(), TRAINER_OF_MODEL);
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_text name{};
    trainer_tensor tensor{};
    tensor.struct_size = sizeof tensor;
    if (tensors->at(host.raw(), TRAINER_OF_MODEL, i, &name, &tensor) != TRAINER_OK) break;
    if (is_buffer(sdk::view(name))) continue;
    std::int64_t elements = 1;
    for (std::int32_t d = 0; d < tensor.ndim; ++d) elements *= tensor.shape[d];
    visit(sdk::view(name), tensor, elements);
  }
  return count != 0;
}

std::int64_t num_parameters(const sdk::Host& host) {
  if (host.model_config_json().empty()) return -1;
  std::int64_t sum = 0;
  const bool listed = for_each_parameter(
      host, [&](std::string_view, const trainer_tensor&, std::int64_t elements) { sum += elements; });
  return listed ? sum : -1;
}

void append_json(std::string& out, const sdk::Value& value, bool quote_special) {
  switch (value.raw()->type) {
    case TRAINER_NULL:
      out += "null";
      break;
    case TRAINER_BOOLEAN:
      out += value.flag() ? "true" : "false";
      break;
    case TRAINER_INTEGER:
      sdk::append_repr(out, value.integer());
      break;
    case TRAINER_NUMBER: {
      const double number = value.number();
      if (std::isfinite(number)) {
        sdk::append_repr(out, number);
        break;
      }
      if (quote_special) out += '"';
      out += std::isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity";
      if (quote_special) out += '"';
      break;
    }
    case TRAINER_STRING:
      append_json_string(out, value.text(), Escape::utf8);
      break;
    default:  // a list or an object, whose text has them bare
      if (quote_special)
        append_json(out, parse_json(value.text()), Escape::utf8, true);
      else
        out += value.text();
  }
}

}  // namespace trainer::plugins
