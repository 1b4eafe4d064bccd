// SPDX-License-Identifier: Apache-2.0
//
// Sockets of 127.0.0.1 in place of inherited descriptors: anybody may connect, and who belongs to us shows a token.
#pragma once

#include "child/windows.hpp"

#include <chrono>
#include <cstddef>
#include <string>

#include "child/descriptor.hpp"

namespace trainer::child::windows {

int limited(std::size_t size);  ///< what one call moves at most

[[noreturn]] void fail_socket(const std::string& what, int code = ::WSAGetLastError());

std::string random_token();
Descriptor listen_on_loopback(unsigned short& port);
Descriptor connect_to_port(unsigned short port, const std::string& token);
void never_block(const Descriptor& socket);

/// The next one that shows the token, for which each that came before then has 5 s. Nothing when none did.
Descriptor accept_known(const Descriptor& listener, const std::string& token,
                        std::chrono::steady_clock::time_point then);

}  // namespace trainer::child::windows
