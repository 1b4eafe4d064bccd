// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_trust.hpp"

#include <cstdlib>
#include <string_view>

namespace trainer {

bool trusts_any_plugin() {
  const char* trust = std::getenv("TRAINER_PLUGIN_TRUST");
  return trust && std::string_view(trust) == "any";
}

}  // namespace trainer
