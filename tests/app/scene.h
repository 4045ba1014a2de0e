#pragma once

#include "process.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::test {

/// An empty folder for each test, and short ways to run the program.
class Scene : public testing::Test {
 protected:
  Scene();
  ~Scene() override;

  Outcome run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});

  /// A short run: `train` or `compare` with these flags takes a second or two.
  std::vector<std::string> small(std::vector<std::string> arguments) const;
  Outcome run_small(const std::vector<std::string>& arguments) { return run(small(arguments)); }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  void write(const std::string& name, const std::string& text) const;

  std::filesystem::path folder;
};

/// The exit code is `code`, and standard error is one line "proxprop: error: ..." that contains `part`.
void expect_error(const Outcome& outcome, int code, const std::string& part);

/// Waits until the folder holds a checkpoint. False when the process ends first.
bool wait_for_checkpoint(Process& process, const std::filesystem::path& run_folder);

/// The final weights of a run; empty where there are none.
std::string weights(const std::filesystem::path& run_folder);

}  // namespace proxprop::test
