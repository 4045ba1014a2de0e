#pragma once
// Seconds that compare: the methods' training steps taken in turn, in one process.

#include "reproduce/experiment.h"
#include "train/data/dataset.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace proxprop::reproduce {

/// Of one training step of a method: batch, forward, backward with the proximal step, optimizer.
struct StepTime {
  std::string method;
  double seconds = 0;                            ///< median
  double ratio = 1, ratio_q1 = 1, ratio_q3 = 1;  ///< to the first method's step of the same round: median and quartiles
  double evaluations = 0;  ///< of the gradient in a step, in passes over the training set, median; 0: not known
};

struct Machine {
  std::string device;  ///< name of the processor or GPU
  int64_t threads = 0;
  std::string sources;  ///< state of the program's sources
};

struct Timing {
  std::vector<StepTime> steps;
  Machine machine;

  /// nullptr: the method was not measured.
  const StepTime* find(const std::string& method) const;
};

/// Measures one step of each cell, the first of which is what the others are compared with, after a few to warm up.
/// `machine` goes into the record; its threads are filled in.
Timing measure_steps(
    const std::vector<Cell>& cells,
    const train::Dataset& dataset,
    Machine machine,
    const std::function<void(const std::string&)>& progress);

/// "<out>/<experiment>/timing.json".
std::filesystem::path timing_path(const std::filesystem::path& out, const std::string& experiment);

/// Throws train::RecordError.
void write_timing(const std::filesystem::path& path, const Timing& timing);
/// Nothing where there is no such file. Throws train::RecordError.
std::optional<Timing> read_timing(const std::filesystem::path& path);

}  // namespace proxprop::reproduce
