// SPDX-License-Identifier: Apache-2.0
#include "ranks/same_everywhere.hpp"

#include <algorithm>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_value = 120;

std::string facts_as_text(const Facts& facts) {
  json::array list;
  for (const auto& [name, value] : facts) list.push_back(json::array{name, value});
  return json::dump(list, {.compact = true});
}

Facts facts_of_text(const std::string& text) {
  Facts facts;
  const json::value parsed = json::parse(text, "what another rank has");
  for (const json::value& fact : parsed.as_array())
    facts.emplace_back(fact.as_array().at(0).as_string(), fact.as_array().at(1).as_string());
  return facts;
}

const std::string* find_fact(const Facts& facts, const std::string& name) {
  const auto found = std::find_if(facts.begin(), facts.end(), [&](const auto& fact) { return fact.first == name; });
  return found == facts.end() ? nullptr : &found->second;
}

std::string shown_value(const std::string* value) {
  if (!value) return "missing";
  return shortened(*value, longest_value);
}

std::string difference_between(const Facts& first, const Facts& other, const std::string& first_name,
                               const std::string& other_name) {
  const auto compare = [&](const std::string& name) -> std::string {
    const auto *there = find_fact(first, name), *here = find_fact(other, name);
    if (there && here && *there == *here) return "";
    return name + " is " + shown_value(here) + " on " + other_name + ", but " + shown_value(there) + " on " +
           first_name + "; give all ranks the same";
  };
  for (const auto* facts : {&first, &other})
    for (const auto& [name, value] : *facts)
      if (auto sentence = compare(name); !sentence.empty()) return sentence;
  return "";
}

}  // namespace

std::string first_difference(const std::vector<Facts>& facts, const std::vector<std::string>& names) {
  for (std::size_t rank = 1; rank < facts.size(); ++rank)
    if (auto sentence = difference_between(facts[0], facts[rank], names[0], names[rank]); !sentence.empty())
      return sentence;
  return "";
}

void require_same(ProcessGroup& group, const Facts& facts) {
  if (group.alone()) return;
  const std::string text = facts_as_text(facts);
  Sha256 digest;
  digest.add(text);
  const auto digests = group.all_gather(digest.hex());
  if (std::all_of(digests.begin(), digests.end(), [&](const auto& one) { return one == digests[0]; })) return;
  std::vector<Facts> of_ranks;
  for (const std::string& one : group.all_gather(text)) of_ranks.push_back(facts_of_text(one));
  const std::string sentence = first_difference(of_ranks, group.all_gather(rank_text(group.ranks())));
  throw_usage(error_id::ranks_mismatch, sentence);
}

}  // namespace trainer
