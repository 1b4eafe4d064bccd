// SPDX-License-Identifier: Apache-2.0
#include "exported/module_tree.hpp"

#include <ATen/ATen.h>

#include <set>

#include "exported/program_json.hpp"

namespace trainer::exported {
namespace {

constexpr std::size_t most_levels = 100;  // torch walks the tree with as many calls

class TreeModule : public torch::nn::Module {
 public:
  TreeModule() : Module("ExportedModule") {}
};

class Tree {
 public:
  explicit Tree(const std::string& file) : root_(std::make_shared<TreeModule>()), file_(file) {}

  void add(const Weight& weight) {
    const auto [module, name] = place(weight.name);
    if (weight.is_parameter)
      module->register_parameter(name, weight.tensor, weight.tensor.requires_grad());
    else
      module->register_buffer(name, weight.tensor);
  }
  std::shared_ptr<torch::nn::Module> root() const { return root_; }

 private:
  // The module of a dotted name, made where it is not there, and the name in it.
  std::pair<std::shared_ptr<torch::nn::Module>, std::string> place(const std::string& name) {
    std::shared_ptr<torch::nn::Module> at = root_;
    std::size_t begin = 0, levels = 0;
    while (true) {
      const auto dot = name.find('.', begin);
      const std::string part = name.substr(begin, dot == name.npos ? name.npos : dot - begin);
      if (part.empty() || ++levels > most_levels)
        refuse(file_ + ": \"" + name + "\" is not the name of a weight" + damaged);
      if (dot == name.npos) return {at, part};
      const std::string path = name.substr(0, dot);
      auto& known = modules_[path];
      if (!known) known = at->register_module(part, std::make_shared<TreeModule>());
      at = known;
      begin = dot + 1;
    }
  }

  std::shared_ptr<torch::nn::Module> root_;
  std::map<std::string, std::shared_ptr<torch::nn::Module>> modules_;  // by path
  const std::string& file_;
};

}  // namespace

std::shared_ptr<torch::nn::Module> make_module_tree(const Weights& weights,
                                                    const std::vector<std::string>& parameter_order,
                                                    const std::string& file) {
  std::map<std::string_view, const Weight*> by_name;
  for (const Weight& weight : weights.kept) by_name.emplace(weight.name, &weight);
  Tree tree(file);
  std::set<std::string_view> added;
  const auto add = [&](const Weight& weight) {
    if (added.insert(weight.name).second) tree.add(weight);
  };
  for (const auto& name : parameter_order) {
    const auto found = by_name.find(name);
    if (found == by_name.end())
      refuse(file + ": the model's facts name the parameter \"" + name + "\", which the archive does not have" +
             damaged);
    add(*found->second);
  }
  for (const Weight& weight : weights.kept)
    if (weight.is_parameter && weight.first == weight.name) add(weight);
  for (const Weight& weight : weights.kept) add(weight);
  return tree.root();
}

}  // namespace trainer::exported
