// Files that are not what they seem to be: pipes that nobody writes, devices that never end, links.

#include "scene.h"

#include <sys/stat.h>

namespace fs = std::filesystem;
using namespace proxprop::test;

class HostileFiles : public Scene {
 protected:
  void SetUp() override { ASSERT_EQ(run_small({"train", "-q", "--epochs=1", "--out", path("run")}).code, 0); }
  void replace_by_pipe(const std::string& name) {
    fs::remove(path(name));
    ASSERT_EQ(::mkfifo(path(name).c_str(), 0600), 0);
  }
  void replace_by_device(const std::string& name) {
    fs::remove(path(name));
    fs::create_symlink("/dev/zero", path(name));
  }
};

TEST_F(HostileFiles, AConfigurationThatNeverEndsIsRefused) {
  expect_error(run({"train", "--config", "/dev/zero", "--out", path("other")}), 3, "is not a configuration file");
}

TEST_F(HostileFiles, APipeOrDeviceIsNoRecordOfARun) {
  replace_by_pipe("run/run.json");
  expect_error(run({"train", "-q", "--resume", "--out", path("run")}), 3, "not a regular file");
  replace_by_device("run/metrics.jsonl");
  expect_error(run({"report", path("run")}), 3, "not a regular file");
}

TEST_F(HostileFiles, ACheckpointThatIsAPipeOrDeviceIsPassedOver) {
  // The newest two; the run goes on from what is left, or says that nothing is.
  for (const auto& entry : fs::directory_iterator(path("run/checkpoints"))) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.path().filename() != "model.safetensors")
      name.ends_with("2.safetensors") ? replace_by_pipe(name) : replace_by_device(name);
  }
  const Outcome outcome = run({"train", "-q", "--resume", "--epochs=2", "--out", path("run")});
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("not a regular file"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("none of the"), std::string::npos) << outcome.err;
}

TEST_F(HostileFiles, ADataSetThatIsADeviceIsRefused) {
  write("data/mnist/train-labels-idx1-ubyte", "");
  fs::remove(path("data/mnist/train-labels-idx1-ubyte"));
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    fs::create_symlink("/dev/zero", path(std::string("data/mnist/") + name));
  expect_error(
      run({"train", "-q", "--data=mnist", "--data-dir", path("data/mnist"), "--out", path("other")}), 3,
      "expected a regular file");
}
