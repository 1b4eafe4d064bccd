// SPDX-License-Identifier: Apache-2.0
//
// What the trainer and a plugin's process say to each other. A message is its number in four bytes and what is written
// beside it, by Writer; events without an answer go through the ring.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "isolation/bytes.hpp"

namespace trainer::isolation {

/// Changes with any change of what is in this file, in event_record.cpp or ring.cpp.
inline constexpr int protocol = 1;

/// That may wait to be sent: lines, questions, answers; events have the ring.
inline constexpr std::size_t most_waiting_bytes = 64u << 20;

/// Of JSON, that a plugin's process may send in one message: about 100 MB here.
inline constexpr std::uint64_t most_values = 1u << 22;

/// When the trainer is gone, a plugin has so long for the events that are in its queue.
inline constexpr int seconds_to_leave = 10;

/// However short the time for an event is: how long a process takes to start is the machine's affair.
inline constexpr double least_start_seconds = 10;

/// What two programs that talk to each other have in common: "0.1.0, contract 1.1, protocol 1".
std::string build_name();

/// The first message of a plugin's process, whatever its protocol: this and its build_name().
inline constexpr std::string_view greeting = "trainer plugins host ";

enum class Message : std::uint32_t {
  // from the trainer
  question = 1,  ///< id, place in the ring, What, the rest
  line,          ///< place in the ring, stream, text
  reply,         ///< to a request: the rest
  look,          ///< nothing: there is much in the ring
  // from the plugin
  answer,   ///< id, 1, the rest; or id, 0, Refusal, error id, sentence
  log,      ///< level, text
  failed,   ///< Failure; of an event that nobody waits for
  state,    ///< {"args", "attributes"} as they are now
  request,  ///< Request, the rest
  waits,    ///< nothing: from now on it is waited for
  stop,     ///< nothing: it asks for the end of the training
};

enum class What : std::uint32_t {
  load,       ///< {...} -> RunsOn
  available,  ///< config, place -> Availability::Use, reason
  create,     ///< config, place, whether states are wanted -> class name, six flags: Created of plugin_answers.hpp
  event,      ///< an event record -> Failure, the five flags, whether values follow, values
  save,       ///< -> {"args", "attributes"}
  restore,    ///< {"args", "attributes"} -> class name
  ended,      ///< how the training ended ->
  results,    ///< -> how many, label, place and command of each
  keep,       ///< directory ->
  take,       ///< directory ->
  destroy,    ///< ->
};

/// The kind of an error, whose sentence is whole; or of a reason, to which the trainer adds what failed.
enum class Refusal : std::uint32_t { run, usage, reason };

enum class Request : std::uint32_t {
  tensors,   ///< of -> how many
  tensor,    ///< of, index -> found, name, type, bits, shape, shared memory
  save,      ///< directory -> sentence; empty: saved
  present,   ///< -> bits
  describe,  ///< -> JSON
  groups,    ///< -> how many
  group,     ///< index -> found, trainer_param_group
  member,    ///< group, index -> found, name
  set_lr,    ///< group, rate -> found
};

/// What came of an event.
struct Failure {
  enum Kind : std::uint32_t { none, status, threw, flag, misuse };
  Kind kind = none;
  std::uint32_t event = 0;
  std::int64_t step = -1;
  std::int32_t code = 0;  ///< what the slot returned
  std::string reason{};   ///< perhaps none

  void put(Writer& out) const { out.put(kind), out.put(event), out.put(step), out.put(code), out.text(reason); }
  static Failure get(Reader& in) {
    Failure out;
    out.kind = in.get<Kind>();
    if (out.kind > misuse) throw BadBytes();
    out.event = in.get<std::uint32_t>(), out.step = in.get<std::int64_t>();
    out.code = in.get<std::int32_t>(), out.reason = std::string(in.text());
    return out;
  }
};

}  // namespace trainer::isolation
