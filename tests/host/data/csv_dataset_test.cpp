// SPDX-License-Identifier: Apache-2.0
#include "trainer/csv_dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;
using Missing = CsvOptions::Missing;

struct CsvDatasetTest : testing::Test {
  CsvDatasetTest() {
    log::set_sink([this](log::Level level, std::string_view text) {
      if (level == log::Level::warning) warnings.emplace_back(text);
    });
  }
  ~CsvDatasetTest() override { log::set_sink({}); }
  CsvDataset read(std::string_view text, const CsvOptions& options = {.target = "y"},
                  const std::optional<CsvColumns>& columns = {}) {
    std::ofstream(file, std::ios::binary) << text;
    return CsvDataset(file, options, columns);
  }
  std::string error_of(std::string_view text, const CsvOptions& options = {.target = "y"},
                       const std::optional<CsvColumns>& columns = {}) {
    try {
      read(text, options, columns);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
      return e.sentence();
    }
    return "";
  }
  static std::vector<float> features(const CsvDataset& data) {
    const auto& flat = data.columns()["features"];
    return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
  }
  static std::vector<std::int64_t> labels(const CsvDataset& data) {
    const auto& tensor = data.columns()["labels"];
    if (!tensor.defined()) return {};
    return {tensor.data_ptr<std::int64_t>(), tensor.data_ptr<std::int64_t>() + tensor.numel()};
  }
  test::ScratchDirectory scratch;
  const fs::path dir = scratch.path();
  fs::path file = dir / "some.csv";
  std::vector<std::string> warnings;
};

const CsvOptions numbers{.target = "y", .labels = Labels::regression};

TEST_F(CsvDatasetTest, OtherFilesAreReadByName) {
  const auto train = read("a,b,y\n1,2,0\n3,4,1\n");
  const auto other = read("extra,y,b,a\nx,1,20,10\n", {.target = "y"}, train.schema());
  EXPECT_THAT(features(other), ElementsAre(10, 20));
  EXPECT_THAT(labels(other), ElementsAre(1));
  EXPECT_THAT(error_of("a,c,y\n1,2,0\n", {.target = "y"}, train.schema()),
              HasSubstr("line 1 has no column \"b\", which the model was trained with"));
  EXPECT_THAT(error_of("1,2,0\n3,4,1\n", {.target = "y", .labels_optional = true}, train.schema()),
              HasSubstr("it looks like data"));
  EXPECT_THAT(error_of("a,b,a,y\n1,2,3,0\n", {.target = "y"}, train.schema()),
              HasSubstr("names the column \"a\" twice, as number 1 and 3"));
  EXPECT_THAT(error_of("a,b,y\n1,2,0\n", {.target = "a"}, train.schema()), HasSubstr("is a feature of the model"));
}

TEST_F(CsvDatasetTest, AColumnWithTwoRolesIsRefused) {
  for (const CsvOptions& options :
       {CsvOptions{.target = "y", .id = "y"}, {.targets = {"y", "x"}, .labels = Labels::regression, .id = "x"}})
    EXPECT_THAT(error_of("a,x,y\n1,2,0\n", options), HasSubstr("is data.target and data.id; name another column"));
  EXPECT_THAT(error_of("a,y\n1,2\n", {.targets = {"y", "y"}, .labels = Labels::regression}),
              HasSubstr("data.target names the column \"y\" twice; name each target once"));
}

TEST_F(CsvDatasetTest, OneClassIsNothingToLearn) {
  EXPECT_THAT(error_of("a,y\n1,cat\n2,cat\n", {.target = "y", .classes = 2}),
              HasSubstr("the file has 1 (cat); correct the label, or add rows of other classes"));
}

TEST_F(CsvDatasetTest, AFileWithoutALineOfNamesIsRefused) {
  for (const char* text : {"0,7,7,9\n1,3,4,5\n", "0,7,8,9\n1,3,4,5\n", "0,,8,9\n1,3,4,5\n"})
    EXPECT_THAT(error_of(text, {.target = "0"}), HasSubstr("line 1 looks like data"));
  EXPECT_THAT(error_of("5.1,3.5,setosa\n4.9,3.0,setosa\n", {.target = "setosa"}), HasSubstr("looks like data"));
  EXPECT_THAT(error_of("a,b,a,y\n1,2,3,0\n"), HasSubstr("names the column \"a\" twice"));
  EXPECT_THAT(error_of(",a,y\n0,1,0\n"), HasSubstr("has no name for column 1, as pandas writes its index"));
  EXPECT_THAT(read("0,1,y\n5,6,0\n").schema().features, ElementsAre("0", "1")) << "pandas' names of columns";
  EXPECT_THAT(read(",a,y\n0,1,0\n", {.target = "y", .drop = {""}}).schema().features, ElementsAre("a"));
}

TEST_F(CsvDatasetTest, DroppedColumnsMayHoldAnything) {
  const auto data = read("id,a,y\nx-1,2,0\n", {.target = "y", .features = 1, .drop = {"id"}});
  EXPECT_THAT(features(data), ElementsAre(2));
  EXPECT_THAT(error_of("id,a,y\n1,2,0\n", {.target = "y", .drop = {"ids"}}), HasSubstr("did you mean \"id\"?"));
  EXPECT_THAT(error_of("id,a,y\n1,2,0\n", {.target = "y", .drop = {"y"}}), HasSubstr("the target"));
}

TEST_F(CsvDatasetTest, MissingCells) {
  for (const char* cell : {"", "nan", "-NaN", "NA", "null", "inf", "-Infinity", "1e999"})
    EXPECT_THAT(error_of(std::string("a,b,y\n1,2,0\n3,") + cell + ",0\n"),
                HasSubstr(std::string("line 3, column \"b\" is \"") + cell + "\", expected a number"));
  const auto zero = read("a,y\nNA,0\n3,0\n", {.target = "y", .missing = Missing::number, .missing_number = -1});
  EXPECT_THAT(features(zero), ElementsAre(-1, 3));
  const CsvOptions mean{.target = "y", .missing = Missing::mean};
  const auto train = read("a,b,y\n1,,0\n,5,0\n3,7,0\n", mean);
  EXPECT_THAT(features(train), ElementsAre(1, 6, 2, 5, 3, 7));
  EXPECT_THAT(features(read("b,a\n,9\n4,nan\n", {.target = "y", .labels_optional = true}, train.schema())),
              ElementsAre(9, 6, 2, 4))
      << "the means of the training file";
  EXPECT_THAT(error_of("a,y\n,0\n", mean), HasSubstr("has no value in column \"a\""));
  EXPECT_THAT(error_of("a,y\n,0\n", mean, read("a,y\n1,0\n").schema()), HasSubstr("it keeps no means"));
  EXPECT_THAT(error_of("a,y\n1e39,0\n", mean), HasSubstr("fits into 32 bits"));
}

TEST_F(CsvDatasetTest, SeparatorsAndDecimals) {
  for (const char* text : {"a;b;y\n1;2;0\n", "a\tb\ty\n1\t2\t0\n", "a|b|y\n1|2|0\n", "a, b ,y\n 1,2 ,0"})
    EXPECT_THAT(features(read(text)), ElementsAre(1, 2)) << text;
  EXPECT_THAT(features(read("a b y\n1 2 0\n", {.target = "y", .separator = ' '})), ElementsAre(1, 2));
  EXPECT_THAT(features(read("sep=;\r\na;b, c;y\r\n1;2;0\r\n")), ElementsAre(1, 2)) << "as Excel names it";
  EXPECT_THAT(error_of("sep=;\na;b;y\n1;x;0\n"), HasSubstr("line 3, column \"b\""));
  EXPECT_THAT(error_of("a b y\n1 2 0\n"), HasSubstr("it is one column, \"a b y\", unless data.separator"));
  EXPECT_THAT(error_of("a;b;y\n1,5;2;0\n"), HasSubstr("is \"1,5\", expected a number with a decimal point; set data"));
  EXPECT_THAT(features(read("a;b;y\n1,5;2;0\n", {.target = "y", .decimal = ','})), ElementsAre(1.5, 2));
  EXPECT_THAT(error_of("a;y\n1.500;0\n", {.target = "y", .decimal = ','}), HasSubstr("with a decimal comma"));
  const auto comma = read("a;y\n1;1,5\n", {.target = "y", .labels = Labels::regression, .decimal = ','});
  EXPECT_EQ(comma.columns()["labels"].item<float>(), 1.5f);
}

TEST_F(CsvDatasetTest, TextsAsProgramsWriteThem) {
  for (const char* text : {"\xef\xbb\xbf\"a\",\"b, c\",y\r\n\r\n1,\"2\",0\r\n   \r\n", "a,\"b, c\",y\r1,2,0\r",
                           "\n\na,\"b, c\",y\n1,2,\"0\"", "a,\"b, c\",y\n+1,2.0e0,0\n"}) {
    const auto data = read(text);
    EXPECT_THAT(data.schema().features, ElementsAre("a", "b, c")) << text;
    EXPECT_THAT(features(data), ElementsAre(1, 2)) << text;
  }
  const auto quoted =
      read("a,\"two\nlines\",\"say \"\"y\"\"\"\n1,2,0\n\n3,x,0\n", {.target = "say \"y\"", .drop = {"two\nlines"}});
  EXPECT_EQ(quoted.size(), 2);
  EXPECT_THAT(error_of("a,\"two\nlines\",y\n1,2,0\n\n3,x,0\n"), HasSubstr("line 5, column"));
  EXPECT_THAT(error_of("a,y\n1,\"0\n2,0\n"), HasSubstr("line 2 opens a quote that is never closed"));
  EXPECT_THAT(error_of("a,y\n1,0\n2\n"), HasSubstr("line 3 has 1 cells, but the header names 2 columns"));
  EXPECT_THAT(error_of("a,y\n" + std::string(100000, 'x') + ",0\n").size(), testing::Lt(400u));
}

TEST_F(CsvDatasetTest, OtherKindsOfFilesAreNamed) {
  using namespace std::string_view_literals;
  EXPECT_THAT(error_of("\x93NUMPY\x01\0v\0"sv), HasSubstr("is an array of NumPy"));
  EXPECT_THAT(error_of("\x1f\x8b\x08\0"sv), HasSubstr("is compressed by gzip"));
  EXPECT_THAT(error_of("PAR1\x15\x04"sv), HasSubstr("is a Parquet file"));
  EXPECT_THAT(error_of("PK\x03\x04\x14"sv), HasSubstr("is a zip archive"));
  EXPECT_THAT(error_of("\xff\xfe"
                       "a\0,\0"sv),
              HasSubstr("is text in UTF-16, expected CSV"));
  EXPECT_THAT(error_of("a\0,\0y\0\n\0"sv), HasSubstr("is text in UTF-16"));
  EXPECT_THAT(error_of("{\"a\": 1}"), HasSubstr("is JSON"));
  EXPECT_THAT(error_of("a,y\n1,\0\n"sv), HasSubstr("is binary"));
  EXPECT_THAT(error_of("m\xfcller,y\n1,0\n"), HasSubstr("not UTF-8"));
}

TEST_F(CsvDatasetTest, ClassesOfAnyKind) {
  const CsvOptions three{.target = "y", .classes = 3};
  const auto text_of = [&](const CsvOptions& options, const std::string& cells) {
    std::string text = "a,y\n";
    for (std::size_t at = 0; at < cells.size();) {
      const auto end = std::min(cells.find(' ', at), cells.size());
      text += "1," + cells.substr(at, end - at) + "\n";
      at = end + 1;
    }
    const auto data = read(text, options);
    return json::dump(data.schema().classes.to_json()) + " " + testing::PrintToString(labels(data));
  };
  EXPECT_EQ(text_of(three, "2 0 -100.0 2"), "3 { 2, 0, -100, 2 }") << "as they stand, also when one does not occur";
  EXPECT_EQ(text_of(three, "2.0 0.0 1.0"), "3 { 2, 0, 1 }");
  EXPECT_EQ(text_of(three, "1 3 2"), "[1, 2, 3] { 0, 2, 1 }");
  EXPECT_EQ(text_of(three, "10 9 -1.5"), "[-1.5, 9, 10] { 2, 1, 0 }") << "by size, not by text";
  EXPECT_EQ(text_of(three, "b -100 a 10"), "[\"10\", \"a\", \"b\"] { 2, -100, 1, 0 }");
  EXPECT_EQ(text_of({.target = "y", .classes = 2}, "True False True"), "[\"False\", \"True\"] { 1, 0, 1 }");
  EXPECT_EQ(text_of({.target = "y", .classes = 2}, "1 -1 +1.0"), "[-1, 1] { 1, 0, 1 }");
  EXPECT_EQ(text_of({.target = "y"}, "0 4"), "5 { 0, 4 }") << "a model as wide as the labels say";
  EXPECT_EQ(text_of({.target = "y"}, "1 3 2"), "[1, 2, 3] { 0, 2, 1 }");
  EXPECT_THAT(error_of("a,y\n1,0\n1,17\n", three),
              HasSubstr("line 3, column \"y\" is \"17\", expected a class from 0 to 2, or any 3 classes"));
  for (const char* cell : {"", "nan", "NA"})
    EXPECT_THAT(error_of(std::string("a,y\n1,0\n1,") + cell + "\n", three), HasSubstr("line 3, column \"y\" is"));
}

TEST_F(CsvDatasetTest, OtherFilesHaveTheClassesOfTheTraining) {
  const auto train = read("a,y\n1,setosa\n2,virginica\n3,versicolor\n", {.target = "y", .classes = 3});
  EXPECT_THAT(labels(read("a,y\n1,virginica\n", {.target = "y", .classes = 3}, train.schema())), ElementsAre(2));
  EXPECT_THAT(error_of("a,y\n1,setosa\n\n2,rosa\n", {.target = "y"}, train.schema()),
              HasSubstr("line 4, column \"y\" is \"rosa\", expected one of the 3 classes of the model (setosa, "
                        "versicolor, virginica)"));
  const auto digits = read("a,y\n1,1\n2,2\n", {.target = "y"});
  EXPECT_THAT(labels(read("a,y\n1,2.0\n", {.target = "y"}, digits.schema())), ElementsAre(1));
}

TEST_F(CsvDatasetTest, LabelsMayBeMissingWhereTheyAreNotNeeded) {
  const auto train = read("a,y\n1,u\n2,v\n", {.target = "y"});
  const CsvOptions optional{.target = "y", .labels_optional = true};
  EXPECT_THAT(labels(read("a,y\n1,v\n", optional, train.schema())), ElementsAre(1));
  EXPECT_TRUE(warnings.empty());
  EXPECT_TRUE(labels(read("a\n1\n", optional, train.schema())).empty());
  EXPECT_TRUE(warnings.empty());
  EXPECT_TRUE(labels(read("a,y\n1,v\n2,w\n", optional, train.schema())).empty());
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("line 3, column \"y\" is \"w\"")));
  EXPECT_THAT(error_of("a\n1\n", {.target = "y"}, train.schema()), HasSubstr("no column \"y\""));
}

TEST_F(CsvDatasetTest, ALabelOfARegressionThatIsNotFiniteIsTold) {
  const auto data = read("a,y\n1,0.5\n2,nan\n3,inf\n", numbers);
  EXPECT_EQ(data.columns()["labels"].sizes(), (at::IntArrayRef{3, 1}));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("line 3, column \"y\" is \"nan\", which is not finite, and so are 1")));
  EXPECT_THAT(error_of("a,y\n1,\n", numbers), HasSubstr("line 2, column \"y\" is \"\", expected a number"));
}

TEST_F(CsvDatasetTest, SeveralTargetsAreNumbers) {
  const CsvOptions two{.targets = {"y", "x"}, .labels = Labels::regression};
  const auto data = read("x,a,y\n1,2,3\n4,5,6\n", two);
  EXPECT_TRUE(at::equal(data.columns()["labels"], at::tensor({3.0f, 1.0f, 6.0f, 4.0f}).view({2, 2})));
  EXPECT_THAT(data.schema().features, ElementsAre("a"));
  EXPECT_THAT(error_of("a,y\n1,2\n", two), HasSubstr("has no column \"x\", which data.target names"));
  EXPECT_THAT(error_of("x,a,y\n,2,3\n", two), HasSubstr("line 2, column \"x\" is \"\", expected a number"));
  EXPECT_THAT(error_of("x,a,y\n1,2,3\n", {.targets = {"a", "y"}, .labels = Labels::regression}, data.schema()),
              HasSubstr("data.target is \"a\", but that column is a feature"));
  const CsvOptions optional{.targets = {"y", "x"}, .labels = Labels::regression, .labels_optional = true};
  EXPECT_FALSE(read("a,y\n1,2\n", optional, data.schema()).columns()["labels"].defined());
  read("x,a,y\n1,2,nan\n", two);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("column \"y\" is \"nan\", which is not finite")));
}

TEST_F(CsvDatasetTest, RowsMayHaveNames) {
  const CsvOptions named{.target = "y", .id = "name"};
  const auto train = read("a,name,y\n1,\"p, q\",0\n2,7,1\n", named);
  EXPECT_THAT(train.ids(), ElementsAre("p, q", "7"));
  EXPECT_THAT(train.schema().features, ElementsAre("a"));
  EXPECT_TRUE(read("a,y\n1,0\n", named, train.schema()).ids().empty());
  EXPECT_THAT(error_of("a,y\n1,0\n", {.target = "y", .id = "a"}, train.schema()),
              HasSubstr("data.id is \"a\", but that column is a feature"));
}

TEST_F(CsvDatasetTest, AnIgnoredLabelIsTheLossesOwn) {
  const CsvOptions options{.target = "y", .classes = 3, .ignore_index = 255};
  EXPECT_THAT(labels(read("a,y\n1,255\n2,2\n3,0\n", options)), ElementsAre(255, 2, 0));
  EXPECT_THAT(error_of("a,y\n1,-100\n", options), HasSubstr("is \"-100\", expected a class from 0 to 2"));
}

TEST_F(CsvDatasetTest, AModelKeepsItsColumns) {
  CsvColumns columns{.features = {"a", "b"}, .missing = {0.1, 1e300}, .classes = ClassNames::sorted({"2", "0.5", "9"})};
  std::ofstream(dir / "training_args.json") << json::dump(json::object{{"data", columns.to_json()}});
  const auto kept = CsvColumns::of_checkpoint(dir);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->features, columns.features);
  EXPECT_EQ(kept->missing, columns.missing);
  EXPECT_EQ(kept->classes, columns.classes);
  std::ofstream(dir / "training_args.json") << "{\"learning_rate\": 1.0}";
  EXPECT_FALSE(CsvColumns::of_checkpoint(dir));
  fs::remove(dir / "training_args.json");
  EXPECT_FALSE(CsvColumns::of_checkpoint(dir));
  for (const char* data : {"3", "{\"features\": 1}", "{\"features\": [1]}", "{\"features\": [], \"missing\": [1]}",
                           "{\"features\": [], \"classes\": -1}", "{\"features\": [], \"classes\": [\"a\", \"a\"]}",
                           "{\"features\": [], \"classes\": [1, \"a\"]}"}) {
    std::ofstream(dir / "training_args.json") << "{\"data\": " << data << "}";
    EXPECT_THROW(CsvColumns::of_checkpoint(dir), Error) << data;
  }
}

}  // namespace
