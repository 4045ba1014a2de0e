#include "tests/train/records/scene.h"
#include "train/records/config_json.h"
#include "train/records/run_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <unistd.h>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;
using scene::put;

RunInfo some_info() {
  RunInfo info;
  info.label = "exact";
  info.config.train.seed = 18446744073709551615u;
  info.program_version = "0.1.0";
  info.libtorch_version = "2.11.0";
  info.git_describe = "v0.1.0";
  info.device_name = "cpu";
  info.command_line = {"proxprop", "train", "--label", "a b"};
  return info;
}

TEST(RunFolder, MakesTheFoldersAbove) {
  const TemporaryFolder folder;
  prepare_run_folder(folder.path() / "a" / "b", ExistingFolder::refuse);
  EXPECT_TRUE(fs::is_directory(folder.path() / "a" / "b"));
  prepare_run_folder(folder.path() / "a" / "b", ExistingFolder::refuse);  // empty: may be used
}

TEST(RunFolder, WhatAKilledProcessLeftHalfWrittenDoesNotOccupyIt) {
  const TemporaryFolder folder;
  put(folder.path() / ".run.json.4711.0.tmp", "{");
  put(folder.path() / ".compare.json.4711.12.tmp", "{");
  EXPECT_TRUE(is_vacant(folder.path()));
  EXPECT_EQ(scene::error_of([&] { prepare_run_folder(folder.path(), ExistingFolder::refuse); }), "");
  put(folder.path() / ".thesis.4711.0.tmp", "mine");
  EXPECT_FALSE(is_vacant(folder.path()));
}

TEST(RunFolder, RefusesWhatIsNotEmptyAndSaysWhatToDo) {
  const TemporaryFolder folder;
  put(folder.path() / "thesis.txt", "");
  const std::string error = scene::error_of([&] { prepare_run_folder(folder.path(), ExistingFolder::refuse); });
  EXPECT_NE(error.find(folder.path().string() + " is not empty"), std::string::npos);
  EXPECT_NE(error.find("--force"), std::string::npos);
  EXPECT_NE(scene::error_of([&] { prepare_run_folder(folder.path() / "thesis.txt", ExistingFolder::replace); }), "");
}

TEST(RunFolder, ReplacingRemovesOnlyWhatARunWrote) {
  const TemporaryFolder folder;
  const fs::path root = folder.path();
  const TemporaryFolder elsewhere;
  put(elsewhere.path() / "model.safetensors", "precious");
  for (const char* name :
       {"run.json", "metrics.jsonl", "metrics.csv", "report.html", ".run.json.1.0.tmp",
        "tensorboard/events.out.tfevents.1.proxprop.0", "checkpoints/model.safetensors",
        "checkpoints/step-00000008.safetensors", "checkpoints/.step-00000012.safetensors.7.0.tmp"}) {
    put(root / name, "x");
  }
  const auto foreign = {
      "thesis.txt",
      "notes/metrics.csv",
      "notes/.run.json.1.0.tmp",
      ".thesis.txt.1.0.tmp",
      "tensorboard/notes.txt",
      "checkpoints/step-best.safetensors",
      "checkpoints/other.pt",
      "checkpoints/mine/model.safetensors"};
  for (const char* name : foreign)
    put(root / name, "mine");
  fs::create_directory_symlink(elsewhere.path(), root / "checkpoints" / "link");
  prepare_run_folder(root, ExistingFolder::replace);
  for (const char* name : foreign)
    EXPECT_EQ(scene::content(root / name), "mine") << name;
  EXPECT_EQ(scene::content(elsewhere.path() / "model.safetensors"), "precious");
  for (const char* name :
       {"run.json", "metrics.jsonl", "metrics.csv", "report.html", ".run.json.1.0.tmp", "checkpoints/model.safetensors",
        "checkpoints/step-00000008.safetensors", "checkpoints/.step-00000012.safetensors.7.0.tmp",
        "tensorboard/events.out.tfevents.1.proxprop.0"}) {
    EXPECT_FALSE(fs::exists(root / name)) << name;
  }
}

TEST(RunFolder, ReplacingThroughALinkIsRefusedBeforeAnythingIsRemoved) {
  for (const char* name : {"checkpoints", "tensorboard"}) {
    const TemporaryFolder folder, elsewhere;
    put(folder.path() / "run.json", "x");
    put(folder.path() / "metrics.jsonl", "x");
    fs::create_directory_symlink(elsewhere.path(), folder.path() / name);
    const std::string error = scene::error_of([&] { prepare_run_folder(folder.path(), ExistingFolder::replace); });
    EXPECT_NE(error.find(std::string(name) + " is a symbolic link"), std::string::npos) << error;
    EXPECT_TRUE(fs::exists(folder.path() / "run.json"));
    EXPECT_TRUE(fs::exists(folder.path() / "metrics.jsonl"));
  }
}

TEST(RunFolder, ReplacingTouchesNothingWhereNoRunWas) {
  const TemporaryFolder folder;
  put(folder.path() / "checkpoints" / "other.pt", "mine");
  prepare_run_folder(folder.path(), ExistingFolder::replace);
  EXPECT_EQ(scene::content(folder.path() / "checkpoints" / "other.pt"), "mine");
}

TEST(RunFolder, ResumingRemovesOnlyWhatWasLeftHalfWritten) {
  const TemporaryFolder folder;
  const auto whole = {
      "run.json", "checkpoints/step-00000008.safetensors", ".thesis.txt.1.0.tmp", "notes/.run.json.1.0.tmp"};
  const auto half = {
      ".run.json.1.0.tmp", ".report.html.7.12.tmp", "checkpoints/.model.safetensors.7.3.tmp",
      "checkpoints/.step-00000012.safetensors.7.0.tmp"};
  for (const char* name : whole)
    put(folder.path() / name, "x");
  for (const char* name : half)
    put(folder.path() / name, "x");
  prepare_run_folder(folder.path(), ExistingFolder::resume);
  for (const char* name : whole)
    EXPECT_EQ(scene::content(folder.path() / name), "x") << name;
  for (const char* name : half)
    EXPECT_FALSE(fs::exists(folder.path() / name)) << name;
}

TEST(RunInfo, ComesBackFromTheFile) {
  const TemporaryFolder folder;
  write_run_info(folder.path(), some_info());
  const RunInfo back = read_run_info(folder.path());
  EXPECT_EQ(back.config.train.seed, 18446744073709551615u);
  EXPECT_EQ(back.command_line, some_info().command_line);
  EXPECT_EQ(back.git_describe, "v0.1.0");
  EXPECT_FALSE(back.cpu_name.empty());
  EXPECT_EQ(back.start_time.size(), std::string("2026-01-31T12:00:00Z").size());
}

TEST(RunInfo, HasNoNameOfTheMachine) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof(name) - 1), 0);
  const TemporaryFolder folder;
  RunInfo info = some_info();
  info.cpu_name = "a processor";
  write_run_info(folder.path(), info);
  const std::string text = scene::content(folder.path() / "run.json");
  EXPECT_EQ(text.find("hostname"), std::string::npos);
  if (std::string(name).size() > 5) {
    EXPECT_EQ(text.find(name), std::string::npos);
  }
}

TEST(RunInfo, ResumingKeepsTheFirstStart) {
  const TemporaryFolder folder;
  RunInfo first = some_info();
  first.start_time = "2026-01-31T12:00:00Z";
  write_run_info(folder.path(), first);
  RunInfo second = some_info();
  second.config.train.epochs = 99;
  second.command_line = {"proxprop", "train", "--resume"};
  write_resumed_run_info(folder.path(), second);
  write_resumed_run_info(folder.path(), second);
  const RunInfo back = read_run_info(folder.path());
  EXPECT_EQ(back.start_time, first.start_time);
  EXPECT_EQ(back.command_line, first.command_line);
  EXPECT_EQ(back.config.train.epochs, 99);
  ASSERT_EQ(back.resumptions.size(), 2u);
  EXPECT_EQ(back.resumptions[0].command_line, second.command_line);
}

TEST(RunInfo, FilesOfANewerVersionAreRefused) {
  const TemporaryFolder folder;
  put(folder.path() / "run.json", R"({"schema_version": 2})");
  const std::string error = scene::error_of([&] { read_run_info(folder.path()); });
  EXPECT_NE(error.find("run.json: written by a newer proxprop"), std::string::npos) << error;
  put(folder.path() / "run.json", "{");
  EXPECT_NE(scene::error_of([&] { read_run_info(folder.path()); }).find("not valid JSON"), std::string::npos);
}

}  // namespace
}  // namespace proxprop::train
