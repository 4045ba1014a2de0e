// Run folders that older versions wrote are read, and their runs gone on with.

#include "support.h"
#include "train/checkpoint.h"
#include "train/records/metrics.h"
#include "train/records/run_folder.h"
#include "train/records/run_record.h"

#include <gtest/gtest.h>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

class Compatibility : public testing::TestWithParam<fs::path> {
 protected:
  fs::path stored() const { return GetParam(); }
};

std::vector<fs::path> stored_runs() {
  std::vector<fs::path> runs;
  for (const auto& entry : fs::recursive_directory_iterator(PROXPROP_TEST_STORED_RUNS)) {
    if (entry.path().filename() == "run.json")
      runs.push_back(entry.path().parent_path());
  }
  return runs;
}

TEST_P(Compatibility, TheRecordIsRead) {
  const std::vector<RunRecord> runs = read_runs({stored()});
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].info->config.train.seed, 5u);
  EXPECT_EQ(runs[0].metrics.start->plan.size(), 3u);
  EXPECT_GE(runs[0].metrics.steps.size(), 6u);
  EXPECT_EQ(runs[0].metrics.end->status, "finished");
}

TEST_P(Compatibility, TheCheckpointIsReadWhole) {
  const auto checkpoint = load_newest_checkpoint(stored() / "checkpoints", {});
  ASSERT_TRUE(checkpoint.has_value());
  const TensorMap weights = load_safetensors(stored() / "checkpoints" / "model.safetensors").tensors;
  EXPECT_EQ(checkpoint->model.size(), weights.size());
  for (const auto& [name, tensor] : weights)
    EXPECT_TRUE(checkpoint->model.at(name).equal(tensor)) << name;
  EXPECT_FALSE(checkpoint->optimizer.empty());
  EXPECT_EQ(checkpoint->generators.count("cpu"), 1u);
  EXPECT_EQ(checkpoint->lr_factor, 1);
}

// Not bit by bit: the kernels of another processor round differently.
TEST_P(Compatibility, GoingOnGivesTheWeightsThatTheOldVersionGot) {
  const TemporaryFolder folder;
  fs::copy(stored(), folder.path(), fs::copy_options::recursive);
  Config config = read_run_info(folder.path()).config;
  config.train.max_steps = 0;
  MetricsWriter metrics(folder.path());
  TrainerOptions options;
  options.checkpoints = folder.path() / "checkpoints";
  options.resume = true;
  options.observers = {&metrics};
  const DataConfig& data = config.data;
  const RunEnd end = train(config, load_dataset(data.name, data.dir, data.train_size, data.validation_size), options);
  EXPECT_EQ(end.status, "finished");
  EXPECT_EQ(end.steps, 16);

  const TensorMap expected = load_safetensors(stored() / "finished.safetensors").tensors;
  const TensorMap found = load_safetensors(folder.path() / "checkpoints" / "model.safetensors").tensors;
  for (const auto& [name, tensor] : expected)
    EXPECT_TRUE(found.at(name).allclose(tensor, 1e-3, 1e-4)) << name;
  EXPECT_EQ(read_metrics(folder.path() / "metrics.jsonl").steps.size(), 16u);
}

INSTANTIATE_TEST_SUITE_P(StoredRuns, Compatibility, testing::ValuesIn(stored_runs()), [](const auto& run) {
  std::string name = run.param.parent_path().filename().string() + "_" + run.param.filename().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace proxprop::train
