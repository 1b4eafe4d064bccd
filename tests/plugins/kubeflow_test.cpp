// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "plugins/kubeflow/status.hpp"

namespace trainer::kubeflow {
namespace {

TEST(Status, IsTheCallbacksBody) {
  Metrics metrics;
  metrics.set("loss", sdk::Value(3.25));
  metrics.set("text", sdk::Value("no number"));
  metrics.set("loss", sdk::Value(1e-05));
  metrics.set("flag", sdk::Value(true));
  metrics.set("n", sdk::Value(7));
  std::string list;
  metrics.write(list);
  EXPECT_EQ(status_body({120, -3}, "T", list),
            R"({"trainerStatus": {"lastUpdatedTime": "T", "progressPercentage": 100, )"
            R"("estimatedRemainingSeconds": 0, "metrics": [{"name": "loss", "value": "1e-05"}, )"
            R"({"name": "flag", "value": "True"}, {"name": "n", "value": "7"}]}})");
  EXPECT_EQ(status_body({}, "T", ""), R"({"trainerStatus": {"lastUpdatedTime": "T"}})");
}

TEST(Status, RoundsTheEpochAsPythonDoes) {
  EXPECT_EQ(rounded_epoch(1.75), "1.75");
  EXPECT_EQ(rounded_epoch(2.675), "2.67");  // the double is below
  EXPECT_EQ(rounded_epoch(0.125), "0.12");
  EXPECT_EQ(rounded_epoch(3), "3.0");
}

}  // namespace
}  // namespace trainer::kubeflow
