// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests: starts a process for each, and is that process's side, too.
#include "validator/catalogue.hpp"

#include <algorithm>

#include "base/child_process.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"
#include "validator/child.hpp"

namespace trainer::validator {
namespace {

constexpr double bench_limit_s = 60;

const Entries& entries() {
  static const Entries all = [] {
    Entries list;
    for (auto* group : {file_tests, life_tests, event_tests, config_tests, state_tests, between_tests, value_tests,
                        use_tests, isolation_tests, effect_tests})
      for (const auto& entry : group()) list.push_back(entry);
    return list;
  }();
  return all;
}

Result result_of(const std::string& id, const Options& options, double limit_s, void (*run)(Subject&)) {
  try {
    Subject subject(options, limit_s);
    run(subject);
    return {id, Outcome::passed, subject.detail, "", 0};
  } catch (const Skip& e) {
    return {id, Outcome::skipped, e.what(), "", 0};
  } catch (const Refused& e) {
    return {id, Outcome::skipped, std::string("the plugin refuses to work here: ") + e.what(), "", 0};
  } catch (const std::exception& e) {
    return {id, Outcome::failed, e.what(), "", 0};
  } catch (...) {
    return {id, Outcome::failed, "an exception left the plugin, which is not allowed", "", 0};
  }
}

}  // namespace

const std::vector<Test>& tests() {
  static const std::vector<Test> all(entries().begin(), entries().end());
  return all;
}

std::vector<Result> validate(const Options& options, const std::vector<std::string>& program,
                             const std::function<void(const Result&)>& done) {
  std::vector<std::string> known;
  for (const auto& test : tests()) known.emplace_back(test.id);
  for (const auto& id : options.only)
    if (std::find(known.begin(), known.end(), id) == known.end()) {
      const auto near = nearest(id, known);
      throw_usage(error_id::command_usage, "there is no test \"" + id + "\"" +
                                               (near.empty() ? "; `trainer plugins validate --list` names them"
                                                             : "; did you mean \"" + near + "\"?"));
    }
  std::vector<Result> results;
  for (const auto& test : tests()) {
    const bool wanted =
        options.only.empty() || std::find(options.only.begin(), options.only.end(), test.id) != options.only.end();
    if (!wanted) continue;
    results.push_back(run_in_child(std::string(test.id), options, program, test.limit_s * options.limit_factor));
    if (done) done(results.back());
    if (results.back().outcome == Outcome::failed && test.id == "file.read") break;  // so would all
  }
  return results;
}

int run_worker(const std::string& id, const Options& options) {
  begin_child();
  std::filesystem::create_directory(output_dir);  // as a run has made it by then
  if (id == "bench")
    return record(result_of(id, options, bench_limit_s, [](Subject& subject) {
      json::array list;
      for (const auto& cost : measure(subject))
        list.push_back({{"what", cost.what}, {"ns", cost.nanoseconds}, {"calls", cost.calls}});
      subject.detail = json::dump(list);
    }));
  for (const auto& entry : entries())
    if (entry.id == id) return record(result_of(id, options, entry.limit_s * options.limit_factor, entry.run));
  return record({id, Outcome::failed, "there is no such test", "", 0});
}

std::vector<Cost> bench(const Options& options, const std::vector<std::string>& program) {
  const Result result = run_in_child("bench", options, program, 2 * bench_limit_s);
  if (result.outcome != Outcome::passed)
    throw_run(error_id::command_usage, options.file.string() + " could not be measured: " + result.reason +
                                           (result.printed.empty() ? "" : "; it printed: " + result.printed));
  std::vector<Cost> costs;
  const json::value measured = json::parse(result.reason, "the measurement");
  for (const auto& entry : measured.as_array()) {
    const auto& cost = entry.as_object();
    costs.push_back({std::string(cost.at("what").as_string()), cost.at("ns").to_number<double>(),
                     cost.at("calls").to_number<std::uint64_t>()});
  }
  return costs;
}

}  // namespace trainer::validator
