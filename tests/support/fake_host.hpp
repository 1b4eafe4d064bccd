// SPDX-License-Identifier: Apache-2.0
//
// The SDK's fake host under the names that the tests use, and histories to play into it.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <trainer/sdk/testing/fake_host.hpp>

namespace trainer::test {

using sdk::testing::Cell;
using sdk::testing::FakeHost;
using sdk::testing::FakeMap;
using sdk::testing::FakePlugin;
using sdk::testing::json_cell;
using sdk::testing::Row;
using sdk::testing::text_of;

/// The entries of a log_history.json: a list of flat objects of numbers (an int where it is written
/// as one), texts without escapes, booleans and nulls.
inline std::vector<Row> read_history(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file + " could not be opened");
  std::stringstream all;
  all << in.rdbuf();
  const std::string s = all.str();
  std::vector<Row> history;
  for (std::size_t at = s.find_first_of("{\"", 0); at != std::string::npos; at = s.find_first_of("{\"", at)) {
    if (s[at] == '{') {
      history.emplace_back(), ++at;
      continue;
    }
    const std::size_t key_end = s.find('"', at + 1);
    const std::size_t begin = s.find_first_not_of(": ", key_end + 1);
    Cell cell;
    std::size_t end = 0;
    if (s[begin] == '"') {
      end = s.find('"', begin + 1) + 1;
      cell = Cell(s.substr(begin + 1, end - begin - 2));
    } else {
      end = s.find_first_of(",}\n", begin);
      const std::string word = s.substr(begin, end - begin);
      if (word == "true" || word == "false")
        cell = Cell(word == "true");
      else if (word.find_first_of(".eE") != std::string::npos)
        cell = Cell(std::stod(word));
      else if (word != "null")
        cell = Cell(static_cast<std::int64_t>(std::stoll(word)));
    }
    history.back().emplace_back(s.substr(at + 1, key_end - at - 1), cell);
    at = end;
  }
  return history;
}

/// Plays a history as a training does: the entry's "step" becomes state.global_step, and the rest
/// the logs. Stops at the first status that is not TRAINER_OK and gives it.
inline int32_t play(FakeHost& host, FakePlugin& plugin, const std::vector<Row>& history) {
  int32_t status = plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  for (const Row& entry : history) {
    if (status != TRAINER_OK) return status;
    Row logs;
    for (const auto& [key, cell] : entry)
      if (key == "step")
        host.state.global_step = cell.integer;
      else
        logs.emplace_back(key, cell);
    status = plugin.fire(TRAINER_ON_LOG, logs);
  }
  return status == TRAINER_OK ? plugin.fire(TRAINER_ON_TRAIN_END) : status;
}

}  // namespace trainer::test
