// SPDX-License-Identifier: Apache-2.0
#include "exported/input_check.hpp"

#include <limits>

#include "data/failure.hpp"
#include "trainer/error.hpp"

namespace trainer::exported {
namespace {

std::string expected_text(const InputSpec& input, const Ranges& ranges) {
  std::string out;
  for (const auto& dimension : input.dimensions) {
    const auto range = ranges.find(dimension.symbol);
    out += out.empty() ? "" : ", ";
    if (dimension.size >= 0)
      out += std::to_string(dimension.size);
    else if (range == ranges.end() || range->second.most == std::numeric_limits<std::int64_t>::max())
      out +=
          range != ranges.end() && range->second.least > 2 ? std::to_string(range->second.least) + " or more" : "any";
    else
      out += std::to_string(range->second.least) + ".." + std::to_string(range->second.most);
  }
  return "[" + out + "] " + c10::toString(input.type);
}

[[noreturn]] void refuse_input(const InputSpec& input, const at::Tensor& tensor, const Ranges& ranges,
                               const std::string& remedy) {
  throw_usage(error_id::data_invalid, "the input \"" + input.name + "\" is " + tensor_text(tensor) +
                                          ", but the model was exported for " + expected_text(input, ranges) + "; " +
                                          remedy);
}

}  // namespace

Ranges read_ranges(const ProgramJson& program) {
  Ranges out;
  const auto ranges = program.find("range_constraints");
  if (!ranges) return out;
  for (const auto& entry : ranges->object()) {
    const auto range = ranges->member(entry);
    const auto least = range.find("min_val"), most = range.find("max_val");
    out.emplace(entry.key(),
                Range{least ? least->integer() : 0, most ? most->integer() : std::numeric_limits<std::int64_t>::max()});
  }
  return out;
}

void check_inputs(const std::vector<InputSpec>& inputs, const std::vector<at::Tensor>& tensors, const Ranges& ranges) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const InputSpec& input = inputs[i];
    const at::Tensor& tensor = tensors[i];
    if (input.slot == no_slot || !tensor.defined()) continue;
    if (tensor.scalar_type() != input.type || tensor.dim() != std::ssize(input.dimensions))
      refuse_input(input, tensor, ranges, "give data of this type and shape, or export the model with such a batch");
    for (std::size_t d = 0; d < input.dimensions.size(); ++d) {
      const auto& [fixed, symbol] = input.dimensions[d];
      const auto size = tensor.size(static_cast<std::int64_t>(d));
      if (fixed >= 0 && size != fixed) refuse_input(input, tensor, ranges, "export it with this dimension dynamic");
      if (symbol.empty()) continue;
      const auto range = ranges.find(symbol);
      // As torch has it: a least size of 2 is what every export without a bound has, and smaller ones work.
      if (range != ranges.end() &&
          ((range->second.least > 2 && size < range->second.least) || size > range->second.most))
        refuse_input(input, tensor, ranges, "give data within this range, or export the model with a wider one");
      // Equal to the first input that has this symbol; that one is found at once.
      for (std::size_t k = 0; k <= i; ++k) {
        if (inputs[k].slot == no_slot || !tensors[k].defined()) continue;
        bool found = false;
        for (std::size_t other = 0; other < inputs[k].dimensions.size() && !found; ++other) {
          if (inputs[k].dimensions[other].symbol != symbol) continue;
          found = true;
          if (tensors[k].size(static_cast<std::int64_t>(other)) != size)
            throw_usage(error_id::data_invalid, "the inputs \"" + inputs[k].name + "\" " + tensor_text(tensors[k]) +
                                                    " and \"" + input.name + "\" " + tensor_text(tensor) +
                                                    " differ in a size that the model has equal; give data of " +
                                                    "equal length, or export the model with a batch like this one");
        }
        if (found) break;
      }
    }
  }
}

}  // namespace trainer::exported
