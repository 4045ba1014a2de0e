#include "train/data/checksum.h"

#include "support/bytes.h"
#include "tests/train/temporary_folder.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

TEST(Checksum, GivesThePublishedValues) {
  const TemporaryFolder folder;
  write_text(folder / "abc", "abc");
  EXPECT_EQ(file_checksum(folder / "abc", ChecksumAlgorithm::md5), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(
      file_checksum(folder / "abc", ChecksumAlgorithm::sha256),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  write_text(folder / "empty", "");
  EXPECT_EQ(file_checksum(folder / "empty", ChecksumAlgorithm::md5), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST(Checksum, CoversFilesLongerThanOneChunk) {
  const TemporaryFolder folder;
  write_bytes(folder / "long", Bytes(3'000'000, 'a'));
  const std::string first = file_checksum(folder / "long", ChecksumAlgorithm::sha256);
  Bytes changed(3'000'000, 'a');
  changed.back() = 'b';
  write_bytes(folder / "long", changed);
  EXPECT_NE(file_checksum(folder / "long", ChecksumAlgorithm::sha256), first);
}

TEST(Checksum, RefusesMissingFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(
      throws_data_error([&] { file_checksum(folder / "none", ChecksumAlgorithm::md5); }, {(folder / "none").string()}));
}

}  // namespace
}  // namespace proxprop::train::testing
