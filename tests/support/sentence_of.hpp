// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "trainer/error.hpp"

namespace plugin_builder {

/// The sentence of the usage Error that `f` must throw; "" (and a failure) when it throws none.
template <typename F>
std::string sentence_of(F&& f) {
  try {
    f();
  } catch (const trainer::Error& e) {
    EXPECT_EQ(e.kind(), trainer::ErrorKind::usage);
    return e.sentence();
  }
  ADD_FAILURE() << "expected an Error";
  return {};
}

}  // namespace plugin_builder

#define EXPECT_SAYS(sentence, phrase) \
  EXPECT_NE((sentence).find(phrase), std::string::npos) << "the sentence is: " << (sentence)
