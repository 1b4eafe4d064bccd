// SPDX-License-Identifier: Apache-2.0
#include "model/tensor_views.hpp"

#include <ATen/DLConvertor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>

#include "state/moment.hpp"
#include "trainer/model.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

void TensorViews::list(std::uint32_t of) {
  tensors_.clear();
  listed_ = of;
  if (of == TRAINER_OF_MODEL) {
    tensors_ = state_dict(model_->module());
  } else if (of == TRAINER_OF_GRADIENTS) {
    if (gradient_reader_.empty()) gradient_reader_ = moments.name_of(moment().callback);
    for (const auto& parameter : named_parameters(*model_))
      if (parameter.tensor.grad().defined()) tensors_.emplace_back(parameter.name, parameter.tensor.grad());
  } else if (of == TRAINER_OF_OPTIMIZER && optimizer_) {
    for (const auto& state : optimizer_->named_states())
      tensors_.emplace_back(state.parameter + "/" + state.name, state.tensor);
  }
}

bool TensorViews::find(std::uint32_t of, std::uint64_t index) {
  if (of != listed_ || index == 0) list(of);
  return index < tensors_.size();
}

std::uint64_t TensorViews::count(std::uint32_t of) {
  list(of);
  return tensors_.size();
}

bool TensorViews::at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& view) {
  if (!find(of, index)) return false;
  const auto& [text, tensor] = tensors_[index];
  const auto type = at::getDLDataType(tensor);
  const bool on_cpu = tensor.device().is_cpu();
  name = {text.data(), text.size()};
  view.read_only = 1;
  view.data = tensor.data_ptr();
  view.byte_offset = 0;
  view.shape = tensor.sizes().data();
  view.strides = tensor.strides().data();
  view.ndim = static_cast<std::int32_t>(tensor.dim());
  view.device_type = on_cpu ? kDLCPU : kDLCUDA;
  view.device_id = on_cpu ? 0 : tensor.device().index();
  view.dtype_code = type.code;
  view.dtype_bits = type.bits;
  view.dtype_lanes = type.lanes;
  view.stream =
      on_cpu ? nullptr : c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()).native_handle();
  return true;
}

std::int32_t TensorViews::copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) {
  if (!find(of, index)) return TRAINER_NOT_FOUND;
  const at::Tensor& tensor = tensors_[index].second;
  if (size != tensor.nbytes()) return TRAINER_ERROR;
  if (size > 0) std::memcpy(to, tensor.detach().cpu().contiguous().data_ptr(), size);
  return TRAINER_OK;
}

}  // namespace trainer
