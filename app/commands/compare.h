#pragma once

#include "app/commands/command.h"
#include "app/comparison_plan.h"
#include "app/config_flags.h"

#include "train/data/dataset.h"
#include "train/records/run_folder.h"

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::app {

/// `proxprop compare`: several methods from the same initial parameters on the same batches, one sub-folder each.
class CompareCommand : public Command {
 public:
  explicit CompareCommand(CLI::App& root);
  int run(const Session& session) override;

 private:
  std::vector<ComparedMethod> new_methods() const;
  std::vector<ComparedMethod> resumed_methods() const;
  int train_all(
      const std::vector<ComparedMethod>& methods, const std::filesystem::path& folder, const Session& session) const;
  /// Returns an ExitCode.
  int train_each(
      const std::vector<ComparedMethod>& methods,
      const std::filesystem::path& folder,
      const train::Dataset& dataset,
      const std::atomic<bool>& stop,
      const Session& session) const;
  train::ExistingFolder existing() const;
  train::ExistingFolder existing_run(const std::filesystem::path& sub) const;

  ConfigFlags config_flags_;
  std::string methods_;
  std::string out_;
  bool resume_ = false;
  bool force_ = false;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace proxprop::app
