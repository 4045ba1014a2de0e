#pragma once
// Run folders as the trainer leaves them, without training.

#include "reproduce/experiment.h"
#include "tests/train/temporary_folder.h"
#include "train/config.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace proxprop::reproduce::scene {

/// A run whose training loss after epoch k is 2 / (k + 1) times `loss`, and whose validation accuracy is best after
/// epoch `best`.
struct Play {
  train::Config config;
  int64_t epochs = 3;
  std::string status = "finished";
  double loss = 1;
  int64_t best = 2;
  double evaluations = 0;  ///< of the gradient in an epoch; 0: a record from before they were counted
  int64_t peak_resident_bytes = 0;
};
void write_run(const std::filesystem::path& folder, const Play& play);

/// A configuration that differs from the others by its seed.
train::Config config(const std::string& method = "exact", uint64_t seed = 0, int64_t epochs = 3);

Cell cell(const train::Config& config);

/// Fails the test when something is told.
void no_warning(const std::string& line);

}  // namespace proxprop::reproduce::scene
