#include "reproduce/run_store.h"

#include "reproduce/run_identity.h"
#include "scene.h"

#include <gtest/gtest.h>

#include <fstream>

using namespace proxprop;
using namespace proxprop::reproduce;

namespace {

TEST(RunStore, FindsARunBySettingsWhateverItsFolderIsCalled) {
  const train::TemporaryFolder folder;
  train::Config config = scene::config("exact", 5);
  config.data.dir = "/where/the/data/was";
  scene::write_run(folder / "some name", {config});
  const RunStore store(folder.path(), scene::no_warning);
  const StoredRun* run = store.find(scene::config("exact", 5, 50));
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->folder, folder / "some name");
  EXPECT_EQ(run->epochs, 3);
  EXPECT_EQ(run->seconds_per_epoch, 5);
  EXPECT_TRUE(run->has(3));
  EXPECT_FALSE(run->has(4));
  EXPECT_EQ(store.find(scene::config("exact", 6)), nullptr);
}

TEST(RunStore, OfTwoRunsWithTheSameSettingsTheLongerOneCounts) {
  const train::TemporaryFolder folder;
  for (const int64_t epochs : {2, 5, 3})
    scene::write_run(folder / std::to_string(epochs), {scene::config(), epochs});
  EXPECT_EQ(RunStore(folder.path(), scene::no_warning).find(scene::config())->folder, folder / "5");
}

TEST(RunStore, ADivergedRunIsAllThatThereWillEverBe) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "a", {scene::config(), 1, "diverged"});
  const RunStore store(folder.path(), scene::no_warning);
  EXPECT_TRUE(store.find(scene::config())->has(50));
  EXPECT_EQ(store.find(scene::config())->steps, 14);
}

TEST(RunStore, WhatCannotBeReadIsPassedOverAndTold) {
  const train::TemporaryFolder folder;
  scene::write_run(folder / "good", {scene::config()});
  std::filesystem::create_directories(folder / "bad");
  std::ofstream(folder / "bad" / "run.json") << "{";
  std::filesystem::create_directories(folder / "other");
  int told = 0;
  const RunStore store(folder.path(), [&](const std::string&) { ++told; });
  EXPECT_EQ(told, 1);
  EXPECT_NE(store.find(scene::config()), nullptr);
}

TEST(RunStore, OfAFolderThatIsNotThereHasNoRuns) {
  EXPECT_EQ(RunStore("/nowhere/at/all", scene::no_warning).find(scene::config()), nullptr);
}

TEST(RunStore, ANewRunIsNamedByMethodAndIdentity) {
  EXPECT_EQ(run_folder("runs", scene::config("cg")), "runs/cg3-" + run_identity(scene::config("cg")));
  EXPECT_EQ(run_folder("runs", scene::config("exact")), "runs/exact-" + run_identity(scene::config("exact")));
}

}  // namespace
