// SPDX-License-Identifier: Apache-2.0
#include "earlier_page.hpp"

#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "report/page.hpp"
#include "shared/json_tree/json_tree.hpp"
#include "shared/system/files.hpp"

namespace trainer::html {
namespace {

using plugins::JsonTree;

const JsonTree& field(const JsonTree& tree, std::string_view key) {
  const JsonTree* found = tree.find(key);
  if (found == nullptr) throw std::invalid_argument("no " + std::string(key));
  return *found;
}

// NaN and the infinities are texts, which strtod() reads as well.
double number(const JsonTree& tree) { return std::strtod(tree.text.c_str(), nullptr); }
std::int64_t integer(const JsonTree& tree) { return std::strtoll(tree.text.c_str(), nullptr, 10); }

report::Curve read_curve(const JsonTree& tree, std::int64_t last_step) {
  const auto &steps = field(tree, "steps").items, &epochs = field(tree, "epochs").items,
             &values = field(tree, "values").items;
  if (steps.size() != epochs.size() || steps.size() != values.size()) throw std::invalid_argument("uneven");
  std::vector<report::Point> points;
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (integer(steps[i]) <= last_step) points.push_back({integer(steps[i]), number(epochs[i]), number(values[i])});
  const auto logged = static_cast<std::uint64_t>(integer(field(tree, "logged")));
  const auto span = static_cast<std::uint64_t>(integer(field(tree, "span")));
  // Of spans, how many were logged up to there is not known to the last one.
  const std::uint64_t share = points.empty() ? 0 : logged * points.size() / steps.size();
  report::Curve curve;
  curve.restore(std::move(points), share, span);
  return curve;
}

std::vector<report::Note> read_notes(const JsonTree& tree, std::int64_t last_step) {
  std::vector<report::Note> notes;
  for (const JsonTree& item : tree.items) {
    const std::int64_t step = integer(field(item, "step"));
    if (step <= last_step) notes.push_back({step, number(field(item, "epoch")), field(item, "text").text});
  }
  return notes;
}

}  // namespace

std::optional<report::Run> read_page(const std::filesystem::path& path, std::int64_t last_step) try {
  std::error_code error;
  const auto text = plugins::read_file(path, error);
  if (!text) return std::nullopt;
  const std::string_view data = report::page_data(*text);
  if (data.empty()) return std::nullopt;
  const JsonTree tree = plugins::parse_json(data);
  const auto& runs = field(tree, "runs").items;
  if (runs.size() != 1) return std::nullopt;
  const JsonTree& from = runs.front();
  report::Run run;
  run.status = field(from, "status").text == "finished" ? report::Run::Status::finished : report::Run::Status::unknown;
  run.time = read_curve(field(from, "time"), last_step);
  for (const JsonTree& curve : field(from, "curves").items)
    run.curve(field(curve, "name").text) = read_curve(curve, last_step);
  for (const JsonTree& pair : field(from, "texts").items)
    if (pair.items.size() == 2) run.text(pair.items[0].text, pair.items[1].text);
  run.checkpoints = read_notes(field(from, "checkpoints"), last_step);
  run.events = read_notes(field(from, "events"), last_step);
  run.warnings = read_notes(field(from, "warnings"), last_step);
  run.costs = report::page_costs(*text);
  return run;
} catch (const std::invalid_argument&) {
  return std::nullopt;
}

}  // namespace trainer::html
