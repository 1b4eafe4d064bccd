// SPDX-License-Identifier: Apache-2.0
//
// Which ranks are there, as each of them writes it into the store of the launch. Only sources of this room include it.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "ranks/ranks.hpp"

namespace trainer {

class RollCall {
 public:
  RollCall(c10::intrusive_ptr<c10d::Store> store, const Ranks& ranks)
      : store_(std::move(store)), ranks_(ranks), hosts_(static_cast<std::size_t>(ranks.world)) {}

  struct Meeting {
    std::vector<int> late;   ///< did not come within the time
    std::string difference;  ///< what one that came was told by its launcher otherwise than this rank, as a sentence
  };
  /// Waits for all ranks, or until one has come that belongs to another launch.
  Meeting meet(std::chrono::milliseconds timeout);

  /// This rank ends with an error of its own: the others need not guess.
  void tell_end() noexcept;

  struct Absent {
    std::vector<int> ended;    ///< told so
    std::vector<int> missing;  ///< gave no sign
  };
  /// When a call has failed: gives the others a moment, less than a second, to notice, too.
  Absent after_failure() noexcept;

  /// "rank 1 (host b)", "ranks 1 (host b) and 3 (host c)".
  std::string names_of(const std::vector<int>& ranks) const;

 private:
  std::string difference_from(int rank);
  void mark(const char* what) const;
  Absent look_around() const;

  c10::intrusive_ptr<c10d::Store> store_;
  Ranks ranks_;
  std::vector<std::string> hosts_;  // of all ranks; empty while one has not come
  bool has_failed_ = false;         // for another rank: this one has no error of its own then
};

}  // namespace trainer
