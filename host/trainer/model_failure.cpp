// SPDX-License-Identifier: Apache-2.0
#include "trainer/model_failure.hpp"

#include <ATen/ATen.h>

#include <string_view>

#include "data/failure.hpp"

namespace trainer {
namespace {

bool is_whole(const at::Tensor& t) { return t.defined() && at::isIntegralType(t.scalar_type(), /*includeBool=*/false); }

// "input_ids 0 to 57, token_type_ids 0 to 1" of the columns of whole numbers but the labels.
std::string ranges(const Batch& inputs) {
  std::string out;
  for (const auto& [name, tensor] : inputs)
    if (name != "labels" && is_whole(tensor) && tensor.numel() > 0)
      out += (out.empty() ? "" : ", ") + name + " " + std::to_string(tensor.min().item<std::int64_t>()) + " to " +
             std::to_string(tensor.max().item<std::int64_t>());
  return out;
}

// What LibTorch's own sentence does not say, by its words; empty where the batch is not known to be at fault.
std::string what_does_not_fit(const std::string& text, const Batch& inputs) {
  const auto says = [&](std::string_view words) { return text.find(words) != text.npos; };
  if (const auto& labels = inputs["labels"]; says("Target ") && says(" is out of bounds") && is_whole(labels)) {
    const at::Tensor counted = labels.masked_select(labels.ne(-100));
    if (counted.numel() == 0) return {};
    return "; \"labels\" has the classes " + std::to_string(counted.min().item<std::int64_t>()) + " to " +
           std::to_string(counted.max().item<std::int64_t>()) +
           ", expected 0 to the number of outputs minus one, or -100, which does not count; correct the labels, or take " +
           "a model with an output for each class";
  }
  if (says("index out of range in self"))
    return "; an embedding has no row for a number of the batch, which has " + ranges(inputs) +
           ", or the rows are longer than the model's positions; make the tokens with this model's tokenizer, cut to " +
           "its length";
  if (says("expected scalar type") || says("same dtype") || says("following scalar types") || says("Found dtype") ||
      says("expected target dtype"))
    return "; a column is of another type than the model computes with: give tokens and classes as int64 (Long), and " +
           std::string("other numbers as float32 (Float)");
  return {};
}

}  // namespace

Error model_failure(const std::exception_ptr& thrown, const Batch& inputs) {
  // What another process did is no matter of this batch.
  if (Error plain = as_error(thrown, error_id::model_failed); std::string_view(plain.id().text).starts_with("ranks."))
    return plain;
  const Error error = as_error(thrown, error_id::model_failed, batch_text(inputs));
  if (error.kind() == ErrorKind::usage) return error;
  // On the other side of a failed kernel nothing can be read any more, and the CPU alone says such things anyway.
  for (const auto& [name, tensor] : inputs)
    if (!tensor.is_cpu()) return error;
  std::string sentence = error.sentence();
  const std::string more = what_does_not_fit(sentence, inputs);
  if (more.empty()) return error;
  if (sentence.ends_with('.')) sentence.pop_back();
  return {error.kind(), error.id(), sentence + more, error.cause()};
}

}  // namespace trainer
