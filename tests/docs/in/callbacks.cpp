// The names that docs/callbacks.md does not explain.
#include <torch/torch.h>

#include <trainer/trainer.hpp>

struct AnotherOne : trainer::TrainerCallback {};
struct YetAnother : trainer::TrainerCallback {};
bool midnight();

void program(decltype(trainer::TrainerOptions::model) model, trainer::TrainingArguments args,
             std::shared_ptr<trainer::Dataset> data) {
  // BLOCK
}
