// SPDX-License-Identifier: Apache-2.0
#include "ranks/exchange.hpp"

#include <utility>
#include <vector>

namespace trainer {

Exchange::Exchange(GroupEngine& engine, at::Tensor own, at::Tensor other, int tag) {
  const int peer = 1 - engine.gloo->getRank();
  std::vector<at::Tensor> in{std::move(other)}, out{std::move(own)};
  received_ = engine.gloo->recv(in, peer, tag);
  sent_ = engine.gloo->send(out, peer, tag);
}

void Exchange::wait() {
  received_->wait();
  sent_->wait();
}

}  // namespace trainer
