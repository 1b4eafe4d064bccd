// SPDX-License-Identifier: Apache-2.0
//
// model.hpp - the model for callbacks that ask for it: its shapes, and copies of its tensors.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <trainer/sdk/host.hpp>

#include "shared/python_bridge/system.hpp"

namespace trainer::plugins {

/// Appends [[name, [sizes], type], ...] of the model's tensors; false, and nothing, when the host
/// has none to show.
bool append_shapes(std::string& out, const sdk::Host& host);

/// Answers {"fetch": kind, "names": [...] or null}: copies the tensors into `memory` and gives the
/// message that says where each lies there.
std::string copy_tensors(const sdk::Host& host, const boost::json::object& request,
                         std::unique_ptr<SharedMemory>& memory);

}  // namespace trainer::plugins
