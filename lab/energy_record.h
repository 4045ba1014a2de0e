#pragma once

#include "lab/sweep.h"

#include <cstdint>
#include <vector>

namespace proxprop::lab {

/// E of eq. 3 at the point where a block was updated: all other blocks have the values that its rule saw.
struct BlockEnergy {
  Block block = Block::last;
  int64_t layer = 0;
  double before = 0;
  double after = 0;
};

/// A sweep that also tells what each of its block updates did to E. E is evaluated in a float64 copy of the network,
/// with activations of its own forward pass: in float32 the residuals of eq. 3 would be rounding error. Costs a copy of
/// the parameters, and a forward pass for each block.
struct RecordedSweep {
  Sweep sweep;
  std::vector<BlockEnergy> energies;
};

RecordedSweep recorded_sweep(
    const Network& network, const Batch& batch, const Loss& loss, const StepRules& rules, const SweepOptions& options);

}  // namespace proxprop::lab
