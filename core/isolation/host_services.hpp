// SPDX-License-Identifier: Apache-2.0
//
// The trainer's side of what a plugin in another process asks for during an event.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "child/shared_memory.hpp"
#include "isolation/protocol.hpp"
#include "trainer/host_context.hpp"

namespace trainer::isolation {

class HostServices {
 public:
  explicit HostServices(const HostContext& context) : context_(context) {}

  /// Appends the answer to a request: what follows its number. Outside of an event there is nothing of what it may ask
  /// for. BadBytes for what is no request.
  void answer(std::string_view request, bool within_event, std::string& to);

 private:
  void answer(Request what, Reader& in, Writer& out, std::string& to);
  void lend_tensor(std::uint32_t of, std::uint64_t index, std::string& to);

  const HostContext& context_;
  // A copy of each tensor that it has asked for, filled anew each time.
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::unique_ptr<child::SharedMemory>> lent_;
};

}  // namespace trainer::isolation
