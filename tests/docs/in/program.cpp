// What docs/cpp.md goes on with from block to block.
#include <torch/torch.h>

#include <csignal>
#include <cstdio>
#include <trainer/builtin_callbacks.hpp>
#include <trainer/stop_signals.hpp>
#include <trainer/torch_optimizer.hpp>
#include <trainer/trainer.hpp>

void program(std::shared_ptr<trainer::Model> model, std::shared_ptr<trainer::Dataset> data,
             trainer::TrainingArguments args) {
  {  // which a block may have its own of
     // BLOCK
  }
}
