// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace trainer::child {

/// A thread, or an error that says in one sentence what it was for ("that sends to the server"). What its
/// body throws (memory is short) ends the thread, and not the process.
template <typename Body>
std::thread start_thread(const char* what_for, Body body) try {
  return std::thread([body = std::move(body)] {
    try {
      body();
    } catch (...) {
    }
  });
} catch (const std::system_error& e) {
  throw std::runtime_error(std::string("the thread ") + what_for + " could not be started: " + e.code().message() +
                           "; raise the limit of processes or of memory");
}

}  // namespace trainer::child
