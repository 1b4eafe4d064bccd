// SPDX-License-Identifier: Apache-2.0
#include "isolation/remote_host.hpp"

#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "trainer/ext/objects.h"

namespace trainer::isolation {

void RemoteHost::fill(HostContext& context, bool tensors, bool model, bool objects, bool optimizer) {
  if (tensors) context.tensors = this;
  if (optimizer) context.param_groups = this;
  if (model)
    context.save_model = [this](const std::filesystem::path& directory) {
      if (!within_ || !waited_for_)
        throw std::runtime_error("the trainer does not wait for this event; set \"wait\": true beside \"isolation\"");
      const std::string error = ask(Request::save, std::string_view(std::filesystem::absolute(directory).string()));
      if (const auto text = Reader(error).text(); !text.empty()) throw std::runtime_error(std::string(text));
    };
  if (objects) {
    context.present_objects = [this] {
      return may_ask() ? Reader(ask(Request::present)).get<std::uint32_t>() : std::uint32_t{0};
    };
    context.describe_objects = [this] {
      return may_ask() ? std::string(Reader(ask(Request::describe)).text()) : std::string("{}");
    };
  }
  context.asked_for = [this](std::string_view id) {
    if (id == TRAINER_EXT_PARAMETERS || id == TRAINER_EXT_OBJECTS || id == TRAINER_EXT_OPTIMIZER) want_answers();
  };
}

void RemoteHost::begin(bool waited_for) {
  within_ = true;
  waited_for_ = waited_for;
  ++event_;
  names_.clear();
}

void RemoteHost::want_answers() {
  if (std::exchange(wants_answers_, true)) return;
  std::string message;
  Writer(message).put(Message::waits);
  link_.send(message);
}

bool RemoteHost::may_ask() {
  want_answers();
  return within_ && waited_for_;
}

namespace {

void put_part(Writer& out, std::string_view text) { out.text(text); }
template <typename T>
void put_part(Writer& out, const T& number) {
  out.put(number);
}

}  // namespace

template <typename... Parts>
std::string RemoteHost::ask(Request what, const Parts&... parts) {
  std::string request;
  Writer out(request);
  out.put(what);
  (put_part(out, parts), ...);
  return link_.request(request);
}

std::uint64_t RemoteHost::count(std::uint32_t of) {
  if (!may_ask()) return 0;
  auto& [event, count] = counts_[of];
  if (event != event_) {
    count = Reader(ask(Request::tensors, of)).get<std::uint64_t>();
    event = event_;
  }
  return count;
}

RemoteHost::Tensor& RemoteHost::tensor(std::uint32_t of, std::uint64_t index) {
  Tensor& out = tensors_[{of, index}];
  if (out.event == event_) return out;
  out.event = event_;
  out.found = false;
  if (!may_ask()) return out;
  const std::string answer = ask(Request::tensor, of, index);
  Reader in(answer);
  if (in.get<std::uint32_t>() == 0) return out;
  out.name = std::string(in.text());
  out.code = in.get<std::uint32_t>(), out.bits = in.get<std::uint32_t>(), out.lanes = in.get<std::uint32_t>();
  out.shape.resize(static_cast<std::size_t>(in.get<std::int32_t>()));
  for (auto& extent : out.shape) extent = in.get<std::int64_t>();
  out.strides.assign(out.shape.size(), 1);
  for (std::size_t i = out.shape.size(); i-- > 1;) out.strides[i - 1] = out.strides[i] * out.shape[i];
  out.size = in.get<std::uint64_t>();
  const auto memory = in.get<std::uint64_t>();
  const std::string_view memory_name = in.text();
  if (!out.memory || out.memory_name != memory_name) {
    out.memory = std::make_unique<child::SharedMemory>(std::string(memory_name), memory, false);
    out.memory_name = std::string(memory_name);
  }
  out.found = true;
  return out;
}

bool RemoteHost::at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& view) {
  const Tensor& it = tensor(of, index);
  if (!it.found) return false;
  name = {it.name.data(), it.name.size()};
  view.read_only = 1;
  view.data = it.memory->data();
  view.byte_offset = 0;
  view.shape = it.shape.data();
  view.strides = it.strides.data();
  view.ndim = static_cast<std::int32_t>(it.shape.size());
  view.device_type = 1, view.device_id = 0;
  view.dtype_code = it.code, view.dtype_bits = it.bits, view.dtype_lanes = it.lanes;
  view.stream = nullptr;
  return true;
}

std::int32_t RemoteHost::copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) {
  const Tensor& it = tensor(of, index);
  if (!it.found) return TRAINER_NOT_FOUND;
  if (it.size != size) return TRAINER_ERROR;
  std::memcpy(to, it.memory->data(), size);
  return TRAINER_OK;
}

std::uint64_t RemoteHost::count() { return may_ask() ? Reader(ask(Request::groups)).get<std::uint64_t>() : 0; }

bool RemoteHost::at(std::uint64_t index, trainer_param_group& group) {
  if (!may_ask()) return false;
  const std::string answer = ask(Request::group, index);
  Reader in(answer);
  if (in.get<std::uint32_t>() == 0) return false;
  const auto found = in.get<trainer_param_group>();
  group.lr = found.lr, group.initial_lr = found.initial_lr, group.weight_decay = found.weight_decay;
  group.parameter_count = found.parameter_count;
  return true;
}

bool RemoteHost::parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) {
  if (!may_ask()) return false;
  const std::string answer = ask(Request::member, group, index);
  Reader in(answer);
  if (in.get<std::uint32_t>() == 0) return false;
  names_.emplace_back(in.text());
  name = {names_.back().data(), names_.back().size()};
  return true;
}

bool RemoteHost::set_lr(std::uint64_t group, double lr) {
  return may_ask() && Reader(ask(Request::set_lr, group, lr)).get<std::uint32_t>() != 0;
}

}  // namespace trainer::isolation
