// SPDX-License-Identifier: Apache-2.0
//
// The tests, a group for each subject; GROUP_tests.cpp has them.
#pragma once

#include "validator/subject.hpp"

namespace trainer::validator {

/// A test with its function: it returns when the plugin passed, else throws a Failure or a Skip.
struct Entry : Test {
  void (*run)(Subject&);
};
using Entries = std::vector<Entry>;

Entries file_tests();
Entries life_tests();
Entries event_tests();
Entries config_tests();
Entries state_tests();
Entries value_tests();
Entries between_tests();
Entries effect_tests();
Entries use_tests();
Entries isolation_tests();

}  // namespace trainer::validator
