// SPDX-License-Identifier: Apache-2.0
#include "formats/npy_header.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace trainer::npy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string floats(24, '\1');

std::string file_of(const std::string& dict, const std::string& data = floats, int major = 1) {
  std::string out = std::string("\x93NUMPY") + static_cast<char>(major) + '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) out += static_cast<char>(dict.size() >> 8 * i & 255);
  return out + dict + data;
}

std::string dict(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }     \n";
}

Header read(const std::string& file) { return read_header(file, file.size(), "x.npy"); }

std::string error_in(const std::string& file) {
  return test::error_of([&] { read(file); });
}

TEST(NpyHeader, OfEachFormat) {
  for (const int major : {1, 2, 3}) {
    const std::string file = file_of(dict("<f4", "(2, 3)"), floats, major);
    const Header header = read(file);
    EXPECT_STREQ(types[header.type].name, "float32");
    EXPECT_EQ(header.shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(header.begin, file.size() - floats.size());
  }
  EXPECT_EQ(read(file_of(dict("=f8", "(3,)"))).shape, (std::vector<std::int64_t>{3}));
  EXPECT_TRUE(read(file_of(dict("<f8", "()"), "12345678")).shape.empty());
  EXPECT_EQ(read(file_of(R"({"shape":(2L,3L),"fortran_order":False,"descr":"|u1"})", "123456")).shape.size(), 2u);
  EXPECT_STREQ(types[read(file_of(dict(">i1", "(24,)"))).type].name, "int8");
  EXPECT_EQ(read(file_of(dict("<f4", "(6, 1)", "True"))).shape.size(), 2u) << "one order alone";
}

TEST(NpyHeader, WhatCannotBeReadIsSaidWithWhatToDo) {
  EXPECT_THAT(error_in(file_of(dict(">f4", "(2, 3)"))),
              AllOf(HasSubstr("'>f4' (big endian), expected one of bool,"), HasSubstr("astype(\"float32\")")));
  EXPECT_THAT(error_in(file_of(dict("<u4", "(2, 3)"))), HasSubstr("astype(\"int64\")"));
  EXPECT_THAT(error_in(file_of(dict("|O", "(2, 3)"))), HasSubstr("(objects of Python)"));
  EXPECT_THAT(error_in(file_of(dict("<U3", "(2,)"))), HasSubstr("(texts), expected"));
  EXPECT_THAT(error_in(file_of(dict("", "(2,)"))), HasSubstr("the type ''"));
  EXPECT_THAT(error_in(file_of("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}")),
              HasSubstr("an array of records"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 3)", "True"))), HasSubstr("numpy.ascontiguousarray"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 3)"), floats, 4)), HasSubstr("of the format 4.0"));
  EXPECT_THAT(error_in("PK\3\4 an .npz"), HasSubstr("write it with numpy.save()"));
}

TEST(NpyHeader, RefusesDamagedFiles) {
  const auto damaged = [](const std::string& what) {
    return AllOf(HasSubstr("x.npy: "), HasSubstr(what), HasSubstr("use another copy or write it again [data.invalid]"));
  };
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 4)"))), damaged("found 24 bytes of numbers, expected 32"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 2)"))), damaged("found 24 bytes of numbers, expected 16"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(0, 4294967296, 4294967296)"), "")), damaged("too large"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(-1, 3)"))), damaged("expected a number of the shape"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(99999999999999999999,)"))), damaged("a number of the shape"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2 3)"))), damaged("expected ',' or ')'"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 3", "False"))), damaged("found '} "));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 3)", "None"))), damaged("expected True or False"));
  EXPECT_THAT(error_in(file_of(dict("<f4", "(2, 3)") + "x")), damaged("found 'x' in the header, expected its end"));
  EXPECT_THAT(error_in(file_of("{'descr': '<f4', 'descr': '<f4'}")), damaged("once each"));
  EXPECT_THAT(error_in(file_of("{'shape': (2, 3)}")), damaged("expected 'descr', 'fortran_order' and 'shape'"));
  EXPECT_THAT(error_in(file_of(std::string("{'descr': '<f4"))), damaged("a text in quotes"));
  std::string dimensions = "(";
  for (int i = 0; i < 65; ++i) dimensions += "1,";
  EXPECT_THAT(error_in(file_of(dict("<f4", dimensions + ")"))), damaged("at most 64 dimensions"));
  const std::string whole = file_of(dict("<f4", "(2, 3)"), floats, 2);
  for (std::size_t size = 6; size < whole.size(); ++size)
    EXPECT_THAT(error_in(whole.substr(0, size)), damaged("found "));
}

}  // namespace
}  // namespace trainer::npy
