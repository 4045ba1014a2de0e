#include "support.h"
#include "train/checkpoint.h"
#include "train/errors.h"

#include <gtest/gtest.h>

#include <fstream>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

Checkpoint checkpoint_at(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.model = {{"0.weight", at::full({2, 3}, static_cast<double>(step))}};
  checkpoint.optimizer = {{"0.weight.step", at::scalar_tensor(step, at::kLong)}};
  checkpoint.generators = {{"cpu", at::zeros({16}, at::kByte)}};
  checkpoint.sampler = {step / 10, step % 10};
  checkpoint.step = step;
  checkpoint.evaluated_epoch = step / 10;
  checkpoint.seconds = 0.1 * static_cast<double>(step);
  checkpoint.best = {1, 10, 0.75, 0.5};
  checkpoint.train_records = 90;
  checkpoint.config = small_config();
  checkpoint.config.train.seed = UINT64_MAX;
  return checkpoint;
}

void save(const fs::path& folder, std::initializer_list<int64_t> steps) {
  for (const int64_t step : steps)
    save_checkpoint(folder, checkpoint_at(step));
}

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(folder))
    all.push_back(entry.path().filename().string());
  std::sort(all.begin(), all.end());
  return all;
}

std::string name(int64_t step) {
  return "step-000000" + std::to_string(step) + ".safetensors";
}

TEST(Checkpoint, ComesBackWhole) {
  const TemporaryFolder folder;
  const Checkpoint saved = checkpoint_at(12);
  const fs::path path = save_checkpoint(folder.path() / "checkpoints", saved);
  EXPECT_EQ(path.filename(), name(12));
  const Checkpoint loaded = load_checkpoint(path);
  EXPECT_TRUE(loaded.model.at("0.weight").equal(saved.model.at("0.weight")));
  EXPECT_EQ(loaded.optimizer.at("0.weight.step").item<int64_t>(), 12);
  EXPECT_TRUE(loaded.generators.contains("cpu"));
  EXPECT_EQ(loaded.sampler.epoch, 1);
  EXPECT_EQ(loaded.sampler.batch, 2);
  EXPECT_EQ(loaded.evaluated_epoch, 1);
  EXPECT_EQ(loaded.seconds, saved.seconds);
  EXPECT_EQ(loaded.best.step, 10);
  EXPECT_EQ(loaded.best.validation_accuracy, 0.75);
  EXPECT_EQ(loaded.train_records, 90);
  EXPECT_EQ(loaded.config.train.seed, UINT64_MAX);
  EXPECT_EQ(loaded.config.model.hidden, saved.config.model.hidden);
}

TEST(Checkpoint, WithoutValidationTheBestAccuracyIsNotANumber) {
  const TemporaryFolder folder;
  Checkpoint checkpoint = checkpoint_at(1);
  checkpoint.best = BestEpoch();
  EXPECT_TRUE(std::isnan(load_checkpoint(save_checkpoint(folder.path(), checkpoint)).best.validation_accuracy));
}

TEST(Checkpoint, TornFileFallsBackToTheOneBefore) {
  const TemporaryFolder folder;
  save(folder.path(), {10, 20, 30});
  fs::resize_file(folder.path() / name(30), fs::file_size(folder.path() / name(30)) - 7);
  std::fstream corrupt(folder.path() / name(20), std::ios::in | std::ios::out | std::ios::binary);
  corrupt.seekp(-3, std::ios::end);
  corrupt.put('x');
  corrupt.close();
  std::vector<std::string> warnings;
  const auto loaded = load_newest_checkpoint(folder.path(), [&](const std::string& line) { warnings.push_back(line); });
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->step, 10);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_NE(warnings[0].find(name(30)), std::string::npos);
  EXPECT_NE(warnings[1].find("checksum"), std::string::npos);
}

TEST(Checkpoint, WhereAllAreInvalidThereIsNoBeginningAnew) {
  const TemporaryFolder folder;
  save(folder.path(), {10, 20});
  for (const int64_t step : {10, 20})
    fs::resize_file(folder.path() / name(step), 100);
  const std::string message = message_of<CheckpointError>([&] { load_newest_checkpoint(folder.path(), {}); });
  EXPECT_NE(message.find(folder.path().string()), std::string::npos) << message;
  EXPECT_NE(message.find("--force"), std::string::npos) << message;
}

TEST(Checkpoint, OtherFilesAreNotMistakenForOne) {
  const TemporaryFolder folder;
  EXPECT_FALSE(load_newest_checkpoint(folder.path() / "absent", {}).has_value());
  save(folder.path(), {10});
  for (const std::string other : {"step-.safetensors", "step-99.txt", "step-12x.safetensors", "model.safetensors"}) {
    std::ofstream(folder.path() / other) << "text";
  }
  std::vector<std::string> warnings;
  const auto loaded = load_newest_checkpoint(folder.path(), [&](const std::string& line) { warnings.push_back(line); });
  EXPECT_EQ(loaded->step, 10);
  EXPECT_TRUE(warnings.empty());
}

TEST(Checkpoint, OfAnotherFormatIsRefusedByName) {
  const TemporaryFolder folder;
  save_safetensors(folder.path() / name(50), {{{"a", at::zeros({1})}}, {}});
  const std::string message = message_of<CheckpointError>([&] { load_checkpoint(folder.path() / name(50)); });
  EXPECT_NE(message.find("not a checkpoint"), std::string::npos);
}

TEST(Checkpoint, TheNewestAndTheBestAreKept) {
  const TemporaryFolder folder;
  save(folder.path(), {10, 20, 30, 40, 50});
  std::ofstream(folder.path() / (".step-00000099.safetensors.1.0.tmp")) << "half";
  prune_checkpoints(folder.path(), 40, 2, 10);
  EXPECT_EQ(names(folder.path()), (std::vector<std::string>{name(10), name(30), name(40), name(50)}));
}

}  // namespace
}  // namespace proxprop::train
