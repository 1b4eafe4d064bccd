// SPDX-License-Identifier: Apache-2.0
#include "trainer/model.hpp"

#include <ATen/ATen.h>

#include <map>
#include <string_view>

#include "base/text.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

std::string shape_text(const at::Tensor& tensor) {
  std::string out;
  for (const auto size : tensor.sizes()) out += (out.empty() ? "" : ", ") + std::to_string(size);
  return "[" + out + "]";
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  // A label of each row and place; or, as numbers, the probabilities of all classes.
  bool fits = logits.dim() > 0 && logits.sizes() == labels.sizes() && labels.is_floating_point();
  if (!fits && logits.dim() > 1 && labels.dim() == logits.dim() - 1)
    fits = labels.size(0) == logits.size(0) && labels.sizes().slice(1) == logits.sizes().slice(2);
  if (!fits && logits.dim() == 1) fits = labels.dim() == 0;
  if (!fits)
    throw_usage(error_id::data_invalid, "cross_entropy: the logits have shape " + shape_text(logits) +
                                            ", but the labels " + shape_text(labels) +
                                            "; give logits [B, C] and labels [B] with a class of each row");
  return at::cross_entropy_loss(logits, labels);
}

at::Tensor mse_loss(const at::Tensor& logits, const at::Tensor& labels) {
  // torch would repeat the smaller one, and each output would learn another row's label.
  if (logits.sizes() != labels.sizes())
    throw_usage(error_id::data_invalid, "mse_loss: the outputs have shape " + shape_text(logits) + ", but the labels " +
                                            shape_text(labels) + "; give labels of the outputs' shape, such as [B, 1]");
  return at::mse_loss(logits, labels);
}

std::vector<std::pair<std::string, at::Tensor>> state_dict(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (const auto& item : module.named_parameters()) out.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) out.emplace_back(item.key(), item.value());
  return out;
}

void load_weights(torch::nn::Module& module, const std::vector<std::pair<std::string, at::Tensor>>& stored,
                  const std::string& where) {
  const at::NoGradGuard no_grad;
  const auto own = state_dict(module);
  std::map<std::string_view, const at::Tensor*> values;
  for (const auto& [name, tensor] : stored) values.emplace(name, &tensor);
  std::vector<std::pair<at::Tensor, const at::Tensor*>> copies;
  std::vector<std::string> missing, unexpected;
  // All is compared before anything is changed.
  for (const auto& [name, tensor] : own) {
    const auto found = values.extract(name);
    if (!found) {
      missing.push_back(name);
      continue;
    }
    if (found.mapped()->sizes() != tensor.sizes())
      throw_usage(error_id::checkpoint_mismatch, where + ": " + name + " has shape " + shape_text(*found.mapped()) +
                                                     ", but the model's has " + shape_text(tensor) +
                                                     "; use the model that wrote it");
    copies.emplace_back(tensor, found.mapped());
  }
  if (copies.empty() && !own.empty())
    throw_usage(error_id::checkpoint_mismatch,
                where + " holds no tensor of the model's: expected names like \"" + own.front().first + "\", found " +
                    (stored.empty() ? "none at all" : "\"" + stored.front().first + "\"") +
                    "; use a file of this model, or rename its tensors");
  for (auto& [target, source] : copies) target.copy_(*source);
  for (const auto& [name, tensor] : stored)
    if (values.contains(name)) unexpected.push_back(name);
  if (!missing.empty()) log::warning(where + " lacks " + join(missing) + "; they stay as they are");
  if (!unexpected.empty()) log::warning(where + " holds " + join(unexpected) + ", which the model does not have");
}

}  // namespace trainer
