// SPDX-License-Identifier: Apache-2.0
//
// Ends a training when its time is up, whatever it is doing then: a thread of the plugin's own asks for it.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <trainer/sdk.hpp>

class TimeLimit : public trainer::sdk::TrainerCallback {
 public:
  explicit TimeLimit(const trainer::sdk::Host& host) : host_(host) {}
  ~TimeLimit() override { end(); }

 private:
  void on_train_begin(const Arguments&, const State&, Control&) override {
    end();
    over_ = false;
    clock_ = std::thread([this, limit = std::chrono::duration<double>(host_.config("seconds").number())] {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, limit, [this] { return over_; })) return;
      host_.info("the time is up");  // this and the next may be called on any thread
      host_.request_stop();
    });
  }
  void on_train_end(const Arguments&, const State&, Control&) override { end(); }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    if (clock_.joinable()) clock_.join();
  }

  trainer::sdk::Host host_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread clock_;
};

// clang-format off
TRAINER_PLUGIN(TimeLimit, {
  "id": "time_limit",
  "version": "1.0.0",
  "description": "Ends a training when its time is up.",
  "config": {"seconds": {"type": "number", "default": 3600, "minimum": 0, "description": "how long it may take"}}
})
// clang-format on
