// The names that docs/callbacks.md does not explain.
#include <torch/torch.h>

#include <trainer/builtin_callbacks.hpp>
#include <trainer/trainer.hpp>

struct AnotherOne : trainer::TrainerCallback {
  explicit AnotherOne(int) {}
};
struct YetAnother : trainer::TrainerCallback {};

void program(decltype(trainer::TrainerOptions::model) model, trainer::TrainingArguments args,
             std::shared_ptr<trainer::Dataset> data) {
  // BLOCK
}
