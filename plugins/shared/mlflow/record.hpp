// SPDX-License-Identifier: Apache-2.0
//
// record.hpp - the lines of a journal, each a JSON object: written and read here alone.
//
// The first line describes the run; then come, in the order of the run,
//   {"metrics":3,"items":[...]}  {"params":100,"items":[...]}  {"tags":2,"items":[...]}
//   {"artifact":{"directory":"...","name":"..."}}  {"end":{"status":"FINISHED","time":...}}
// and, between them, marks of what was achieved:
//   {"creating":true}  {"run":{"id":"..."}}  {"sent":N} (all up to byte N)
// An artifact's files wait in <journal>.files/NAME, whatever a line says: a journal lies where others may
// write, and names no other place, nor a server to send them to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/mlflow/rules.hpp"

namespace trainer::plugins::mlflow {

/// One line but the first. What belongs to another kind is empty.
struct Record {
  enum class Kind { header, creating, run, sent, metrics, params, tags, artifact, end, unknown };

  Kind kind = Kind::unknown;
  std::size_t count = 0;        ///< of metrics, params or tags
  std::string_view items = {};  ///< theirs, as Items has them; a part of the line that was read
  std::string directory = {};   ///< of an artifact: <journal>.files/NAME
  std::string name = {};        ///< of an artifact: NAME, and what it is called in the run
  std::string status = {};      ///< of an end; empty when the run's is to stay as it is
  std::int64_t time = 0;        ///< of an end: milliseconds since 1970
  std::string id = {};          ///< of a run: the server's
  std::int64_t position = 0;    ///< of sent: the byte up to which all was

  /// Appends the line without its end; nothing else is allocated.
  void write(std::string& line) const;
  std::string to_line() const;

  /// Unknown for what is none of these.
  static Record read(std::string_view line);
  /// The line as this program writes it, of one that anybody may have changed; nothing when it is damaged or
  /// names something else than `files`/NAME.
  static std::optional<std::string> checked(std::string_view line, std::string_view files);
  /// The kind alone, from the line's first name.
  static Kind kind_of(std::string_view line);
  /// Whether the line says what was achieved, and is nothing to send.
  static bool is_mark(std::string_view line) { return kind_of(line) <= Kind::sent; }
};

/// What a journal says of its run, in its first line.
struct RunHeader {
  std::string uri;  // where it belongs; a journal never goes to another server
  std::string experiment_name, experiment_id;
  std::string run_id;  // go on with this one
  std::string run_name, user;
  bool keep_status = false;  // of the run that it goes on with
  std::int64_t start_time = 0;
  Pairs tags;

  std::string to_json() const;
  static RunHeader from_json(const std::string& line);  ///< throws std::runtime_error
};

}  // namespace trainer::plugins::mlflow
