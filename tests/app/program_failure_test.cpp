// Bad input and bad surroundings: one line, the documented exit code, nothing lost.

#include "scene.h"

#include <nlohmann/json.hpp>

#include <cstdlib>

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace proxprop::test;

class BadInput : public Scene {};

namespace {

/// A file system of its own size in a folder, for as long as this object lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=600k") == 0;
  }
  ~SmallDisk() {
    if (mounted_)
      ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool enlarge() const { return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0; }

 private:
  std::string folder_;
  bool mounted_ = false;
};

}  // namespace

TEST_F(BadInput, ConfigurationFilesAreNamedByLineAndColumn) {
  write("typo.toml", "[train]\nepoch = 3\n");
  expect_error(run({"train", "--config", path("typo.toml")}), 3, "typo.toml:2:1: unknown key 'train.epoch'");
  expect_error(run({"train", "--config", path("none.toml")}), 3, "cannot read the configuration file");
  expect_error(run({"train"}, {"PROXPROP_TRAIN_EPOCHS=x"}), 3, "PROXPROP_TRAIN_EPOCHS must be an integer");
}

TEST_F(BadInput, ModelsThatDoNotFitAreConfigurationErrors) {
  expect_error(run({"train", "--layers", "conv 3 99", "--out", path("run")}), 3, "model.layers");
  expect_error(run({"train", "--optimizer=lbfgs", "--out", path("run")}), 3, "lbfgs");
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(BadInput, AModelThatNoMemoryHoldsIsReported) {
  const std::string layers = "--layers=conv 1073741824 1000 padding=500";  // more than there are addresses
  expect_error(run({"info", "--plan", layers}), 1, "out of memory (you tried to allocate 4294967296000000 bytes)");
  expect_error(run({"train", "--dry-run", layers}), 1, "choose a smaller model");
}

TEST_F(BadInput, MissingDataAreReported) {
  expect_error(run({"train", "--data", "cifra10"}), 3, "(did you mean cifar10?)");
  fs::create_directories(path("empty"));
  expect_error(
      run({"train", "--data", "cifar10", "--data-dir", path("empty"), "--out", path("run")}), 3, path("empty"));
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(BadInput, CorruptDataAreReported) {
  const Outcome where = run({"data", "path", "mnist-5k"});
  ASSERT_EQ(where.code, 0) << where.err;
  const fs::path embedded = where.out.substr(0, where.out.find('\n'));
  fs::copy(embedded, path("mnist-5k"));
  const fs::path images = path("mnist-5k/train-images-idx3-ubyte.gz");
  fs::resize_file(images, fs::file_size(images) / 2);
  expect_error(run({"train", "--data-dir", path("mnist-5k"), "--out", path("run")}), 3, "train-images-idx3-ubyte.gz");
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(BadInput, AMissingDeviceHasItsOwnExitCode) {
  expect_error(run({"train", "--device", "cuda:97"}), 6, "cuda");
  expect_error(run({"train", "--device", "tpu"}), 3, "'tpu'");
}

TEST_F(BadInput, ARunFolderIsNotOverwrittenUnasked) {
  ASSERT_EQ(run_small({"train", "--epochs=1", "--out", path("run")}).code, 0);
  const std::string before = read_file(path("run/metrics.jsonl"));
  expect_error(run_small({"train", "--epochs=2", "--out", path("run")}), 3, "--force");
  // Nor with --force, when the new run would fail anyway.
  expect_error(run_small({"train", "--data=mnist", "--data-dir", folder, "--out", path("run"), "--force"}), 3, "");
  expect_error(run_small({"train", "--momentum=0", "--out", path("run"), "--force"}), 3, "optimizer.momentum > 0");
  EXPECT_EQ(read_file(path("run/metrics.jsonl")), before);
  EXPECT_FALSE(weights(path("run")).empty());
  ASSERT_EQ(run_small({"train", "--epochs=2", "--out", path("run"), "--force"}).code, 0);
  EXPECT_NE(read_file(path("run/metrics.jsonl")), before);
}

TEST_F(BadInput, AFolderInWhichARunWasKilledAtOnceCanBeUsedAgain) {
  write("run/.run.json.4711.0.tmp", "{");
  write("c/.compare.json.4711.0.tmp", "{");
  EXPECT_EQ(run_small({"train", "-q", "--epochs=1", "--out", path("run")}).code, 0);
  EXPECT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=1", "--out", path("c")}).code, 0);
}

TEST_F(BadInput, ForceDoesNotReplaceThroughALink) {
  ASSERT_EQ(run_small({"compare", "-q", "--methods=backprop,exact", "--epochs=1", "--out", path("c")}).code, 0);
  fs::rename(path("c/exact/checkpoints"), path("elsewhere"));
  fs::create_directory_symlink(path("elsewhere"), path("c/exact/checkpoints"));
  const std::string before = read_file(path("c/backprop/metrics.jsonl"));
  for (const std::string methods : {"backprop,exact", "backprop"}) {
    expect_error(
        run_small({"compare", "-q", "--methods", methods, "--force", "--out", path("c")}), 3, "is a symbolic link");
  }
  expect_error(run_small({"train", "-q", "--force", "--out", path("c/exact")}), 3, "is a symbolic link");
  EXPECT_EQ(read_file(path("c/backprop/metrics.jsonl")), before);
  EXPECT_FALSE(read_file(path("elsewhere/model.safetensors")).empty());
}

TEST_F(BadInput, ForceSparesFoldersThatAreNotRuns) {
  write("precious/notes.txt", "mine");
  expect_error(run_small({"train", "--force", "--out", path("precious")}), 3, "--force does not touch it");
  expect_error(run_small({"compare", "--force", "--out", path("precious")}), 3, "--force does not touch it");
  EXPECT_EQ(read_file(path("precious/notes.txt")), "mine");
}

TEST_F(BadInput, ThereIsNothingToResumeInAnEmptyFolder) {
  expect_error(run({"train", "--resume", "--out", path("none")}), 3, "nothing to resume");
  expect_error(run({"compare", "--resume", "--out", path("none")}), 3, "nothing to resume");
}

TEST_F(BadInput, AResumedRunStaysTheSameRun) {
  ASSERT_EQ(run_small({"train", "--epochs=1", "--out", path("run")}).code, 0);
  expect_error(run({"train", "--resume", "--out", path("run"), "--lr=0.5"}), 3, "optimizer.lr");
  EXPECT_EQ(run({"train", "--resume", "--out", path("run"), "--epochs=2"}).code, 0);
}

TEST_F(BadInput, FoldersThatCannotBeWrittenAreReported) {
  expect_error(run_small({"train", "-q", "--out", "/proc/proxprop-run"}), 1, "/proc/proxprop-run");
  write("file", "x");
  expect_error(run_small({"train", "-q", "--out", path("file")}), 3, "is a file");
}

TEST_F(BadInput, AMissingPlotlyIsToldBeforeTheTraining) {
  const std::string variable = "PROXPROP_PLOTLY=" + path("none.js");
  for (const std::string command : {"train", "compare"}) {
    const Outcome outcome = run(small({command, "-q", "--epochs=1", "--out", path("run")}), {variable});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("PROXPROP_PLOTLY"), std::string::npos) << outcome.err;
    EXPECT_FALSE(fs::exists(path("run")));
  }
}

TEST_F(BadInput, AReportThatCannotBeWrittenDoesNotHideTheResult) {
  ASSERT_EQ(run_small({"train", "-q", "--epochs=1", "--out", path("run")}).code, 0);
  ASSERT_EQ(run_small({"compare", "-q", "--methods=exact", "--epochs=1", "--out", path("c")}).code, 0);
  for (const std::string name : {"run", "c"}) {
    fs::remove(path(name + "/report.html"));
    write(name + "/report.html/in-the-way", "x");
    const std::string command = name == "run" ? "train" : "compare";
    const Outcome outcome = run({command, "-q", "--resume", "--epochs=2", "--json", "--out", path(name)});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("its report is not: "), std::string::npos) << outcome.err;
    EXPECT_EQ(nlohmann::json::parse(outcome.out).at("schema_version"), 1);
  }
}

TEST_F(BadInput, ABrokenRunFolderIsNoFailureOfTheMachine) {
  ASSERT_EQ(run_small({"train", "-q", "--epochs=1", "--out", path("run")}).code, 0);
  write("torn/run.json", "{");
  write("torn/metrics.jsonl", "");
  expect_error(run({"report", path("torn")}), 3, "metrics.jsonl");
  expect_error(run({"train", "--resume", "--out", path("torn")}), 3, "run.json");
  for (const auto& entry : fs::directory_iterator(path("run/checkpoints")))
    fs::resize_file(entry.path(), 50);
  const Outcome resumed = run({"train", "-q", "--resume", "--epochs=2", "--out", path("run")});
  EXPECT_EQ(resumed.code, 3) << resumed.err;
  EXPECT_NE(resumed.err.find("proxprop: warning: "), std::string::npos) << resumed.err;
  EXPECT_NE(resumed.err.find("proxprop: error: none of the"), std::string::npos) << resumed.err;
}

TEST_F(BadInput, ReportsNeedRuns) {
  expect_error(run({"report", path("none")}), 3, "none");
  expect_error(run({"report", folder}), 3, "there is no run in");
  expect_error(run({"report"}), 2, "");
}

TEST_F(BadInput, DivergenceHasItsOwnExitCode) {
  const Outcome outcome = run_small({"train", "-q", "--method=backprop", "--lr=1e30", "--out", path("run")});
  EXPECT_EQ(outcome.code, 5) << outcome.err;
  EXPECT_EQ(outcome.err.find("proxprop: error: backprop: training diverged"), 0U) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
}

TEST_F(BadInput, AFullDiskLosesNothing) {
  // File systems of a few hundred kB can only be made by root, and not in every container.
  const SmallDisk disk(path("small"));
  if (!disk.mounted())
    GTEST_SKIP() << "cannot mount a tmpfs";
  const Outcome full = run_small({"train", "-q", "--epochs=4", "--keep=9", "--out", path("small/run")});
  EXPECT_EQ(full.code, 1) << full.err;
  EXPECT_NE(full.err.find("No space left on device"), std::string::npos) << full.err;
  EXPECT_EQ(full.err.find('\n'), full.err.size() - 1) << full.err;
  EXPECT_FALSE(nlohmann::json::parse(read_file(path("small/run/run.json"))).empty());

  ASSERT_TRUE(disk.enlarge());
  const Outcome resumed = run({"train", "-q", "--resume", "--out", path("small/run")});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  ASSERT_EQ(run_small({"train", "-q", "--epochs=4", "--keep=9", "--out", path("undisturbed")}).code, 0);
  EXPECT_EQ(weights(path("small/run")), weights(path("undisturbed")));
}

TEST_F(BadInput, AFullStandardOutputIsAFailure) {
  if (!fs::exists("/dev/full"))
    GTEST_SKIP() << "no /dev/full";
  const int code = std::system(("'" PROXPROP_PROGRAM "' data list > /dev/full 2> '" + path("err") + "'").c_str());
  EXPECT_EQ(WEXITSTATUS(code), 1);
  EXPECT_EQ(read_file(path("err")), "proxprop: error: cannot write to standard output\n");
}
