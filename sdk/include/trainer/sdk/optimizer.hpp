// SPDX-License-Identifier: Apache-2.0
//
// optimizer.hpp - the optimizer's groups of parameters, and how to set their learning rates (ext/optimizer.h).
#pragma once

#include <trainer/ext/optimizer.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <trainer/sdk/value.hpp>
#include <vector>

namespace trainer::sdk {

/// Parameters with one rate, as an entry of torch's param_groups.
struct ParamGroup {
  double lr;  ///< of the next update
  double initial_lr, weight_decay;
  std::vector<std::string_view> params;  ///< "0.weight" ...; borrowed until the event ends
};

/// What Host::optimizer() gives; only during an event.
class Optimizer {
 public:
  Optimizer(const trainer_host* host, const trainer_ext_optimizer* table) : host_(host), table_(table) {}

  std::uint64_t size() const { return table_->count(host_); }  ///< groups; 0 before there is an optimizer

  /// Throws std::out_of_range past the end, as set_lr() does.
  ParamGroup group(std::uint64_t index) const {
    trainer_param_group found{sizeof found, 0, 0, 0, 0, 0};
    require(table_->at(host_, index, &found), index);
    ParamGroup out{found.lr, found.initial_lr, found.weight_decay, {}};
    for (std::uint64_t i = 0; i < found.parameter_count; ++i) {
      trainer_text name{};
      if (table_->parameter(host_, index, i, &name) == TRAINER_OK) out.params.push_back(view(name));
    }
    return out;
  }

  /// The learning rate alone.
  double lr(std::uint64_t index) const {
    trainer_param_group found{sizeof found, 0, 0, 0, 0, 0};
    require(table_->at(host_, index, &found), index);
    return found.lr;
  }

  /// For the next update; ext/optimizer.h says how long it lasts. std::invalid_argument for a rate that is negative or
  /// not finite.
  void set_lr(std::uint64_t index, double lr) const { require(table_->set_lr(host_, index, lr), index, &lr); }

 private:
  static void require(std::int32_t status, std::uint64_t index, const double* lr = nullptr) {
    if (status == TRAINER_OK) return;
    if (status == TRAINER_NOT_FOUND)
      throw std::out_of_range("the optimizer has no parameter group " + std::to_string(index));
    if (lr != nullptr)
      throw std::invalid_argument("the host refused the learning rate " + std::to_string(*lr) + " of parameter group " +
                                  std::to_string(index) + ", expected a finite number from 0");
    throw std::runtime_error("the host could not show parameter group " + std::to_string(index));
  }

  const trainer_host* host_;
  const trainer_ext_optimizer* table_;
};

}  // namespace trainer::sdk
