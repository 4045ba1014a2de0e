#pragma once

#include <proxprop/prox/export.h>

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

namespace proxprop {

struct SavedGram;

/// What `AmortizedCholesky` and `RunningGram` keep from one step of a layer to the next: a Gram matrix and what was
/// made of it. Layers own one each; whoever calls `proximal_direction` with such a solver hands over one per parameter
/// set. It starts anew by itself where sizes or device change. Safe to use from several threads.
class PROXPROP_API SolverState {
 public:
  SolverState();
  ~SolverState();
  SolverState(const SolverState& other);
  SolverState& operator=(const SolverState& other);

  /// What a checkpoint has to hold for the next steps to be the same bit for bit: the Gram matrix [groups, d, d]
  /// float64, and damping and age, [2] float64; third, where the Gram was added to since its inverse was made, that
  /// inverse. Empty before the first step.
  std::vector<at::Tensor> tensors() const;
  /// Takes what `tensors` gave. Throws c10::Error for anything else.
  void restore(const std::vector<at::Tensor>& tensors);

  /// For the solvers.
  SavedGram& saved() const { return *saved_; }

 private:
  std::unique_ptr<SavedGram> saved_;
};

}  // namespace proxprop
