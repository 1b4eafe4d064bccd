// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_file.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "python_text.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using testing::HasSubstr;

const std::filesystem::path data = TRAINER_SOURCE_DIR "/tests/host/recorded";

TEST(TorchFile, RewritingTorchsFilesKeepsTheirValues) {
  const test::ScratchDirectory scratch;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().extension() != ".pt") continue;
    SCOPED_TRACE(entry.path());
    const c10::IValue value = read_torch_file(entry.path());
    EXPECT_TRUE(value.isGenericDict());
    write_torch_file(scratch / "again.pt", value);
    EXPECT_EQ(test::python_text(read_torch_file(scratch / "again.pt")), test::python_text(value));
    ++count;
  }
  EXPECT_GE(count, 20);
}

// torch.load(weights_only=True) refuses marks of container types and every class but tensors'.
TEST(TorchFile, HasNoTypeMarks) {
  const test::ScratchDirectory scratch;
  write_torch_file(scratch / "a.pt", read_torch_file(data / "adamw_torch_fused_0.pt"));
  const std::string bytes = test::contents(scratch / "a.pt");
  EXPECT_THAT(bytes, HasSubstr("_rebuild_tensor_v2"));
  EXPECT_THAT(bytes, testing::Not(HasSubstr("torch.jit._pickle")));
  EXPECT_THAT(bytes, testing::Not(HasSubstr("restore_type_tag")));
}

std::string error_of(const std::string& bytes) {
  const test::ScratchDirectory scratch;
  test::write(scratch / "optimizer.pt", bytes);
  try {
    read_torch_file(scratch / "optimizer.pt");
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

TEST(TorchFile, RefusesDamagedFiles) {
  EXPECT_THAT(error_of(""), HasSubstr("optimizer.pt: cannot read the file"));
  EXPECT_THAT(error_of("not an archive"), HasSubstr("optimizer.pt: cannot read the file"));
  const std::string whole = test::contents(data / "linear_1.pt");
  for (std::size_t size = 0; size < whole.size(); size += 23) {
    ASSERT_THAT(error_of(whole.substr(0, size)), HasSubstr("optimizer.pt")) << size;
  }
  // A damaged byte is found by the archive's checksums, or was not part of any value.
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string damaged = whole;
    damaged[at] ^= 0x55;
    error_of(damaged);
  }
}

// {"a": the numbers from 0 to 4999}
void write_range(const std::filesystem::path& path) {
  c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
  dict.insert("a", at::arange(5000, at::kFloat));
  write_torch_file(path, dict);
}

// Python's torch.load refuses it too.
TEST(TorchFile, RefusesATensorThatIsLargerThanItsData) {
  const test::ScratchDirectory scratch;
  write_range(scratch / "a.pt");
  std::string bytes = test::contents(scratch / "a.pt");
  const std::string small = "M\x88\x13", large = "M\xff\xff";  // BININT2 5000, BININT2 65535
  std::size_t found = 0;
  for (std::size_t at = bytes.find(small); at != std::string::npos; at = bytes.find(small, at), ++found)
    bytes.replace(at, small.size(), large);
  ASSERT_EQ(found, 2u);  // the storage's elements and the tensor's
  EXPECT_THAT(error_of(bytes), HasSubstr("a tensor of 262140 bytes has 20000 bytes of data"));
}

// A zip archive of stored members, without checksums.
std::string archive_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out, directory;
  const auto little = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
    return text;
  };
  for (const auto& [name, bytes] : members) {
    const std::string sizes = little(bytes.size(), 4) + little(bytes.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory += "PK\1\2" + std::string(16 - 4, '\0') + little(0, 4) + sizes + std::string(10, '\0') +
                 little(out.size(), 4) + name;
    out += "PK\3\4" + std::string(10, '\0') + little(0, 4) + sizes + name + bytes;
  }
  return out + directory + "PK\5\6" + std::string(4, '\0') + little(members.size(), 2) + little(members.size(), 2) +
         little(directory.size(), 4) + little(out.size(), 4) + little(0, 2);
}

std::string pickle_error(const std::string& pickle) {
  return error_of(archive_of({{"a/data.pkl", "\x80\2" + pickle}, {"a/data/0", std::string(64, '\0')}}));
}

std::string repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

// A tensor of the record 0, whose storage is said to have 16 floats.
std::string tensor_pickle(const std::string& offset, const std::string& sizes, const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\x10tQ" + offset + sizes +
         strides + "\x89}tR.";
}

TEST(TorchFile, APickleAsksForNoMoreThanItIs) {
  using namespace std::string_literals;
  EXPECT_EQ(pickle_error("}U\1aK\1s."), "no error");
  EXPECT_EQ(pickle_error(tensor_pickle("K\0"s, "(K\4K\4t", "(K\4K\1t")), "no error");
  EXPECT_EQ(pickle_error(repeat("]", 60) + repeat("a", 59) + "."), "no error");
  for (const int depth : {70, 100'000}) {
    EXPECT_THAT(pickle_error(repeat("]", depth) + repeat("a", depth - 1) + "."), HasSubstr("nests more than 64"));
    EXPECT_THAT(pickle_error(")" + repeat("\x85", depth) + "."), HasSubstr("nests more than 64"));
    EXPECT_THAT(pickle_error("}" + repeat("U\1a}", depth) + repeat("s", depth) + "."), HasSubstr("nests more than 64"));
  }
  EXPECT_THAT(pickle_error("]q\0h\0a."s), HasSubstr("within itself"));
  EXPECT_THAT(pickle_error("]q\0]q\1h\0ah\0h\1a."s), HasSubstr("changes a container that is in another"));
  EXPECT_THAT(pickle_error("]q\0"s + repeat("h\0h\0\x86q\0"s, 60) + "."), HasSubstr("repeats its containers"));
  EXPECT_THAT(pickle_error("Nr\xff\xff\xff\xff."), HasSubstr("is not valid"));
  EXPECT_THAT(pickle_error("X\xff\xff\xff\xff."), HasSubstr("cut short"));
  EXPECT_THAT(pickle_error("cos\nsystem\n(U\1atR."), HasSubstr("'os system'"));
  EXPECT_THAT(pickle_error("ccollections\nOrderedDict\n."), HasSubstr("as a value"));
  for (const char* end : {"", "N", "(.", "a.", "t.", "s.", "R.", "Q.", "h\1.", "b."})
    EXPECT_NE(pickle_error(end), "no error") << end;
  EXPECT_THAT(pickle_error(tensor_pickle("K\1"s, "(K\4K\4t", "(K\4K\1t")), HasSubstr("reaches beyond"));
  EXPECT_THAT(pickle_error(tensor_pickle("K\0"s, "(J\xff\xff\xff\x3ft", "(K\0t"s)), HasSubstr("reaches beyond"));
  EXPECT_THAT(pickle_error(tensor_pickle("K\0"s, "(J\xff\xff\xff\xfft", "(K\1t")), HasSubstr("is not valid"));
}

TEST(TorchFile, AnArchiveIsNoLargerThanItsFileSays) {
  const std::string pickle = "\x80\2}.";
  const std::string whole = archive_of({{"a/data.pkl", pickle}});
  EXPECT_EQ(error_of(whole), "no error");
  const auto with = [&](std::size_t at, const std::string& bytes) {
    std::string changed = whole;
    return changed.replace(at, bytes.size(), bytes);
  };
  const std::size_t directory = whole.find("PK\1\2"), end = whole.find("PK\5\6");
  EXPECT_THAT(error_of(with(directory + 24, "\xff\xff\xff\x7f")), HasSubstr("two sizes"));
  EXPECT_THAT(error_of(with(directory + 20, "\xff\xff\xff\x7f\xff\xff\xff\x7f")), HasSubstr("beyond the file's end"));
  EXPECT_THAT(error_of(with(directory + 42, "\xff\xff\xff\x7f")), HasSubstr("cut short"));
  EXPECT_THAT(error_of(with(end + 10, "\xff\xff")), HasSubstr("its directory is cut short"));
  // Deflated: what it unpacks to is no more than a multiple of the file.
  EXPECT_THAT(error_of(with(directory + 10, "\x08")), HasSubstr("a compressed part"));
  std::string bomb = with(directory + 24, "\xff\xff\xff\x7f");
  bomb[directory + 10] = 8;
  EXPECT_THAT(error_of(bomb), HasSubstr("unpacks to more than 64 times"));
}

TEST(TorchFile, ChecksumsOfTheArchiveAreCompared) {
  const test::ScratchDirectory scratch;
  const std::string whole = test::contents(data / "adamw_torch_fused_0.pt");
  for (const char* name : {"adamw_torch_fused_0.pt", "adamw_compressed.pt", "adamw_unaligned.pt"})
    check_torch_file(data / name);
  std::string changed = whole;
  changed[whole.find("param_groups")] ^= 1;
  test::write(scratch / "a.pt", changed);
  EXPECT_NO_THROW(read_torch_file(scratch / "a.pt"));
  EXPECT_THROW(check_torch_file(scratch / "a.pt"), Error);
  test::write(scratch / "none.pt", archive_of({{"a/data.pkl", "\x80\2}."}}));
  check_torch_file(scratch / "none.pt");  // torch.serialization.set_crc32_options(False)
}

// What zip programs other than torch may do: here the members are compressed, or stored one after the other.
TEST(TorchFile, ReadsCompressedAndUnalignedMembers) {
  const std::string expected = test::python_text(read_torch_file(data / "adamw_torch_fused_0.pt"));
  for (const char* name : {"adamw_compressed.pt", "adamw_unaligned.pt"})
    EXPECT_EQ(test::python_text(read_torch_file(data / name)), expected) << name;
}

TEST(TorchFile, TensorsOutliveTheReading) {
  const test::ScratchDirectory scratch;
  write_range(scratch / "a.pt");
  at::Tensor tensor = read_torch_file(scratch / "a.pt").toGenericDict().at("a").toTensor();
  tensor.mul_(2);
  std::filesystem::remove(scratch / "a.pt");
  EXPECT_TRUE(tensor.equal(at::arange(0, 10000, 2, at::kFloat)));
}

TEST(TorchFile, NamesTheFileThatItCannotUse) {
  const test::ScratchDirectory scratch;
  EXPECT_THROW(read_torch_file(scratch / "none"), Error);
  EXPECT_THROW(read_torch_file(scratch.path()), Error);
  const c10::IValue value = read_torch_file(data / "adamw_torch_fused_0.pt");
  EXPECT_THROW(write_torch_file(scratch.path() / "no" / "file", value), Error);
  EXPECT_THROW(write_torch_file("/dev/full", value), Error);
}

}  // namespace
}  // namespace trainer
