// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace trainer {

/// The number of this machine's address from which `host` is reached, which need not be the one that its name stands
/// for; empty when `host` is not known here. Nothing is sent.
std::string own_address_towards(const std::string& host, std::uint16_t port);

}  // namespace trainer
