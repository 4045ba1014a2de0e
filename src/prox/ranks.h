#pragma once
// The ranks that take one proximal step together, as the routes see them: every rank has rows of the stacked sample
// matrix A, and the direction is that of all rows. For one rank everything here is the identity.

#include "prox/packed_gram.h"

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/linear_transfer.h>

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
  /// `rows[r]`: rows of A that rank r has. `repeats`: `LinearTransfer::feature_gram_repeats`, the same on all ranks.
  Ranks(Communicator& communicator, std::vector<int64_t> rows, std::vector<int64_t> repeats);

  bool alone() const { return communicator_ == nullptr; }
  int64_t count() const { return int64_t(rows_.size()); }
  /// S: rows of all ranks.
  int64_t rows() const;
  /// Those of `transfer` with the rows of all ranks.
  Dimensions dimensions(const LinearTransfer& transfer) const;

  /// [groups, S, m] of all ranks' [groups, S_r, m], rank after rank; and this rank's part of it.
  at::Tensor gather_rows(const at::Tensor& rows) const;
  at::Tensor own_rows(const at::Tensor& rows) const;

  /// A of all ranks.
  SampleMatrix samples(const LinearTransfer& transfer) const;
  /// K = A A^T of all ranks' rows, [groups, S, S]: every rank computes its rows of K. Not for one
  /// rank alone.
  at::Tensor sample_gram(const SampleMatrix& samples) const;
  /// G = A^T A of all ranks' rows; each of its numbers is sent once.
  at::Tensor feature_gram(const LinearTransfer& transfer) const;
  /// How it is sent.
  PackedGram packed_gram(const LinearTransfer& transfer) const;

  /// The smallest over the ranks of a factor that each rank would scale its rows by.
  at::Tensor common_scale(const at::Tensor& scale) const;

  /// The sum over the ranks of tensors of one dtype, in one message.
  void sum(std::vector<at::Tensor>& tensors) const;
  at::Tensor sum(const at::Tensor& tensor) const;
  /// Replaces `tensors` by others that hold the sums when it has been waited for; empty where there is nothing to do.
  Await start_sum(std::vector<at::Tensor>& tensors) const;

  /// The ranks themselves, for what is sent to or by one of them. Not for one rank alone.
  Communicator& communicator() const { return *communicator_; }

 private:
  int64_t first_row() const;

  Communicator* communicator_ = nullptr;
  std::vector<int64_t> rows_, repeats_;
};

}  // namespace proxprop
