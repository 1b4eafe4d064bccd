// SPDX-License-Identifier: Apache-2.0
#include "isolation/host_services.hpp"

#include <cmath>
#include <exception>

namespace trainer::isolation {

void HostServices::lend_tensor(std::uint32_t of, std::uint64_t index, std::string& to) {
  Writer out(to);
  trainer_text name{};
  trainer_tensor tensor{};
  tensor.struct_size = sizeof tensor;
  if (!context_.tensors->at(of, index, name, tensor)) return out.put(std::uint32_t{0});
  std::uint64_t size = tensor.dtype_bits * tensor.dtype_lanes / 8;
  for (int i = 0; i < tensor.ndim; ++i) size *= static_cast<std::uint64_t>(tensor.shape[i]);
  auto& memory = lent_[{of, index}];
  if (!memory || memory->size() < size) memory = std::make_unique<child::SharedMemory>(size == 0 ? 1 : size);
  if (size > 0 && context_.tensors->copy(of, index, memory->data(), size) != TRAINER_OK)
    return out.put(std::uint32_t{0});
  out.put(std::uint32_t{1});
  out.text({name.data, name.size});
  out.put(tensor.dtype_code), out.put(tensor.dtype_bits), out.put(tensor.dtype_lanes);
  out.put(tensor.ndim);
  for (int i = 0; i < tensor.ndim; ++i) out.put(tensor.shape[i]);
  out.put(size);
  out.put(static_cast<std::uint64_t>(memory->size()));
  out.text(memory->name());
}

static void answer_of_groups(ParamGroupSource& groups, Request what, Reader& in, Writer& out) {
  if (what == Request::groups) return out.put(groups.count());
  const auto group = in.get<std::uint64_t>();
  if (what == Request::group) {
    trainer_param_group found{};
    found.struct_size = sizeof found;
    out.put(static_cast<std::uint32_t>(groups.at(group, found)));
    out.put(found);
  } else if (what == Request::member) {
    trainer_text name{};
    out.put(static_cast<std::uint32_t>(groups.parameter(group, in.get<std::uint64_t>(), name)));
    out.text({name.data, name.size});
  } else {
    const auto lr = in.get<double>();
    out.put(static_cast<std::uint32_t>(std::isfinite(lr) && lr >= 0 && groups.set_lr(group, lr)));
  }
}

void HostServices::answer(Request what, Reader& in, Writer& out, std::string& to) {
  switch (what) {
    case Request::tensors: {
      const auto of = in.get<std::uint32_t>();
      return out.put(context_.tensors ? context_.tensors->count(of) : std::uint64_t{0});
    }
    case Request::tensor: {
      const auto of = in.get<std::uint32_t>();
      const auto index = in.get<std::uint64_t>();
      if (!context_.tensors) return out.put(std::uint32_t{0});
      return lend_tensor(of, index, to);
    }
    case Request::save: {
      const std::string directory(in.text());
      if (context_.save_model) context_.save_model(directory);
      return out.text(context_.save_model ? "" : "there is no model");
    }
    case Request::present:
      return out.put(context_.present_objects ? context_.present_objects() : std::uint32_t{0});
    case Request::describe:
      return out.text(context_.describe_objects ? context_.describe_objects() : "{}");
    case Request::groups:
    case Request::group:
    case Request::member:
    case Request::set_lr:
      if (!context_.param_groups) return out.put(std::uint64_t{0});
      return answer_of_groups(*context_.param_groups, what, in, out);
  }
  throw BadBytes();
}

void HostServices::answer(std::string_view request, bool within_event, std::string& to) {
  Reader in(request);
  Writer out(to);
  const auto what = in.get<Request>();
  const std::size_t begin = to.size();
  std::string failed = "the trainer does not wait for it in an event";
  try {
    if (within_event) return answer(what, in, out, to);
  } catch (const BadBytes&) {
    throw;
  } catch (const std::exception& e) {  // memory is full, a disk, the device
    failed = e.what();
  }
  to.resize(begin);
  if (what == Request::save) return out.text(failed);
  if (what == Request::describe) return out.text("{}");
  out.put(std::uint64_t{0});  // none
}

}  // namespace trainer::isolation
