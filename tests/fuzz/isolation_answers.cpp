// SPDX-License-Identifier: Apache-2.0
//
// What the process of an isolated plugin may send to the trainer, and write into the queue of its events.
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"
#include "child/frames.hpp"
#include "fuzz.hpp"
#include "isolation/host_services.hpp"
#include "isolation/plugin_answers.hpp"
#include "isolation/plugin_mail.hpp"
#include "isolation/ring.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using namespace trainer::isolation;

/// A model of two tensors and an optimizer of two groups.
class Services final : public TensorSource, public ParamGroupSource {
 public:
  std::uint64_t count(std::uint32_t of) override { return of == TRAINER_OF_MODEL ? 2 : 0; }
  bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) override {
    if (index >= count(of)) return false;
    name = {"0.weight", 8};
    tensor.shape = shape_, tensor.ndim = 2;
    tensor.dtype_code = 2, tensor.dtype_bits = 32, tensor.dtype_lanes = 1;
    return true;
  }
  std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) override {
    fuzz::require(index < count(of) && size == 24, "a tensor that there is");
    std::fill_n(static_cast<char*>(to), size, '\1');
    return TRAINER_OK;
  }
  std::uint64_t count() override { return 2; }
  bool at(std::uint64_t index, trainer_param_group&) override { return index < 2; }
  bool parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) override {
    name = {"0.bias", 6};
    return group < 2 && index == 0;
  }
  bool set_lr(std::uint64_t group, double lr) override {
    fuzz::require(std::isfinite(lr) && lr >= 0, "a rate is finite and not negative");
    return group < 2;
  }

 private:
  const std::int64_t shape_[2] = {2, 3};
};

/// What a function makes of a whole answer; nothing for one that it refuses.
template <typename Read>
auto read(std::string_view answer, Read function) -> std::optional<std::invoke_result_t<Read, Reader&>> {
  try {
    Reader in(answer, most_values);
    return function(in);
  } catch (const BadBytes&) {
    return std::nullopt;
  } catch (const Error&) {  // of a result that is no result
    return std::nullopt;
  }
}

void require_json(const json::object& object) {
  const std::string text = json::dump(object);
  fuzz::require(is_utf8(text), "values are UTF-8");
  json::parse(text, "values");
}

void take_answer(std::string_view answer) {
  read(answer, read_runs_on);
  if (const auto found = read(answer, read_availability))
    fuzz::require(found->use >= Availability::yes && found->use <= Availability::no, "a use");
  if (const auto created = read(answer, read_created))
    fuzz::require(is_utf8(created->class_name) && !created->class_name.empty(), "a name");
  if (const auto event = read(answer, read_event_answer); event && event->values) require_json(*event->values);
  if (const auto state = read(answer, read_state)) {
    require_json(*state);
    fuzz::require(state->at("args").is_object() && state->at("attributes").is_object(), "a state");
  }
  if (const auto results = read(answer, [](Reader& in) { return read_results(in, "csv", "plugin csv "); }))
    for (const auto& one : *results)
      fuzz::require(!one.label.empty() && on_one_line(one.place) == one.place, "a result for people");
  if (const auto error = read(answer, [](Reader& in) { return read_error(in, "plugin csv "); }))
    fuzz::require(on_one_line(error->what()) == error->what(), "a sentence on one line");
}

// As the trainer reads its stream.
void take_stream(std::string_view bytes) {
  Services services;
  HostContext context;
  context.tensors = &services, context.param_groups = &services;
  context.save_model = [](const std::filesystem::path&) { throw std::runtime_error("a full disk"); };
  HostServices answers(context);
  PluginMail mail;
  child::FrameReader frames;
  bool greeting = true;
  try {
    frames.feed(bytes);
    for (std::string message, reply; frames.next(message);) {
      if (mail.hear(message)) continue;
      mail.taken(message.size());
      if (std::exchange(greeting, false)) continue;
      Reader in(message);
      if (in.get<Message>() == Message::request) {
        const auto request = in.rest();
        reply.clear();
        answers.answer(request, !request.empty() && request.back() != 'x', reply);
        continue;
      }
      in.get<std::uint64_t>();
      in.get<std::uint32_t>();
      take_answer(in.rest());
    }
  } catch (const BadBytes&) {
  } catch (const std::length_error&) {  // a frame without end
  }
  if (const auto failure = mail.take_failure()) fuzz::require(failure->kind <= Failure::misuse, "a failure's kind");
  for (const auto& part : mail.last_state()) fuzz::require(part.value().is_object(), "a part of a state");
}

constexpr std::size_t ring_bytes = 256;

std::unique_ptr<RingHead[]> ring_of(std::string_view bytes) {
  auto memory = std::make_unique<RingHead[]>(ring_memory(ring_bytes) / sizeof(RingHead));  // aligned, and no byte more
  char* data = reinterpret_cast<char*>(memory.get()) + sizeof(RingHead);
  bytes.copy(data, ring_bytes);
  return memory;
}

// Places that the process claims to have come to, one before each event.
void take_places(std::string_view bytes) {
  const auto memory = ring_of({});
  char* whole = reinterpret_cast<char*>(memory.get());
  RingWriter writer(whole, ring_bytes);
  const std::string record(bytes.substr(0, bytes.size() % (writer.longest() + 9)));
  for (Reader in(bytes); bytes.size() >= 8; bytes.remove_prefix(8)) {
    const_cast<RingHead&>(writer.head()).taken = in.get<std::uint64_t>();
    std::uint64_t taken = 0;
    if (writer.look(taken)) fuzz::require(taken <= writer.written(), "nothing is taken before it is written");
    const std::uint64_t before = writer.written();
    if (writer.push(record)) fuzz::require(writer.written() - before <= 2 * ring_bytes, "a place that can be");
  }
}

// A queue into which the plugin has written.
void take_records(std::string_view bytes) {
  const auto memory = ring_of(bytes);
  char* whole = reinterpret_cast<char*>(memory.get());
  RingReader reader(whole, ring_bytes);
  reader.head().written = ~std::uint64_t{0};
  std::size_t sum = 0;
  try {
    std::string_view record;
    for (int i = 0; i < 100 && reader.next(record); ++i, reader.done())
      for (const char c : record) sum += static_cast<unsigned char>(c);
  } catch (const BadBytes&) {
  }
  fuzz::require(sum <= 100 * ring_bytes * 255, "records of the queue");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (log::set_sink([](log::Level, std::string_view) {}), true);
  const auto bytes = fuzz::text(data, quiet ? size : 0);
  take_stream(bytes);
  take_answer(bytes);
  take_places(bytes);
  take_records(bytes);
  return 0;
}
