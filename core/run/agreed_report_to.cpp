// SPDX-License-Identifier: Apache-2.0
//
// The trackers of a run on several processes: rank 0 asks them, and the others, whose machines need not have its
// settings, take its answer.
#include "run/report_to.hpp"

namespace trainer {
namespace {

std::string trackers_as_text(const std::vector<Tracker>& trackers) {
  json::array list;
  for (const Tracker& tracker : trackers)
    list.push_back({{"plugin", tracker.file.note.id + tracker.versions},
                    {"name", tracker.name},
                    {"versions", tracker.versions},
                    {"config", tracker.config},
                    {"asked_for", tracker.asked_for}});
  return json::dump(list);
}

std::vector<Tracker> trackers_of_text(const std::string& text, const PluginRegistry& registry) {
  std::vector<Tracker> out;
  const json::value parsed = json::parse(text, "the trackers of rank 0");
  for (const json::value& item : parsed.as_array()) {
    const json::object& tracker = item.as_object();
    const auto text = [&](const char* key) { return std::string(tracker.at(key).as_string()); };
    const std::string where = "rank 0 reports to \"" + text("name") + "\"";
    out.push_back({registry.require(text("plugin"), where), text("name"), text("versions"),
                   tracker.at("config").as_object(), tracker.at("asked_for").as_bool()});
  }
  return out;
}

}  // namespace

std::vector<Tracker> agreed_report_to(const std::vector<std::string>& report_to, const PluginRegistry& registry,
                                      const HostContext& context, const std::function<bool(const Tracker&)>& made,
                                      const IsolationOf& isolation_of) {
  if (context.from_rank_0 && context.process.rank != 0) return trackers_of_text(context.from_rank_0({}), registry);
  auto trackers = resolve_report_to(report_to, registry, context, made, isolation_of);
  if (context.from_rank_0) context.from_rank_0(trackers_as_text(trackers));
  return trackers;
}

}  // namespace trainer
