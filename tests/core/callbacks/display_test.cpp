// SPDX-License-Identifier: Apache-2.0
//
// Compared with what ProgressCallback, PrinterCallback and tqdm print.
#include <gtest/gtest.h>

#include <limits>

#include "callbacks/progress_bar.hpp"
#include "trainer/builtin_callbacks.hpp"

namespace {

using namespace trainer;

TEST(LogLine, IsPythonsDictWithQuotedFloats) {
  const json::object logs{{"loss", 0.12345678}, {"grad_norm", 12345.678}, {"learning_rate", 4.9e-5}, {"epoch", 0.125},
                          {"step", 3},          {"total_flos", 0.0},      {"note", "it's"},          {"ok", true},
                          {"none", nullptr}};
  EXPECT_EQ(log_line(logs, true),
            "{'loss': '0.1235', 'grad_norm': '1.235e+04', 'learning_rate': '4.9e-05', 'epoch': "
            "'0.125', 'step': 3, "
            "'note': \"it's\", 'ok': True, 'none': None}");
}

TEST(LogLine, LongStringsAreCut) {
  const json::object logs{{"text", boost::json::string(std::string(101, 'x'))}};
  EXPECT_EQ(log_line(logs, true).find("xxx"), std::string::npos);
  EXPECT_NE(log_line(logs, false).find("xxx"), std::string::npos);
}

TEST(LogLine, NonFiniteNumbers) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(log_line({{"a", infinity}, {"b", -infinity}, {"c", 1.0}}, false), "{'a': 'inf', 'b': '-inf', 'c': '1'}");
}

TEST(ProgressBar, LooksLikeTqdm) {
  EXPECT_EQ(ProgressBar::text(1, 3, 0.01, 50), " 33%|████▎        | 1/3 [00:00<00:00, 100.00it/s]");
  EXPECT_EQ(ProgressBar::text(0, 24, 0, 40), "  0%|           | 0/24 [00:00<?, ?it/s]");
  EXPECT_EQ(ProgressBar::text(2, 4, 8000, 60), " 50%|█████████         | 2/4 [2:13:20<2:13:20, 4000.00s/it]");
}

}  // namespace
