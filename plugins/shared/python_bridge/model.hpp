// SPDX-License-Identifier: Apache-2.0
//
// model.hpp - the model for callbacks that ask for it: its shapes, and copies of its tensors.
#pragma once

#include <trainer/ext/parameters.h>

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <trainer/sdk/host.hpp>
#include <vector>

#include "child/shared_memory.hpp"

namespace trainer::plugins {

/// Appends the device of the model's tensors, as torch writes it: "cpu", "cuda:0".
void append_device(std::string& out, const sdk::Host& host);

/// Appends [[name, [sizes], type], ...] of the model's tensors; false, and nothing, when the host
/// has none to show.
bool append_shapes(std::string& out, const sdk::Host& host);

/// Appends what transformers hands to a callback beside the model and is there now, in bits; 0 when the host does not
/// say.
void append_present(std::string& out, const sdk::Host& host);

/// Copies of the trainer's tensors that a callback has got in one event. Writing to them changes nothing in the
/// trainer, so what was written is found and told.
class LentTensors {
 public:
  explicit LentTensors(const sdk::Host& host) : host_(host) {}

  /// Answers {"fetch": "objects"} with their description, and {"fetch": kind, "names": [...] or null} with where the
  /// copies lie in shared memory.
  std::string answer(const boost::json::object& request);
  /// Takes all back; the name of one that is not as it was lent, or nothing.
  std::string take_back();

 private:
  struct Tensor {
    std::string name;
    trainer_tensor view{};
    std::uint64_t index = 0;
    std::size_t offset = 0, size = 0;
  };
  struct Loan {
    std::uint32_t kind = 0;
    std::vector<Tensor> tensors;
    std::unique_ptr<child::SharedMemory> memory;
  };
  std::string describe(const boost::json::object& request);
  std::vector<Tensor> chosen(std::uint32_t kind, const boost::json::object& request) const;
  void copy(std::uint32_t kind, const Tensor& tensor, char* to) const;

  const sdk::Host& host_;
  std::vector<Loan> loans_;
};

}  // namespace trainer::plugins
