// SPDX-License-Identifier: Apache-2.0
//
// params.yaml: the keys of this run in place of the old ones, all others kept.
#include "params.hpp"

#include <utility>
#include <vector>

#include "yaml.hpp"

namespace trainer::dvclive {
namespace {

/// A top-level key as it is written, and its lines.
struct Block {
  std::string key, lines;
};

std::vector<Block> split_blocks(std::string_view yaml) {
  std::vector<Block> blocks;
  while (!yaml.empty()) {
    const std::size_t end = yaml.find('\n');
    const std::string_view line = yaml.substr(0, end == yaml.npos ? end : end + 1);
    yaml.remove_prefix(line.size());
    const bool continues = std::string_view(" -#\r\n?:").find(line[0]) != std::string_view::npos;
    if (!continues) blocks.push_back({std::string(line.substr(0, line.find(':'))), {}});
    if (!blocks.empty()) blocks.back().lines += line;
  }
  return blocks;
}

}  // namespace

std::string merge_params(std::string_view existing, const plugins::JsonTree& params) {
  std::vector<std::string> written(params.keys.size()), names(params.keys.size());
  for (std::size_t i = 0; i < params.keys.size(); ++i) {
    plugins::JsonTree one;
    one[params.keys[i]] = params.items[i];
    written[i] = to_yaml(one);
    append_yaml_string(names[i], params.keys[i]);
  }
  std::string out;
  for (const Block& block : split_blocks(existing)) {
    std::size_t i = 0;
    while (i < names.size() && names[i] != block.key) ++i;
    out += i == names.size() ? block.lines : std::exchange(written[i], std::string());
  }
  for (const std::string& text : written) out += text;
  return out.empty() ? "{}\n" : out;
}

}  // namespace trainer::dvclive
