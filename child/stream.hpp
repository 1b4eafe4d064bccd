// SPDX-License-Identifier: Apache-2.0
//
// Streams of bytes between two processes, and what waits for them.
#pragma once

#include <cstddef>
#include <string>

#include "child/descriptor.hpp"

namespace trainer::child {

struct Pair {
  Descriptor ours, theirs;
};
Pair make_socket_pair();  ///< `ours` does not block; no program that is started inherits either
Pair make_pipe();         ///< `ours` is read from, `theirs` written to; neither blocks
/// To a program that started this one and listens: the path of a socket, on Windows "PORT:TOKEN" of 127.0.0.1.
Descriptor connect_to(const std::string& where);

/// Bytes moved, 0 at the end of file (receive), -1 when it would block; otherwise a
/// std::system_error.
std::ptrdiff_t send_some(int fd, const char* data, std::size_t size);
std::ptrdiff_t receive_some(int fd, char* data, std::size_t size);

struct Ready {
  bool readable = false, writable = false, woken = false;
};
/// Waits until `fd` can be read (or written, if wanted) or `wake` can be read.
Ready wait_for(int fd, bool to_write, int wake);
void wake(int fd);
void drain(int fd);

}  // namespace trainer::child
