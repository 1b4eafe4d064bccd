// SPDX-License-Identifier: Apache-2.0
#include "trainer/report_to.hpp"

#include <algorithm>
#include <array>

#include "plugin_host.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_library.hpp"

namespace trainer {
namespace {

// get_reporting_integration_callbacks and "all" in transformers' integration_utils.py go in this
// order.
constexpr std::array<std::string_view, 13> transformers_order = {
    "azure_ml", "comet_ml",   "dagshub", "dvclive", "mlflow",  "neptune", "tensorboard",
    "wandb",    "codecarbon", "clearml", "swanlab", "trackio", "kubeflow"};

std::size_t rank(const PluginFile& file) {
  const auto& name = file.note.report_to;
  return static_cast<std::size_t>(
      std::find(transformers_order.begin(), transformers_order.end(), name) -
      transformers_order.begin());
}

std::vector<PluginFile> all_available(const PluginRegistry& registry, const HostContext& context) {
  std::vector<PluginFile> out;
  for (const PluginFile* file : registry.trackers()) {
    std::optional<std::string> reason;
    try {
      reason = why_unavailable(*file, context);
    } catch (const Error& e) {
      // "all" must not be the reason that a run fails to start.
      log::warning(std::string(e.what()) + "; report_to \"all\" leaves it out");
      continue;
    }
    if (reason)
      log::debug("report_to \"all\" leaves out " + file->note.report_to + ": " + *reason);
    else
      out.push_back(*file);
  }
  std::stable_sort(out.begin(), out.end(), [](const PluginFile& a, const PluginFile& b) {
    return std::pair(rank(a), a.note.report_to) < std::pair(rank(b), b.note.report_to);
  });
  return out;
}

}  // namespace

std::optional<std::string> why_unavailable(const PluginFile& file, const HostContext& context) {
  const PluginHost host(file.note.id, {}, context);
  return unavailable_reason(*PluginLibrary::load(file), &host);
}

std::vector<PluginFile> resolve_report_to(const std::vector<std::string>& report_to,
                                          const PluginRegistry& registry,
                                          const HostContext& context) {
  if (report_to.empty() || report_to == std::vector<std::string>{"none"}) return {};
  if (report_to == std::vector<std::string>{"all"}) return all_available(registry, context);
  std::vector<PluginFile> out;
  const auto trackers = registry.trackers();
  for (const std::string& name : report_to) {
    const auto found = std::find_if(trackers.begin(), trackers.end(), [&](const PluginFile* file) {
      return file->note.report_to == name;
    });
    if (found == trackers.end()) {
      std::vector<std::string> names;
      std::string known;
      for (const auto* file : trackers) {
        names.push_back(file->note.report_to);
        known += (known.empty() ? "" : ", ") + file->note.report_to;
      }
      const std::string near = json::nearest(name, names);
      throw_usage("args.report_to names \"" + name + "\", which is not an installed tracker" +
                  (near.empty() ? "" : "; did you mean \"" + near + "\"?") + " (available: " +
                  (known.empty() ? "none" : known) + "; looked in " + registry.places() + ")");
    }
    if (const auto reason = why_unavailable(**found, context))
      throw_usage("args.report_to names \"" + name + "\", which is not available here: " + *reason);
    out.push_back(**found);
  }
  return out;
}

}  // namespace trainer
