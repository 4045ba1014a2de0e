#include "train/data/synthetic.h"

#include "train/data/checksum.h"

#include "support/bytes.h"
#include "tests/train/temporary_folder.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace proxprop::train::testing {
namespace {

TEST(Synthetic, HasTheShapeThatIsAskedFor) {
  SyntheticOptions options;
  options.classes = 4;
  options.channels = 2;
  options.height = 7;
  options.width = 1;
  const LabelledImages data = make_synthetic(options, 10, 0);
  EXPECT_EQ(data.images.sizes().vec(), (std::vector<int64_t>{10, 2, 7, 1}));
  EXPECT_EQ(data.images.scalar_type(), at::kByte);
  EXPECT_EQ(data.labels.min().item<int64_t>(), 0);
  EXPECT_EQ(data.labels.max().item<int64_t>(), 3);
}

TEST(Synthetic, IsTheSameForTheSameSeed) {
  const LabelledImages one = make_synthetic({}, 30, 0), two = make_synthetic({}, 30, 0);
  EXPECT_TRUE(one.images.equal(two.images));
  EXPECT_TRUE(one.labels.equal(two.labels));
}

TEST(Synthetic, IsTheSameOnEveryPlatform) {
  const at::Tensor images = make_synthetic({}, 20, 1).images;
  const TemporaryFolder folder;
  write_bytes(folder / "images", Bytes(images.data_ptr<uint8_t>(), images.data_ptr<uint8_t>() + images.numel()));
  EXPECT_EQ(
      file_checksum(folder / "images", ChecksumAlgorithm::sha256),
      "b97df45ad9cb178e28bfbd7f58f557ca73a7ea3bd61109e2cf13cbad2c83117b");
}

TEST(Synthetic, AnotherSeedOrStreamGivesOtherImages) {
  const at::Tensor images = make_synthetic({}, 10, 0).images;
  SyntheticOptions other;
  other.seed = 1;
  EXPECT_FALSE(make_synthetic(other, 10, 0).images.equal(images));
  EXPECT_FALSE(make_synthetic({}, 10, 1).images.equal(images));
}

TEST(Synthetic, WithoutNoiseEveryRecordIsItsPrototype) {
  SyntheticOptions options;
  options.noise = 0;
  const at::Tensor train = make_synthetic(options, 30, 0).images, test = make_synthetic(options, 10, 1).images;
  for (int64_t label = 0; label < 10; ++label) {
    EXPECT_TRUE(train[label].equal(train[label + 10]));
    EXPECT_TRUE(train[label].equal(test[label]));
    EXPECT_FALSE(train[label].equal(train[(label + 1) % 10]));
  }
}

TEST(Synthetic, TheNoiseHasTheGivenSpread) {
  SyntheticOptions clean, noisy;
  clean.noise = 0;
  noisy.noise = 8;  // far from the borders at 0 and 255
  const at::Tensor difference =
      make_synthetic(noisy, 50, 0).images.to(at::kDouble).sub(make_synthetic(clean, 50, 0).images);
  EXPECT_NEAR(difference.mean().item<double>(), 0.0, 0.1);
  EXPECT_NEAR(difference.std().item<double>(), 8.0, 0.5);
}

TEST(Synthetic, TheNearestPrototypeNamesTheClass) {
  SyntheticOptions clean;
  clean.noise = 0;
  const at::Tensor prototypes = make_synthetic(clean, 10, 0).images.to(at::kFloat).flatten(1);
  const LabelledImages data = make_synthetic({}, 100, 0);
  const at::Tensor distances =
      data.images.to(at::kFloat).flatten(1).unsqueeze(1).sub(prototypes.unsqueeze(0)).square().sum(2);
  EXPECT_TRUE(distances.argmin(1).equal(data.labels));
}

TEST(Synthetic, RefusesImpossibleOptions) {
  SyntheticOptions options;
  options.classes = 0;
  EXPECT_THROW(make_synthetic(options, 1, 0), c10::Error);
  EXPECT_THROW(make_synthetic({}, -1, 0), c10::Error);
}

}  // namespace
}  // namespace proxprop::train::testing
