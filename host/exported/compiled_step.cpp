// SPDX-License-Identifier: Apache-2.0
#include "exported/compiled_step.hpp"

#include <ATen/ATen.h>
#include <torch/version.h>

#include "base/sha256.hpp"
#include "data/failure.hpp"
#include "discovery/input_file.hpp"
#include "exported/processor.hpp"
#include "trainer/error.hpp"

namespace trainer::exported {
namespace {

constexpr const char* again = "; export the model again, with its compiled_step";

[[noreturn]] void refuse_code(const std::string& sentence) { throw_usage(error_id::compiled_step_invalid, sentence); }

std::string sha256(const std::string& bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.hex();
}

std::string expected_text(const CompiledTensor& tensor) {
  return shape_text(tensor.sizes) + " " + c10::toString(tensor.type);
}

}  // namespace

CompiledStep::CompiledStep(const std::filesystem::path& file, Call wanted, const Weights& weights,
                           const std::function<std::string(const std::string&)>& column_of)
    : file_(file.string()), wanted_(wanted) {
  require_trust(file);
  const Archive archive(file);
  facts_ = read_compiled_facts(archive);
  require_runnable();
  for (const auto& input : facts_.inputs) columns_.push_back(column_of(input.name));
  for (const auto& [name, digest] : facts_.code) {
    const std::string entry = "data/libtrainer/compiled_" + name + ".so";
    if (!archive.has(entry)) refuse_code(file_ + ": the archive does not have \"" + entry + "\"" + again);
    bytes_[name] = archive.text(entry);
    if (sha256(bytes_[name]) != digest)
      refuse_code(file_ + ": \"" + entry + "\" is not the code that was exported with this model" + again);
  }
  parameters_ = find(facts_.parameters, weights);
  state_ = find(facts_.state, weights);
  if (parameters_.empty()) refuse_code(file_ + ": the compiled step trains no parameter" + again);
}

// Its code will run here, so that the same is asked as of a plugin's file.
void CompiledStep::require_trust(const std::filesystem::path& file) const {
  const InputFile opened(file, InputFile::Links::followed);
  if (!opened.distrust().empty())
    throw_usage(error_id::compiled_step_untrusted,
                "\"compiled\" runs code from the model's file, and " + opened.distrust() +
                    ", or leave out \"compiled\"; TRAINER_PLUGIN_TRUST=any is for file systems that say so of all "
                    "files");
}

void CompiledStep::require_runnable() const {
  const std::string own = TORCH_VERSION, plain = own.substr(0, own.find('+'));
  if (facts_.torch != plain)
    refuse_code(file_ + ": the compiled step was made with torch " + facts_.torch + ", and this is LibTorch " + plain +
                "; export the model with torch " + plain);
  const std::string missing = missing_of_processor(facts_.machine, facts_.features);
  if (!missing.empty())
    throw_usage(error_id::compiled_step_processor,
                file_ + ": the compiled step (" + facts_.target + ") cannot run here: " + missing +
                    "; export the model on such a machine, or with another \"target\" of compiled_step, or leave out "
                    "\"compiled\"");
}

std::vector<at::Tensor> CompiledStep::find(const std::vector<CompiledTensor>& wanted, const Weights& weights) const {
  std::vector<at::Tensor> out;
  for (const auto& tensor : wanted) {
    const auto found = weights.by_name.find(tensor.name);
    const bool there = found != weights.by_name.end();
    if (!there || !tensor.is_like(found->second) || found->second.strides() != tensor.strides)
      refuse_code(file_ + ": the compiled step is for \"" + tensor.name + "\" " + expected_text(tensor) +
                  ", and the model has " + (there ? tensor_text(found->second) : "no such tensor") + again);
    out.push_back(found->second);
  }
  return out;
}

void CompiledStep::load(Call call) {
  const std::size_t count = parameters_.size(), between = call == Call::update ? 2 * count + 1 : 1;
  inputs_ = parameters_;
  inputs_.resize(count + between);
  inputs_.insert(inputs_.end(), state_.begin(), state_.end());
  inputs_.resize(inputs_.size() + columns_.size());
  code_.emplace(bytes_.at(call == Call::update ? "update" : "gradients"), inputs_.size(),
                call == Call::update ? 2 : 1 + count, file_);
}

bool CompiledStep::takes(const Batch& batch) const {
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (!facts_.inputs[i].is_like(batch[columns_[i]])) return false;
  return true;
}

std::vector<at::Tensor> CompiledStep::run(const Batch& batch) {
  const std::size_t first = inputs_.size() - columns_.size();
  for (std::size_t i = 0; i < columns_.size(); ++i) inputs_[first + i] = batch[columns_[i]].contiguous();
  auto out = code_->run(inputs_);
  for (std::size_t i = first; i < inputs_.size(); ++i) inputs_[i].reset();
  return out;
}

}  // namespace trainer::exported
