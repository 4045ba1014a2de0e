#pragma once
// What ranks have to agree on before a step: one plan, and the numbers of rows.
//
// Each tells the others a hash of all that it would say, and one of what has been agreed on before. Where the ranks
// remember the same, and these hashes among it, nothing more is said: the usual case, 16 bytes per rank. Else all say
// all, and what they agree on is remembered. Steps that do not go together were never agreed on, so they are found by
// all ranks, before any other collective.

#include "prox/ranks.h"

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/options.h>
#include <proxprop/prox/plan.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <vector>

namespace proxprop {

struct Agreement {
  Problem problem;  ///< of all rows; the costs are those of the rank that has most to do
  Ranks ranks;
};

/// What ranks have agreed on so far; the same on all. Kept by their communicator.
class Agreements {
 public:
  static Agreements& of(Communicator& communicator);

  /// A hash of all that is remembered.
  int64_t digest() const { return digest_; }
  /// What was agreed on where the ranks had these hashes; null where that was never so.
  const Agreement* find(const std::vector<int64_t>& hashes) const;
  void remember(const std::vector<int64_t>& hashes, const Agreement& agreement);
  void forget();

 private:
  int64_t digest_ = 0;
  std::map<std::vector<int64_t>, Agreement> known_;
};

/// For the step of `options` on this rank's rows, and on those of the ranks of its communicator, one of the steps of
/// `layers` layers. Throws c10::Error on all ranks where their options, parameter shapes or dtypes differ.
Agreement agree(
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options, int64_t layers = 1);

}  // namespace proxprop
