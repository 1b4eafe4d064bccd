// SPDX-License-Identifier: Apache-2.0
//
// delivery.hpp - one journal on its way to the server. All of it runs in the sender's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shared/mlflow/api.hpp"
#include "shared/mlflow/items.hpp"
#include "shared/mlflow/journal.hpp"
#include "shared/mlflow/record.hpp"

namespace trainer::plugins::mlflow {

/// Lines for the run's log; may be called from any thread.
struct Reporter {
  std::function<void(const std::string&)> info, warning;
};

/// The server will never take the rest of this journal: it stays where it is.
class Stuck : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Delivery {
 public:
  /// `left_over`: of a program that is gone; a run that it did not end is ended as KILLED.
  Delivery(std::unique_ptr<Journal> journal, bool left_over);

  /// Sends what there is. True when the run is over and the journal gone. Throws http::Error or
  /// ApiError when a later call may do better, and Stuck. `enough` is asked between requests.
  bool deliver(Api& api, const Reporter& report, const std::function<bool()>& enough);

  Journal& journal() { return *journal_; }
  const RunHeader& header() const { return header_; }
  const std::string& run_id() const { return run_.id; }
  bool left_over() const { return left_over_; }
  bool finished() const { return finished_; }
  std::uint64_t sent() const { return sent_; }  ///< records
  bool stuck = false;

 private:
  struct Batch;
  void ensure_run(Api& api, const Reporter& report);
  bool collect(Batch& batch);
  void send(Api& api, const Reporter& report, Batch& batch);
  void send_one_by_one(Api& api, const Reporter& report, Batch& batch);
  void send_artifact(Api& api, const Reporter& report, const Record& artifact);
  void end(Api& api, std::string_view status, std::int64_t time);

  std::unique_ptr<Journal> journal_;
  RunHeader header_;
  Run run_;
  bool left_over_, created_here_ = false, creating_ = false, ended_ = false, finished_ = false;
  bool artifacts_told_ = false;
  std::int64_t last_time_ = 0;  // of a metric that was sent
  std::uint64_t sent_ = 0;
};

}  // namespace trainer::plugins::mlflow
