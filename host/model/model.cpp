// SPDX-License-Identifier: Apache-2.0
#include "trainer/model.hpp"

#include <ATen/ATen.h>

#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "data/failure.hpp"
#include "formats/safetensors_file.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

// Whether two names stand for one tensor, or for two that are the same elements of the same memory.
bool is_same(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_same(b)) return true;
  if (!a.has_storage() || !b.has_storage() || a.numel() == 0 || !a.storage().is_alias_of(b.storage())) return false;
  return a.scalar_type() == b.scalar_type() && a.storage_offset() == b.storage_offset() && a.numel() == b.numel() &&
         ((a.is_non_overlapping_and_dense() && b.is_non_overlapping_and_dense()) ||
          (a.sizes() == b.sizes() && a.strides() == b.strides()));
}

struct Weight {
  std::string name;
  at::Tensor tensor;
  std::size_t first;  // the place of the first name of this tensor; its own for most
};

// Under every name: parameters, then buffers.
std::vector<Weight> all_weights(const torch::nn::Module& module) {
  std::vector<Weight> out;
  std::unordered_multimap<const void*, std::size_t> by_memory;
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      const at::Tensor& tensor = item.value();
      const void* memory = tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
      std::size_t first = out.size();
      for (auto [at, end] = by_memory.equal_range(memory); at != end; ++at)
        if (is_same(tensor, out[at->second].tensor)) first = at->second;
      if (first == out.size()) by_memory.emplace(memory, first);
      out.push_back({item.key(), tensor, first});
    }
  };
  add(module.named_parameters());
  add(module.named_buffers());
  return out;
}

// A tensor that is given by name, and what takes it: a tensor of its own, or one of the module.
struct Stored {
  std::string_view name;
  at::IntArrayRef sizes;
  std::function<at::Tensor()> value;
  std::function<void(at::Tensor&)> copy;
};

bool differ(const Stored& a, const Stored& b) {
  if (a.sizes != b.sizes) return false;
  const at::Tensor one = a.value(), other = b.value();
  return one.options().type_equal(other.options()) && !at::equal(one, other);
}

void load(torch::nn::Module& module, const std::vector<Stored>& stored, const std::string& where) {
  const at::NoGradGuard no_grad;
  std::unordered_map<std::string_view, const Stored*> values;
  for (const Stored& tensor : stored) values.emplace(tensor.name, &tensor);
  auto own = all_weights(module);
  std::vector<std::pair<at::Tensor*, const Stored*>> copies;
  std::vector<std::pair<std::string, const Stored*>> loaded(own.size());  // by the place of a first name
  std::vector<std::string> missing, unexpected, differing;
  // All is compared before anything is changed.
  for (Weight& weight : own) {
    const auto found = values.extract(weight.name);
    if (!found) continue;
    const Stored& tensor = *found.mapped();
    if (tensor.sizes != weight.tensor.sizes())
      throw_usage(error_id::checkpoint_mismatch, where + ": " + weight.name + " has shape " + shape_text(tensor.sizes) +
                                                     ", but the model's has " + shape_text(weight.tensor.sizes()) +
                                                     "; use the model that wrote it");
    const auto [name, other] = std::exchange(loaded[weight.first], {weight.name, &tensor});
    if (other && differ(*other, tensor)) differing.push_back(name + " and " + weight.name);
    copies.emplace_back(&weight.tensor, &tensor);
  }
  if (copies.empty() && !own.empty())
    throw_usage(error_id::checkpoint_mismatch,
                where + " holds no tensor of the model's: expected names like \"" + own.front().name + "\", found " +
                    (stored.empty() ? "none at all" : "\"" + std::string(stored.front().name) + "\"") +
                    "; use a file of this model, or rename its tensors");
  for (const auto& [target, source] : copies) source->copy(*target);
  for (std::size_t i = 0; i < own.size(); ++i)
    if (own[i].first == i && !loaded[i].second) missing.push_back(own[i].name);
  for (const Stored& tensor : stored)
    if (values.contains(tensor.name)) unexpected.emplace_back(tensor.name);
  if (!missing.empty()) log::warning(where + " lacks " + join(missing) + "; they stay as they are");
  if (!unexpected.empty()) log::warning(where + " holds " + join(unexpected) + ", which the model does not have");
  if (!differing.empty())
    log::warning(where + " holds different numbers for " + join(differing) +
                 ", which are one tensor in the model; it has those of the last name");
}

}  // namespace

NamedTensors state_dict(const torch::nn::Module& module) {
  NamedTensors out;
  const auto weights = all_weights(module);
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i].first == i) out.emplace_back(weights[i].name, weights[i].tensor);
  return out;
}

SharedNames shared_names(const torch::nn::Module& module) {
  SharedNames out;
  const auto weights = all_weights(module);
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i].first != i) out.emplace(weights[i].name, weights[weights[i].first].name);
  return out;
}

void load_weights(torch::nn::Module& module, const NamedTensors& stored, const std::string& where) {
  std::vector<Stored> tensors;
  for (const auto& [name, tensor] : stored)
    tensors.push_back({name, tensor.sizes(), [&value = tensor] { return value; },
                       [&value = tensor](at::Tensor& to) { to.copy_(value); }});
  load(module, tensors, where);
}

void load_weights(torch::nn::Module& module, const std::filesystem::path& path, const SharedNames& saved_names) {
  const SafetensorsFile file(path);
  std::vector<Stored> tensors;
  for (const auto& entry : file.entries()) {
    const auto other = saved_names.find(entry.name);
    tensors.push_back({other == saved_names.end() ? entry.name : other->second, entry.shape,
                       [&] { return file.read(entry); }, [&](at::Tensor& to) { file.read(entry, to); }});
  }
  load(module, tensors, file.name());
}

}  // namespace trainer
