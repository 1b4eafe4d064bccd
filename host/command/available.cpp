// SPDX-License-Identifier: Apache-2.0
#include "command/available.hpp"

#include "run/report_to.hpp"
#include "trainer/error.hpp"

namespace trainer::command {

Available availability_of(const PluginFile& plugin, const HostContext& context) try {
  const auto isolation = isolation_of_environment();
  const Availability found = isolation && isolation->process ? availability(plugin, context, *isolation)
                                                             : availability_in_time(plugin, context);
  if (found.use == Availability::yes) return {"yes", ""};
  return {found.use == Availability::when_named ? "when named" : "no", found.reason};
} catch (const Error& e) {
  return {"no", e.what()};
}

}  // namespace trainer::command
