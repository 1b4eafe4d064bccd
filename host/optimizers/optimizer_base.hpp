// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/python_value.hpp"
#include "optimizers/optim_args.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

/// Hyperparameters with their Python values, in torch's order.
using GroupOptions = std::vector<std::pair<std::string, c10::IValue>>;

/// Parameters with their gradients and states, as the multi-tensor kernels take them. `states` has
/// a list for each state name; an undefined tensor is a state that the parameter does not have.
struct TensorLists {
  std::vector<at::Tensor> params, grads;
  std::vector<std::vector<at::Tensor>> states;
};

/// What all optimizers share: which parameters have a gradient, the lazily made state, and its
/// dict.
class TorchOptimizer : public Optimizer {
 public:
  void step() final;
  bool step_unless(const at::Tensor& found_inf) final;
  c10::IValue state_dict() const final;
  void load_state_dict(const c10::IValue& state, std::string_view where) final;
  std::vector<OptimizerState> named_states() const final;

 protected:
  /// Where a parameter's states are, in the order of their names; made when it has none yet. For who updates it in
  /// place of step(). A state that is loaded or made later is found there, too.
  std::vector<at::Tensor*> states_of(std::size_t group, std::size_t parameter);

  /// `options` are the hyperparameters beside weight_decay and lr, the same for every group. The
  /// constructor of a subclass calls options_changed() for the first time.
  TorchOptimizer(std::vector<ParamGroup> groups, const OptimizerSettings& settings, GroupOptions options,
                 std::vector<std::string> state_names);

  /// Makes the states of parameter `i`; those that its group does not need stay undefined.
  virtual void init_state(std::size_t group, TensorLists& lists, std::size_t i) = 0;

  /// One update of parameters of one group, type and device, all with gradient and state.
  virtual void update(std::size_t group, TensorLists& lists) = 0;

  /// options_ has new values: check them and copy what update() needs.
  virtual void options_changed(std::string_view where) = 0;

  /// Whether update() obeys found_inf().
  virtual bool takes_found_inf() const { return false; }
  const at::Tensor& found_inf() const { return found_inf_; }  ///< undefined in step()

  /// Where and as what a loaded state lives.
  virtual at::TensorOptions state_placement(std::size_t group, const at::Tensor& param, const std::string& name) const;

  void init_all_states();

  /// Values of a group's hyperparameters; `where` starts the Error when one is missing or unusable.
  /// @{
  double option(std::size_t group, const char* name, std::string_view where) const;
  bool flag(std::size_t group, const char* name, std::string_view where) const;
  void require_off(std::size_t group, std::initializer_list<const char*> names, std::string_view where) const;
  std::optional<c10::IValue> find_option(std::size_t group, const char* name) const;
  /// @}

 private:
  // Kernels want lists of one device and type; most groups are one such bucket.
  struct Bucket {
    std::size_t group;
    std::vector<std::size_t> members;  // places of the parameters in their group
    std::vector<bool> ready;           // has its state
    TensorLists lists;
  };

  void update_some(Bucket& bucket, std::size_t count);
  python::Dict pack_state(const Bucket& bucket, std::size_t i) const;
  void load_options(std::size_t group, const python::Dict& saved, const std::string& where);
  void load_state(Bucket& bucket, std::size_t i, const python::Dict& saved, const std::string& where);
  // Calls function(bucket, place in the bucket, index) in the order of the parameters.
  template <typename Self, typename Function>
  static void for_each_parameter(Self& self, Function function);

  std::vector<std::string> state_names_;
  std::vector<python::Dict> options_;  // per group, in torch's order
  std::vector<Bucket> buckets_;
  at::Tensor found_inf_;
  TensorLists some_;  // scratch: the part of a bucket that has gradients
};

/// Adds 1 to each step counter, float32 scalars on one device.
void advance(std::vector<at::Tensor>& steps);

std::unique_ptr<Optimizer> make_adamw(std::vector<ParamGroup>, const OptimizerSettings&, bool fused);
std::unique_ptr<Optimizer> make_sgd(std::vector<ParamGroup>, const OptimizerSettings&);
std::unique_ptr<Optimizer> make_rmsprop(std::vector<ParamGroup>, const OptimizerSettings&);
std::unique_ptr<Optimizer> make_adagrad(std::vector<ParamGroup>, const OptimizerSettings&);
std::unique_ptr<Optimizer> make_adafactor(std::vector<ParamGroup>, const OptimizerSettings&);

}  // namespace trainer
