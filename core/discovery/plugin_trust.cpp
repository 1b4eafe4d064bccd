// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_trust.hpp"

#include <cstdlib>
#include <string_view>

#include "discovery/platform.hpp"

namespace trainer {

bool trusts_any_plugin() {
  const char* trust = std::getenv("TRAINER_PLUGIN_TRUST");
  return trust && std::string_view(trust) == "any";
}

bool debugs_plugins() {
  const char* debug = std::getenv("TRAINER_PLUGIN_DEBUG");
  return debug && std::string_view(debug) == "1";
}

bool loads_files_themselves() { return debugs_plugins() || platform::is_traced(); }

}  // namespace trainer
