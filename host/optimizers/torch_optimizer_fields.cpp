// SPDX-License-Identifier: Apache-2.0
#include <tuple>

#include "optimizers/torch_optimizer_fields.hpp"

#include <ATen/ATen.h>
#include <torch/optim.h>

#include "trainer/error.hpp"

namespace trainer {
namespace {

using namespace torch::optim;

// One list of fields for each class, which a visitor writes to a dict or reads from one. absent() are hyperparameters
// of Python's class that LibTorch's has not. weight_decay comes first, as in the groups that transformers makes.

template <typename Visitor>
void fields(Visitor&& v, SGDOptions& o) {
  v("weight_decay", o.weight_decay()), v("lr", o.lr()), v("momentum", o.momentum()), v("dampening", o.dampening());
  v("nesterov", o.nesterov());
  v.absent("maximize", false), v.absent("foreach"), v.absent("differentiable", false), v.absent("fused");
}
template <typename Visitor, typename Options>
void adam_fields(Visitor&& v, Options& o, bool decoupled) {
  v("weight_decay", o.weight_decay()), v("lr", o.lr()), v("betas", o.betas()), v("eps", o.eps());
  v("amsgrad", o.amsgrad());
  v.absent("maximize", false), v.absent("foreach"), v.absent("capturable", false), v.absent("differentiable", false);
  v.absent("fused"), v.absent("decoupled_weight_decay", decoupled);
}
template <typename Visitor>
void fields(Visitor&& v, AdamOptions& o) {
  adam_fields(v, o, false);
}
template <typename Visitor>
void fields(Visitor&& v, AdamWOptions& o) {
  adam_fields(v, o, true);
}
template <typename Visitor>
void fields(Visitor&& v, RMSpropOptions& o) {
  v("weight_decay", o.weight_decay()), v("lr", o.lr()), v("momentum", o.momentum()), v("alpha", o.alpha()),
      v("eps", o.eps()), v("centered", o.centered());
  v.absent("capturable", false), v.absent("foreach"), v.absent("maximize", false), v.absent("differentiable", false);
}
template <typename Visitor>
void fields(Visitor&& v, AdagradOptions& o) {
  v("weight_decay", o.weight_decay()), v("lr", o.lr()), v("lr_decay", o.lr_decay()), v("eps", o.eps());
  v("initial_accumulator_value", o.initial_accumulator_value());
  v.absent("foreach"), v.absent("maximize", false), v.absent("differentiable", false), v.absent("fused");
}
template <typename Visitor>
void fields(Visitor&& v, SGDParamState& s) {
  v("momentum_buffer", s.momentum_buffer());
}
template <typename Visitor>
void fields(Visitor&& v, AdamParamState& s) {
  v("step", s.step()), v("exp_avg", s.exp_avg()), v("exp_avg_sq", s.exp_avg_sq());
  v("max_exp_avg_sq", s.max_exp_avg_sq());
}
template <typename Visitor>
void fields(Visitor&& v, AdamWParamState& s) {
  v("step", s.step()), v("exp_avg", s.exp_avg()), v("exp_avg_sq", s.exp_avg_sq());
  v("max_exp_avg_sq", s.max_exp_avg_sq());
}
template <typename Visitor>
void fields(Visitor&& v, RMSpropParamState& s) {
  v("step", s.step()), v("square_avg", s.square_avg()), v("momentum_buffer", s.momentum_buffer());
  v("grad_avg", s.grad_avg());
}
template <typename Visitor>
void fields(Visitor&& v, AdagradParamState& s) {
  v("step", s.step()), v("sum", s.sum());
}

struct FieldWriter {
  python::Dict& to;
  void operator()(const char* name, double value) { to.insert(name, value); }
  void operator()(const char* name, bool value) { to.insert(name, value); }
  void operator()(const char* name, const std::tuple<double, double>& v) {
    to.insert(name, c10::ivalue::Tuple::create({std::get<0>(v), std::get<1>(v)}));
  }
  // Python counts steps in a float32 scalar.
  void operator()(const char* name, std::int64_t step) {
    to.insert(name, at::scalar_tensor(static_cast<double>(step), at::kFloat));
  }
  void operator()(const char* name, const at::Tensor& tensor) {
    if (tensor.defined()) to.insert(name, tensor);
  }
  void absent(const char* name, bool value) { to.insert(name, value); }
  void absent(const char* name) { to.insert(name, c10::IValue()); }
};

struct FieldReader {
  const python::Dict& from;
  const std::string& where;
  const at::Tensor* parameter = nullptr;  // null: hyperparameters, which are all there

  template <typename Take>
  bool take_if_there(const char* name, Take take) {
    const auto value = python::find(from, name);
    if (!value || value->isNone()) return false;
    take(*value, where + ": '" + name + "'");
    return true;
  }
  template <typename Take>
  void take(const char* name, Take take) {
    if (!take_if_there(name, take) && !parameter)
      throw_run(error_id::checkpoint_mismatch,
                where + ": '" + name +
                    "' is missing; the file belongs to another optimizer, so resume with the one that wrote it");
  }
  void operator()(const char* name, double& to) {
    take(name, [&](const auto& value, const auto& place) { to = python::number(value, place); });
  }
  void operator()(const char* name, bool& to) {
    take(name, [&](const auto& value, const auto& place) { to = python::boolean(value, place); });
  }
  void operator()(const char* name, std::tuple<double, double>& to) {
    take(name, [&](const auto& value, const auto& place) {
      if (!value.isTuple() || value.toTupleRef().elements().size() != 2)
        throw_run(error_id::checkpoint_mismatch, place + ": found " + value.tagKind() + ", expected a pair of numbers");
      const auto& pair = value.toTupleRef().elements();
      to = {python::number(pair[0], place), python::number(pair[1], place)};
    });
  }
  void operator()(const char* name, std::int64_t& to) {
    take(name, [&](const auto& value, const auto& place) {
      const bool one = value.isTensor() && value.toTensor().numel() == 1;
      to = one ? value.toTensor().template item<std::int64_t>()
               : static_cast<std::int64_t>(double{python::number(value, place)});
    });
  }
  void operator()(const char* name, at::Tensor& to) {
    take(name, [&](const auto& value, const auto& place) {
      if (!value.isTensor() || value.toTensor().sizes() != parameter->sizes())
        throw_run(error_id::checkpoint_mismatch,
                  place +
                      ": expected a tensor of the parameter's shape; the file belongs to another model or "
                      "optimizer, so resume with the one that wrote it");
      to = value.toTensor().detach().to(parameter->options(), /*non_blocking=*/false, /*copy=*/true);
    });
  }
  // What LibTorch's class cannot do; Adam and AdamW of Python differ by decoupled_weight_decay alone.
  void absent(const char* name, bool value) {
    take_if_there(name, [&](const auto& found, const auto& place) {
      if (python::boolean(found, place) != value)
        throw_run(error_id::checkpoint_mismatch,
                  place + std::string(value ? " is false" : " is true") +
                      ", which this optimizer is not; resume with the one that wrote it");
    });
  }
  void absent(const char*) {}
};

// Calls f with the object as the class among Classes that it is of; false when it is of none.
template <typename... Classes, typename Base, typename F>
bool as_one_of(Base& object, F&& f) {
  const auto as = [&](auto* one) { return one ? (f(*one), true) : false; };
  return (as(dynamic_cast<Classes*>(&object)) || ...);
}

template <typename F>
bool with_options(OptimizerOptions& options, F&& f) {
  return as_one_of<SGDOptions, AdamOptions, AdamWOptions, RMSpropOptions, AdagradOptions>(options, f);
}

template <typename State>
std::unique_ptr<OptimizerParamState> read_state(FieldReader& reader) {
  auto state = std::make_unique<State>();
  fields(reader, *state);
  return state;
}

}  // namespace

bool has_fields(const OptimizerOptions& options) {
  return with_options(const_cast<OptimizerOptions&>(options), [](auto&) {});
}

bool save_options(OptimizerOptions& options, python::Dict& group) {
  return with_options(options, [&](auto& known) { fields(FieldWriter{group}, known); });
}

void load_options(OptimizerOptions& options, const python::Dict& group, const std::string& where) {
  with_options(options, [&](auto& known) { fields(FieldReader{group, where}, known); });
}

void save_state(const OptimizerParamState& state, python::Dict& packed) {
  as_one_of<SGDParamState, AdamParamState, AdamWParamState, RMSpropParamState, AdagradParamState>(
      const_cast<OptimizerParamState&>(state), [&](auto& known) { fields(FieldWriter{packed}, known); });
}

std::unique_ptr<OptimizerParamState> load_state(const OptimizerOptions& options, const python::Dict& packed,
                                                const at::Tensor& parameter, const std::string& where) {
  FieldReader reader{packed, where, &parameter};
  if (dynamic_cast<const SGDOptions*>(&options)) return read_state<SGDParamState>(reader);
  if (dynamic_cast<const AdamOptions*>(&options)) return read_state<AdamParamState>(reader);
  if (dynamic_cast<const AdamWOptions*>(&options)) return read_state<AdamWParamState>(reader);
  if (dynamic_cast<const RMSpropOptions*>(&options)) return read_state<RMSpropParamState>(reader);
  if (dynamic_cast<const AdagradOptions*>(&options)) return read_state<AdagradParamState>(reader);
  return nullptr;
}

}  // namespace trainer
