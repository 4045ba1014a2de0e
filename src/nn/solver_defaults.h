#pragma once

#include <proxprop/prox/options.h>

namespace proxprop::nn {

/// The solver with the layer kind's default coupling filled in (paper: per output for linear layers, joint for
/// convolutions).
inline Solver with_coupling(Solver solver, Coupling coupling) {
  if (auto* cg = std::get_if<ConjugateGradient>(&solver); cg != nullptr && !cg->coupling) {
    cg->coupling = coupling;
  }
  return solver;
}

}  // namespace proxprop::nn
