// SPDX-License-Identifier: Apache-2.0
//
// The one header that a program needs brings all that it names here.
#include <trainer/trainer.hpp>

int status_of(trainer::TrainerOptions options) {
  try {
    trainer::Trainer(std::move(options)).train();
    return 0;
  } catch (const trainer::Error& e) {
    return e.kind() == trainer::ErrorKind::usage ? 2 : 1;
  }
}
