// SPDX-License-Identifier: Apache-2.0
//
// Configurations made from the note's schema.
#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/error.hpp"
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

constexpr int fuzzed_configs = 60;

std::vector<std::string> types_of(const json::object& rule) {
  const json::value& type = rule.at("type");
  std::vector<std::string> names;
  if (type.is_string()) return {std::string(type.get_string())};
  for (const auto& name : type.get_array()) names.emplace_back(name.get_string());
  return names;
}

void require_refused(Subject& subject, const json::object& config, const std::string& what) {
  try {
    subject.config(config);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::usage) return;
    throw;
  }
  throw Failure("the host took " + what + ", expected it to be refused under the note's schema");
}

// What the host must stop before the plugin sees it.
void invalid_refused(Subject& subject) {
  const json::object& good = subject.default_config();
  int tried = 0;
  const auto refuse = [&](json::object config, const std::string& what) {
    require_refused(subject, config, what), ++tried;
  };
  json::object unknown = good;
  unknown["no such key here"] = 1;
  refuse(unknown, "an unknown key");
  for (const auto& entry : subject.file().note.config) {
    const std::string key(entry.key());
    const auto& rule = entry.value().as_object();
    const auto types = types_of(rule);
    const std::vector<std::pair<std::string, json::value>> samples{{"null", nullptr},
                                                                   {"boolean", true},
                                                                   {"integer", 3},
                                                                   {"number", 2.5},
                                                                   {"string", "x"},
                                                                   {"array", json::array{1}},
                                                                   {"object", json::object{{"a", 1}}}};
    for (const auto& [type, value] : samples) {
      const bool fits = std::find(types.begin(), types.end(), type) != types.end() ||
                        (type == "integer" && std::find(types.begin(), types.end(), "number") != types.end());
      if (fits) continue;
      json::object wrong = good;
      wrong[key] = value;
      refuse(wrong, type + " as \"" + key + "\"");
    }
    for (const auto& [type, value] : {std::pair<std::string, json::value>{"string", std::string("a\0b", 3)},
                                      {"array", json::array{std::string("a\0b", 3)}},
                                      {"object", json::object{{"a", std::string("a\0b", 3)}}}}) {
      if (std::find(types.begin(), types.end(), type) == types.end()) continue;
      json::object wrong = good;
      wrong[key] = value;
      refuse(wrong, "a zero byte in \"" + key + "\"");
    }
    for (const auto& [bound, step] : {std::pair{"minimum", -1.0}, std::pair{"maximum", 1.0}})
      if (const auto* limit = rule.if_contains(bound)) {
        json::object wrong = good;
        wrong[key] = limit->to_number<double>() + step;
        refuse(wrong, "\"" + key + "\" past its " + bound);
      }
    if (!rule.contains("default")) {
      json::object without = good;
      without.erase(key);
      refuse(without, "a configuration without \"" + key + "\"");
    }
  }
  subject.detail = std::to_string(tried) + " configurations refused by the host";
}

json::value random_text(Random& random) {
  static const std::vector<std::string> texts{"",
                                              "x",
                                              "a text",
                                              "../..",
                                              "/dev/null/x",
                                              "a/b",
                                              "\xe2\x82\xac",
                                              "%s%n%d",
                                              "{}",
                                              "\"",
                                              "\n\t\r",
                                              std::string(10'000, 'y'),
                                              "-1",
                                              "true"};
  return json::value(texts[random() % texts.size()]);
}

json::value random_value(const json::object& rule, Random& random) {
  if (const auto* choices = rule.if_contains("enum"))
    return choices->get_array()[random() % choices->get_array().size()];
  const auto types = types_of(rule);
  const auto& type = types[random() % types.size()];
  const auto bound = [&](const char* key, double otherwise) {
    const auto* found = rule.if_contains(key);
    return found ? found->to_number<double>() : otherwise;
  };
  if (type == "integer") {
    const double most_integer = 9.2e18;  // what an int64 holds for sure
    const double low = std::ceil(bound("minimum", -most_integer)), high = std::floor(bound("maximum", most_integer));
    const double few = std::min(high, low + 3);
    const double picks[] = {low, high, few, low <= 0 && high >= 0 ? 0 : low, std::min(high, std::max(low, 7.0))};
    return static_cast<std::int64_t>(picks[random() % 5]);
  }
  if (type == "number") {
    const double top = std::numeric_limits<double>::max();
    const double low = bound("minimum", -top), high = bound("maximum", top);
    const double picks[] = {low, high, std::min(high, std::max(low, 0.0)), std::min(high, std::max(low, 1e-310)),
                            std::min(high, std::max(low, 0.1))};
    return picks[random() % 5];
  }
  if (type == "string") return random_text(random);
  if (type == "boolean") return random() % 2 == 0;
  if (type == "array") {
    json::array list;
    for (auto left = random() % 4; left > 0; --left)
      list.push_back(random() % 2 ? random_text(random) : json::value(static_cast<std::int64_t>(random() % 9)));
    return list;
  }
  if (type == "object") return json::object{{"key", random_text(random)}};
  return nullptr;
}

// Whatever the schema allows the plugin either takes, or refuses with a sentence.
void fuzzed(Subject& subject) {
  if (subject.file().note.config.empty()) throw Skip("the plugin has no configuration");
  Random random(subject.options().seed);
  int done = 0;
  for (; done < fuzzed_configs && (done < 2 || subject.time_left()); ++done) {
    json::object config;
    for (const auto& entry : subject.file().note.config)
      if (!entry.value().as_object().contains("default") || random() % 2)
        config[entry.key()] = random_value(entry.value().as_object(), random);
    const json::object resolved = subject.config(config);
    try {
      Instance instance(subject, resolved);
      Run run;
      run.epochs = run.steps = 1;
      play(instance, run);
    } catch (const Refused&) {
    } catch (const Failure& e) {
      throw Failure(std::string(e.what()) + "; the configuration was " + json::dump(resolved).substr(0, 400));
    }
  }
  subject.detail = std::to_string(done) + " configurations, " + std::to_string(subject.refused) + " times refused";
}

}  // namespace

Entries config_tests() {
  return {
      {{"config.invalid", "the host refuses what the note's schema forbids", 20}, invalid_refused},
      {{"config.fuzzed", "random configurations that the schema allows are taken or refused with a sentence", 30},
       fuzzed},
  };
}

}  // namespace trainer::validator
