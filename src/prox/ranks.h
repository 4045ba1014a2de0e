#pragma once
// The ranks that take one proximal step together, as the routes see them: every rank has rows of the stacked sample
// matrix A, and the direction is that of all rows. For one rank everything here is the identity.

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/linear_transfer.h>
#include <proxprop/prox/plan.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop {

/// Replaces tensors of one dtype, at least one, by their sums over the ranks, in one message.
void sum_over_ranks(Communicator& communicator, std::vector<at::Tensor>& tensors);

class Ranks {
 public:
  /// One rank alone.
  explicit Ranks(int64_t rows) : rows_{rows} {}
  /// `rows[r]`: rows of A that rank r has.
  Ranks(Communicator& communicator, std::vector<int64_t> rows);

  bool alone() const { return communicator_ == nullptr; }
  int64_t count() const { return int64_t(rows_.size()); }
  /// S: rows of all ranks.
  int64_t rows() const;

  /// [groups, S, m] of all ranks' [groups, S_r, m], rank after rank; and this rank's part of it.
  at::Tensor gather_rows(const at::Tensor& rows) const;
  at::Tensor own_rows(const at::Tensor& rows) const;

  /// A of all ranks.
  SampleMatrix samples(const LinearTransfer& transfer) const;
  /// K = A A^T of all ranks' rows, [groups, S, S]: every rank computes its rows of K. Not for one
  /// rank alone.
  at::Tensor sample_gram(const SampleMatrix& samples) const;
  /// G = A^T A of all ranks' rows; half of it is sent.
  at::Tensor feature_gram(const LinearTransfer& transfer) const;

  /// The smallest over the ranks of a factor that each rank would scale its rows by.
  at::Tensor common_scale(const at::Tensor& scale) const;

  /// The sum over the ranks of tensors of one dtype, in one message.
  void sum(std::vector<at::Tensor>& tensors) const;
  at::Tensor sum(const at::Tensor& tensor) const;

 private:
  int64_t first_row() const;

  Communicator* communicator_ = nullptr;
  std::vector<int64_t> rows_;
};

/// What the ranks have to agree on before a step: one plan, and the numbers of rows.
struct Agreement {
  Problem problem;  ///< of all rows; the costs are those of the rank that has most to do
  Ranks ranks;
};

/// One small message, by way of `device`. Throws c10::Error on all ranks where their options or parameter shapes
/// differ.
Agreement agree(
    Communicator& communicator,
    const LinearTransfer& transfer,
    int64_t own_rows,
    Problem problem,
    const ProximalOptions& options,
    at::Device device);

}  // namespace proxprop
