// SPDX-License-Identifier: Apache-2.0
//
// plugins validate, plugins bench.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "command/options.hpp"
#include "command/print.hpp"
#include "discovery/platform.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "validator/validator.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

using validator::Outcome;
using validator::Result;

constexpr const char* outcome_names[] = {"passed", "failed", "skipped"};

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

validator::Options options_of(const ValidateOptions& given, const fs::path& file) {
  validator::Options out;
  out.file = file, out.only = given.only, out.seed = given.seed, out.limit_factor = given.slow;
  out.isolated = given.isolation == "process";
  if (!given.config.empty()) {
    const auto config = json::parse(given.config, "--config");
    if (!config.is_object())
      throw_usage(error_id::command_usage,
                  "--config is " + std::string(json::kind_name(config)) + ", expected a JSON object");
    out.config = config.as_object();
  }
  return out;
}

// The program that runs one test: this one.
std::vector<std::string> program(const ValidateOptions& given, const char* command) {
  return {platform::executable_path().string(),
          "plugins",
          command,
          "--slow",
          json::dump(given.slow),
          "--isolation",
          given.isolation};
}

std::string in_shell_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string reproduce(const ValidateOptions& given, const fs::path& file, const Result& result) {
  return "trainer plugins validate " + in_shell_quotes(file.string()) + " --only " + result.id + " --seed " +
         std::to_string(given.seed) + (given.isolation == "none" ? "" : " --isolation " + given.isolation) +
         (given.config.empty() ? "" : " --config " + in_shell_quotes(given.config));
}

std::vector<fs::path> files_of(const fs::path& path) {
  if (path.empty())
    throw_usage(error_id::command_usage, "expected a plugin's file, or a directory of plugins; name one");
  std::error_code ignored;  // of a file that cannot be looked at, its reading tells
  if (!fs::is_directory(path, ignored)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == platform::plugin_suffix) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw_run(error_id::command_usage, path.string() + " has no " + std::string(platform::plugin_suffix) +
                                           " file, expected plugins to validate; name another directory");
  return files;
}

struct Report {
  fs::path file;
  std::vector<Result> results;
  std::size_t count(Outcome outcome) const {
    return static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [&](const Result& r) { return r.outcome == outcome; }));
  }
  /// Nothing failed, and something ran at all.
  bool good() const { return count(Outcome::failed) == 0 && count(Outcome::passed) > 0; }
};

void print_result(const ValidateOptions& given, const fs::path& file, const Result& result) {
  std::string id = result.id;
  id.resize(std::max<std::size_t>(id.size(), 18), ' ');
  const char* word = result.outcome == Outcome::passed   ? "ok      "
                     : result.outcome == Outcome::failed ? "FAILED  "
                                                         : "skipped ";
  print_line(word + id + " " + seconds_text(result.seconds) + (result.reason.empty() ? "" : "  ") + result.reason);
  if (result.outcome == Outcome::failed) {
    if (!result.printed.empty()) std::cout << "  it printed:\n" << result.printed << "\n";
    print_line("  again: " + reproduce(given, file, result));
  }
  std::cout.flush();
}

json::object as_json(const ValidateOptions& given, const Report& report) {
  json::array results;
  for (const auto& result : report.results) {
    json::object entry{{"id", result.id},
                       {"outcome", outcome_names[static_cast<int>(result.outcome)]},
                       {"reason", result.reason},
                       {"seconds", result.seconds}};
    if (result.outcome == Outcome::failed)
      entry["printed"] = result.printed, entry["reproduce"] = reproduce(given, report.file, result);
    results.push_back(std::move(entry));
  }
  return {
      {"file", report.file.string()}, {"seed", given.seed}, {"good", report.good()}, {"results", std::move(results)}};
}

std::string in_xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
      out += '?';
    else
      out += c;
  }
  return out;
}

std::string as_junit(const std::vector<Report>& reports) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const auto& report : reports) {
    out += "  <testsuite name=\"" + in_xml(report.file.string()) + "\" tests=\"" +
           std::to_string(report.results.size()) + "\" failures=\"" + std::to_string(report.count(Outcome::failed)) +
           "\" skipped=\"" + std::to_string(report.count(Outcome::skipped)) + "\">\n";
    for (const auto& result : report.results) {
      out += "    <testcase classname=\"" + in_xml(report.file.stem().string()) + "\" name=\"" + result.id +
             "\" time=\"" + json::dump(result.seconds) + "\"";
      const std::string reason = " message=\"" + in_xml(result.reason) + "\"";
      if (result.outcome == Outcome::failed)
        out += "><failure" + reason + ">" + in_xml(result.printed) + "</failure></testcase>\n";
      else if (result.outcome == Outcome::skipped)
        out += "><skipped" + reason + "/></testcase>\n";
      else
        out += "/>\n";
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace

int plugins_validate(const ValidateOptions& given) {
  if (given.list) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& test : validator::tests())
      rows.push_back({std::string(test.id), std::to_string(test.limit_s) + " s", std::string(test.description)});
    print_table(rows);
    return 0;
  }
  if (!given.worker.empty()) return validator::run_worker(given.worker, options_of(given, given.path));
  const auto files = files_of(given.path);
  std::optional<ResultFile> junit;
  if (!given.junit.empty()) junit.emplace(given.junit, "--junit", files);
  std::vector<Report> reports;
  for (const auto& file : files) {
    if (!given.as_json) print_line(file.string());
    Report report{file,
                  validator::validate(options_of(given, file), program(given, "validate"), [&](const Result& result) {
                    if (!given.as_json) print_result(given, file, result);
                  })};
    if (!given.as_json)
      std::cout << report.count(Outcome::passed) << " passed, " << report.count(Outcome::failed) << " failed, "
                << report.count(Outcome::skipped) << " skipped\n"
                << (report.count(Outcome::passed) == 0 ? "no test has shown anything, which counts as failed\n" : "");
    reports.push_back(std::move(report));
  }
  if (given.as_json) {
    json::array list;
    for (const auto& report : reports) list.push_back(as_json(given, report));
    std::cout << json::dump(list, {.indent = 2}) << "\n";
  }
  if (junit) junit->write(as_junit(reports));
  return std::all_of(reports.begin(), reports.end(), [](const Report& report) { return report.good(); }) ? 0 : 1;
}

int plugins_bench(const ValidateOptions& given) {
  const auto options = options_of(given, given.path);
  if (!given.worker.empty()) return validator::run_worker(given.worker, options);
  const auto costs = validator::bench(options, program(given, "bench"));
  if (given.as_json) {
    json::array list;
    for (const auto& cost : costs)
      list.push_back({{"what", cost.what}, {"ns", cost.nanoseconds}, {"calls", cost.calls}});
    std::cout << json::dump(json::object{{"file", given.path.string()}, {"costs", std::move(list)}}, {.indent = 2})
              << "\n";
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"event", "ns", "calls"}};
  for (const auto& cost : costs)
    rows.push_back(
        {cost.what, std::to_string(static_cast<long long>(std::round(cost.nanoseconds))), std::to_string(cost.calls)});
  print_table(rows);
  return 0;
}

}  // namespace trainer::command
