// SPDX-License-Identifier: Apache-2.0
#include "trainer/json_lines_dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct JsonLinesTest : testing::Test {
  JsonLinesTest() {
    log::set_sink([this](log::Level, std::string_view text) { logged.emplace_back(text); });
  }
  ~JsonLinesTest() override { log::set_sink({}); }
  std::vector<Row> rows_of(const std::string& text, const std::vector<std::string>& columns = {}) {
    test::write(file, text);
    const JsonLinesDataset set(file, columns);
    const RowStream stream = set.stream(0);
    std::vector<Row> out;
    while (auto row = stream()) out.push_back(std::move(*row));
    return out;
  }
  std::string error_in(const std::string& text, const std::vector<std::string>& columns = {}) {
    return error_of([&] { rows_of(text, columns); });
  }
  test::ScratchDirectory scratch;
  std::filesystem::path file = scratch / "rows.jsonl";
  std::vector<std::string> logged;
};

TEST_F(JsonLinesTest, NumbersAndListsBecomeTensors) {
  const auto rows = rows_of(
      "\xef\xbb\xbf{\"ids\": [5, 7], \"x\": 1.5, \"label\": 1, \"on\": true, \"grid\": [[1, 2.5], [3, 4]]}\r\n"
      "\n"
      "{\"ids\": [], \"x\": 2, \"label\": 0, \"on\": false, \"grid\": [[0, 0], [0, 0]]}");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(at::equal(rows[0]["ids"], at::tensor({5, 7}, at::kLong)));
  EXPECT_TRUE(at::equal(rows[0]["x"], at::scalar_tensor(1.5f, at::kFloat)));
  EXPECT_TRUE(at::equal(rows[0]["labels"], at::scalar_tensor(1, at::kLong)));
  EXPECT_TRUE(at::equal(rows[0]["on"], at::scalar_tensor(true, at::kBool)));
  EXPECT_TRUE(at::equal(rows[0]["grid"], at::tensor({1.f, 2.5f, 3.f, 4.f}).reshape({2, 2})));
  EXPECT_TRUE(at::equal(rows[1]["ids"], at::empty({0}, at::kLong))) << "of the type of the rows before";
  EXPECT_TRUE(at::equal(rows[1]["x"], at::scalar_tensor(2.f, at::kFloat)));
}

TEST_F(JsonLinesTest, OfEmptyListsTheFirstNumberDecides) {
  const auto rows = rows_of("{\"ids\": [], \"x\": []}\n{\"ids\": [7], \"x\": []}\n{\"ids\": [], \"x\": [1.5]}\n");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(at::equal(rows[0]["ids"], at::empty({0}, at::kLong)));
  EXPECT_TRUE(at::equal(rows[1]["ids"], at::tensor({7}, at::kLong)));
  EXPECT_TRUE(at::equal(rows[1]["x"], at::empty({0}, at::kFloat)));
  EXPECT_EQ(rows_of("{\"ids\": []}\n")[0]["ids"].scalar_type(), at::kLong) << "tokens are likelier than fractions";
}

TEST_F(JsonLinesTest, OnlyWhatTheModelTakes) {
  const auto rows =
      rows_of("{\"a\": 1, \"text\": \"a dog\", \"b\": 2}\n{\"b\": 3, \"a\": 4, \"more\": null}\n", {"a", "labels"});
  EXPECT_EQ(rows[1]["a"].item<std::int64_t>(), 4);
  EXPECT_FALSE(rows[0]["text"].defined());
  EXPECT_THAT(logged, ElementsAre(HasSubstr("the model does not take text, b, so it is left out")));
  EXPECT_THAT(error_in("{\"a\": 1}\n{\"b\": 1}\n", {"a"}),
              AllOf(HasSubstr("rows.jsonl line 2 lacks \"a\": the model takes a, and the row has b;"),
                    HasSubstr("[data.invalid]")));
}

TEST_F(JsonLinesTest, AllRowsHaveTheColumnsOfTheFirst) {
  EXPECT_EQ(rows_of("{\"a\": 1, \"b\": 2}\n{\"b\": 1, \"a\": 2}\n").size(), 2u) << "in any order";
  for (const char* other : {"{\"a\": 1}", "{\"a\": 1, \"c\": 1}", "{\"a\": 1, \"b\": 1, \"c\": 1}"})
    EXPECT_THAT(error_in("{\"a\": 1, \"b\": 2}\n" + std::string(other)),
                AllOf(HasSubstr("rows.jsonl line 2 has a"), HasSubstr("expected a, b, which the first row has")));
}

TEST_F(JsonLinesTest, AMistakeIsSaidWithItsLine) {
  EXPECT_THAT(error_in("{\"a\": 1}\n{\"a\": 1 \"b\": 2}"),
              HasSubstr("rows.jsonl line 2 is not valid JSON at column 9: "));
  EXPECT_THAT(
      error_in("{\"a\": 1}\n{\"a\": 1.5}"),
      AllOf(HasSubstr("rows.jsonl line 2: \"a\" is a number (1.5), expected a whole number"), HasSubstr("as 1.0")));
  EXPECT_THAT(error_in("\n{\"a\": \"1\"}"), HasSubstr("line 2: \"a\" is a string (\"1\"), expected a number"));
  EXPECT_THAT(error_in("{\"a\": null}"), HasSubstr("expected a number, true, false, or lists"));
  EXPECT_THAT(error_in("{\"a\": {}}"), HasSubstr("\"a\" is an object ({})"));
  EXPECT_THAT(error_in("{\"a\": [[1, 2], [3]]}"), HasSubstr("is a list ([3]), expected a list of 2"));
  EXPECT_THAT(error_in("{\"a\": [[], [3]]}"), HasSubstr("expected a list of 0"));
  EXPECT_THAT(error_in("{\"a\": [1, [2]]}"), HasSubstr("expected a number, as beside it"));
  EXPECT_THAT(error_in("{\"a\": [[1], 2]}"), HasSubstr("expected a list, as beside it"));
  EXPECT_THAT(error_in("{\"a\": [true, 1]}"), HasSubstr("expected one kind"));
  EXPECT_THAT(error_in("{\"a\": 1}\n{\"a\": true}"), HasSubstr("expected numbers, as in the rows before"));
  EXPECT_THAT(error_in("{\"a\": true}\n{\"a\": 1}"), HasSubstr("expected true or false, as in the rows before"));
  EXPECT_THAT(error_in("[1, 2]\n"), HasSubstr("line 1 is a list, expected an object"));
  EXPECT_THAT(error_in("{}\n"), HasSubstr("line 1 has no columns"));
  EXPECT_THAT(error_in("{\"label\": 1, \"labels\": 1}\n"), HasSubstr("two columns of labels"));
  EXPECT_THAT(error_in("{\"a\": 1\n"),
              AllOf(HasSubstr("line 1"), HasSubstr("JSON Lines"), HasSubstr("[data.invalid]")));
  EXPECT_THAT(error_in("\x1f\x8b\x08"), HasSubstr("is compressed by gzip"));
  EXPECT_THAT(error_of([&] { JsonLinesDataset(scratch / "none.jsonl"); }), HasSubstr("[file.read-failed]"));
}

TEST_F(JsonLinesTest, AFileIsReadAnewEachEpochAndAPipeOnce) {
  test::write(file, "{\"a\": 1}\n{\"a\": 2}\n");
  const JsonLinesDataset again(file);
  EXPECT_FALSE(again.reads_once());
  const RowStream first = again.stream(0), second = again.stream(1);
  for (const RowStream* stream : {&first, &second}) EXPECT_EQ((*stream)()->rows(), 0);
  EXPECT_EQ((*first())["a"].item<std::int64_t>(), 2) << "they do not disturb each other";

  const auto pipe = scratch / "pipe.jsonl";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const JsonLinesDataset once(pipe);
  EXPECT_TRUE(once.reads_once());
  std::thread writer([&] { test::write(pipe, "{\"a\": 1}\n{\"a\": 2}"); });
  {
    const RowStream stream = once.stream(0);
    EXPECT_TRUE(stream() && stream() && !stream());
  }
  writer.join();
  EXPECT_FALSE(once.stream(1)());
  EXPECT_THAT(logged, ElementsAre(HasSubstr("is not a file, so its rows came once")));
}

}  // namespace
}  // namespace trainer
