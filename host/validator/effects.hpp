// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace trainer::validator {

/// What of the process a plugin must leave as it was: name of the thing, and its value as text.
using Surroundings = std::map<std::string, std::string>;

Surroundings surroundings();

/// Those of the system, added to the ones that all have.
void add_surroundings(Surroundings& out);

/// Each thing that differs, as a sentence; empty when nothing does.
std::string difference(const Surroundings& before, const Surroundings& after);

int thread_count();

}  // namespace trainer::validator
