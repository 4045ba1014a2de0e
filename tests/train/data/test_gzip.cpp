#include "train/data/gzip.h"

#include "support/bytes.h"
#include "support/throws_data_error.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace proxprop::train::testing {
namespace {

RC_GTEST_PROP(Gzip, UnpacksWhatWasPacked, (const Bytes& bytes)) {
  RC_ASSERT(gunzip(gzip_bytes(bytes), static_cast<int64_t>(bytes.size()), "file") == bytes);
}

RC_GTEST_PROP(Gzip, RefusesEveryTruncation, (const Bytes& bytes)) {
  Bytes packed = gzip_bytes(bytes);
  packed.resize(*rc::gen::inRange<size_t>(0, packed.size()));
  RC_ASSERT_THROWS_AS(gunzip(packed, 1 << 20, "file"), DataError);
}

TEST(Gzip, UnpacksSeveralMembersAsOne) {
  Bytes packed = gzip_bytes({1, 2});
  const Bytes second = gzip_bytes({3});
  packed.insert(packed.end(), second.begin(), second.end());
  EXPECT_EQ(gunzip(packed, 3, "file"), (Bytes{1, 2, 3}));
}

TEST(Gzip, UnpacksMoreThanOneChunk) {
  const Bytes bytes = noise_bytes(1'000'000, 1);
  EXPECT_EQ(gunzip(gzip_bytes(bytes), 1'000'000, "file"), bytes);
}

TEST(Gzip, RefusesToUnpackMoreThanTheLimit) {
  const Bytes bomb = gzip_bytes(Bytes(10'000'000, 0));
  EXPECT_LT(bomb.size(), 20'000u);
  EXPECT_TRUE(
      throws_data_error([&] { gunzip(bomb, 9'999'999, "bomb.gz"); }, {"bomb.gz", "at most 9999999 bytes", "more"}));
}

TEST(Gzip, RefusesTrailingBytes) {
  Bytes packed = gzip_bytes({1, 2, 3});
  packed.insert(packed.end(), {7, 7});
  EXPECT_TRUE(throws_data_error([&] { gunzip(packed, 100, "file.gz"); }, {"file.gz", "2 trailing bytes"}));
}

TEST(Gzip, RefusesChangedBytes) {
  Bytes packed = gzip_bytes(noise_bytes(1000, 2));
  packed[packed.size() - 5] ^= 1;  // the CRC-32 is at -8 ... -5
  EXPECT_TRUE(throws_data_error([&] { gunzip(packed, 2000, "file.gz"); }, {"file.gz", "corrupt"}));
}

TEST(Gzip, RefusesAnotherFormat) {
  EXPECT_TRUE(throws_data_error(
      [] {
        gunzip(Bytes{'P', 'K', 3, 4}, 100, "file.gz");
      },
      {"file.gz", "expected a gzip file"}));
}

}  // namespace
}  // namespace proxprop::train::testing
