// SPDX-License-Identifier: Apache-2.0
#include "trainer/loss.hpp"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "data/failure.hpp"
#include "model/class_labels.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace {

// The numbers of an option, where the logits are and in the type that the operator calculates in.
class LossFactors {
 public:
  explicit LossFactors(const std::vector<double>& numbers) {
    if (!numbers.empty()) values_ = at::tensor(numbers, at::kFloat);
  }
  bool empty() const { return !values_.defined(); }
  std::int64_t size() const { return values_.numel(); }
  at::Tensor beside(const at::Tensor& logits) {
    if (empty()) return {};
    if (values_.device() != logits.device()) values_ = values_.to(logits.device());
    // Autocast calculates losses in float32, of whatever is no double.
    const bool cast = logits.scalar_type() != at::kDouble && at::autocast::is_autocast_enabled(logits.device().type());
    return cast ? values_ : values_.to(logits.scalar_type());
  }

 private:
  at::Tensor values_;
};

[[noreturn]] void refuse_loss(const std::string& name, const at::Tensor& logits, const at::Tensor& labels,
                              const std::string& remedy) {
  throw_usage(error_id::data_invalid, name + ": the logits are " + tensor_text(logits) + ", but the labels " +
                                          tensor_text(labels) + "; " + remedy);
}

void check_logits(const std::string& name, const at::Tensor& logits) {
  if (logits.is_floating_point()) return;
  throw_usage(error_id::data_invalid, name + ": the logits are " + tensor_text(logits) +
                                          ", expected floating-point numbers; let the model give those, before argmax");
}

at::Tensor cross_entropy_of(const at::Tensor& given_logits, const at::Tensor& given_labels, LossFactors* weight,
                            const LossOptions& options) {
  static const std::string name = "cross_entropy";
  at::Tensor logits = given_logits, labels = given_labels;
  check_logits(name, logits);
  const bool probabilities = labels.is_floating_point() && logits.dim() > 0 && logits.sizes() == labels.sizes();
  if (!probabilities && labels.is_floating_point())
    refuse_loss(name, logits, labels, "give labels that are whole numbers, one class each, or another loss");
  if (!probabilities && !class_labels_fit(logits, labels))
    refuse_loss(name, logits, labels,
                "give logits [N, C] with labels [N], [N, T, C] with [N, T], or [N, C, H, W] with [N, H, W]");
  if (logits.dim() == 3) {
    logits = logits.flatten(0, 1);
    labels = labels.flatten(0, 1);
  }
  const auto classes = logits.size(class_dimension(logits));
  if (weight && weight->size() != classes)
    throw_usage(error_id::data_invalid, name + ": weight has " + std::to_string(weight->size()) +
                                            " numbers, but the logits are " + tensor_text(given_logits) +
                                            "; give a number for each of the " + std::to_string(classes) + " classes");
  if (probabilities && options.ignore_index >= 0)
    refuse_loss(name, logits, labels, "leave out ignore_index, since labels that are probabilities cannot be it");
  const at::Tensor factors = weight ? weight->beside(logits) : at::Tensor();
  if (!probabilities) labels = labels.to(at::kLong);
  return with_class_labels(name, labels, classes, options.ignore_index, [&] {
    return at::cross_entropy_loss(logits, labels, factors, at::Reduction::Mean, options.ignore_index,
                                  options.label_smoothing);
  });
}

// Labels of numbers, one for each of the outputs. Another shape torch would repeat, so that an output learned another
// row's label; another type has no gradient.
at::Tensor numbers_for(const std::string& name, const at::Tensor& logits, const at::Tensor& labels) {
  check_logits(name, logits);
  const auto with_one = [](const at::Tensor& t) {
    auto sizes = t.sizes().vec();
    sizes.push_back(1);
    return sizes;
  };
  if (logits.sizes() != labels.sizes() && logits.sizes() != with_one(labels) && labels.sizes() != with_one(logits))
    refuse_loss(name, logits, labels, "give labels of the outputs' shape, such as [N, 1]");
  const at::Tensor each = logits.sizes() == labels.sizes() ? labels : labels.reshape(logits.sizes());
  return each.to(logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

at::Tensor binary_cross_entropy_of(const at::Tensor& logits, const at::Tensor& given_labels, LossFactors& pos_weight) {
  static const std::string name = "binary_cross_entropy_with_logits";
  const at::Tensor labels = numbers_for(name, logits, given_labels);
  if (labels.is_cpu() && labels.numel() > 0) {
    const auto [least, most] = at::aminmax(labels.detach());
    const double low = least.item<double>(), high = most.item<double>();
    if (low < 0 || high > 1)
      throw_usage(error_id::data_invalid,
                  name + ": a label is " + json::repr(low < 0 ? low : high) +
                      ", expected numbers from 0 to 1; correct the labels, or leave such rows out");
  }
  at::Tensor factors = pos_weight.beside(logits);
  if (pos_weight.size() > 1) {
    const auto outputs = logits.dim() > 1 ? logits.size(class_dimension(logits)) : 1;
    if (pos_weight.size() != outputs)
      throw_usage(error_id::data_invalid, name + ": pos_weight has " + std::to_string(pos_weight.size()) +
                                              " numbers, but the logits are " + tensor_text(logits) +
                                              "; give one, or one for each of the " + std::to_string(outputs));
    if (logits.dim() > 3) {
      std::vector<std::int64_t> shape(static_cast<std::size_t>(logits.dim() - 1), 1);
      shape[0] = outputs;
      factors = factors.view(shape);
    }
  }
  return at::binary_cross_entropy_with_logits(logits, labels, {}, factors, at::Reduction::Mean);
}

void check_factors(const std::string& what, const std::vector<double>& numbers) {
  for (const double number : numbers)
    if (!(number >= 0 && std::isfinite(static_cast<float>(number))))
      throw_usage(error_id::arguments_invalid,
                  what + " has the number " + json::repr(number) + ", expected finite ones from 0; correct it");
}

void check_number(const std::string& what, bool fits, double number, const std::string& expected) {
  if (!fits)
    throw_usage(error_id::arguments_invalid,
                what + " is " + json::repr(number) + ", expected a number " + expected + "; correct it");
}

}  // namespace

std::int64_t class_dimension(const at::Tensor& logits) { return logits.dim() > 3 ? 1 : logits.dim() - 1; }

bool class_labels_fit(const at::Tensor& logits, const at::Tensor& labels) {
  const auto classes = class_dimension(logits);
  if (labels.dim() != logits.dim() - 1) return false;
  for (std::int64_t d = 0; d < labels.dim(); ++d)
    if (labels.size(d) != logits.size(d < classes ? d : d + 1)) return false;
  return true;
}

const std::vector<std::string>& loss_names() {
  static const std::vector<std::string> names{"cross_entropy", "binary_cross_entropy_with_logits", "mse", "l1", "huber",
                                              "smooth_l1"};
  return names;
}

LossFunction make_loss(const std::string& name, const LossOptions& options) {
  if (name == "cross_entropy") {
    check_factors("weight", options.weight);
    check_number("label_smoothing", options.label_smoothing >= 0 && options.label_smoothing <= 1,
                 options.label_smoothing, "from 0 to 1");
    return [options, weight = LossFactors(options.weight)](const at::Tensor& logits, const at::Tensor& labels) mutable {
      return cross_entropy_of(logits, labels, weight.empty() ? nullptr : &weight, options);
    };
  }
  if (name == "binary_cross_entropy_with_logits") {
    check_factors("pos_weight", options.pos_weight);
    return [pos_weight = LossFactors(options.pos_weight)](const at::Tensor& logits, const at::Tensor& labels) mutable {
      return binary_cross_entropy_of(logits, labels, pos_weight);
    };
  }
  if (name == "mse") return mse_loss;
  if (name == "l1")
    return [](const at::Tensor& logits, const at::Tensor& labels) {
      return at::l1_loss(logits, numbers_for("l1", logits, labels));
    };
  if (name == "huber") {
    check_number("delta", options.delta > 0 && std::isfinite(options.delta), options.delta, "above 0");
    return [delta = options.delta](const at::Tensor& logits, const at::Tensor& labels) {
      return at::huber_loss(logits, numbers_for("huber", logits, labels), at::Reduction::Mean, delta);
    };
  }
  if (name == "smooth_l1") {
    check_number("beta", options.beta >= 0 && std::isfinite(options.beta), options.beta, "from 0");
    return [beta = options.beta](const at::Tensor& logits, const at::Tensor& labels) {
      return at::smooth_l1_loss(logits, numbers_for("smooth_l1", logits, labels), at::Reduction::Mean, beta);
    };
  }
  const std::string near = nearest(name, loss_names());
  throw_usage(error_id::arguments_invalid,
              "there is no loss \"" + name + "\"; " +
                  (near.empty() ? "expected one of " + join(loss_names()) : "did you mean \"" + near + "\"?"));
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  static const LossOptions plain;
  return cross_entropy_of(logits, labels, nullptr, plain);
}

at::Tensor mse_loss(const at::Tensor& logits, const at::Tensor& labels) {
  return at::mse_loss(logits, numbers_for("mse", logits, labels));
}

}  // namespace trainer
