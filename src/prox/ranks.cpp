#include "prox/ranks.h"

#include "prox/dense_product.h"
#include "prox/packed_gram.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace proxprop {

Ranks::Ranks(Communicator& communicator, std::vector<int64_t> rows, std::vector<int64_t> repeats)
    : communicator_(communicator.size() > 1 ? &communicator : nullptr),
      rows_(std::move(rows)),
      repeats_(std::move(repeats)) {}

int64_t Ranks::rows() const {
  return std::accumulate(rows_.begin(), rows_.end(), int64_t(0));
}

Dimensions Ranks::dimensions(const LinearTransfer& transfer) const {
  auto dimensions = *transfer.dimensions();
  dimensions.rows = rows();
  return dimensions;
}

int64_t Ranks::first_row() const {
  return std::accumulate(rows_.begin(), rows_.begin() + communicator_->rank(), int64_t(0));
}

at::Tensor Ranks::own_rows(const at::Tensor& rows) const {
  return alone() ? rows : rows.narrow(1, first_row(), rows_[communicator_->rank()]);
}

at::Tensor Ranks::gather_rows(const at::Tensor& rows) const {
  if (alone()) {
    return rows;
  }
  // Messages of a gather are of one size: shorter ones are filled up with zeros, which no one reads.
  const auto most = *std::max_element(rows_.begin(), rows_.end());
  const auto padded = rows.size(1) == most ? rows : at::constant_pad_nd(rows, {0, 0, 0, most - rows.size(1)});
  const auto gathered = communicator_->all_gather(padded.contiguous());
  std::vector<at::Tensor> parts;
  for (size_t rank = 0; rank < rows_.size(); ++rank) {
    parts.push_back(gathered[int64_t(rank)].narrow(1, 0, rows_[rank]));
  }
  return at::cat(parts, 1);
}

SampleMatrix Ranks::samples(const LinearTransfer& transfer) const {
  auto samples = transfer.sample_matrix();
  if (!alone() && samples.matrix.size(2) > 0) {
    samples.matrix = gather_rows(samples.matrix);
  } else if (!alone()) {  // only the bias is trained
    samples.matrix = at::empty({samples.matrix.size(0), rows(), 0}, samples.matrix.options());
  }
  return samples;
}

at::Tensor Ranks::sample_gram(const SampleMatrix& samples) const {
  std::vector<at::Tensor> own;
  for (const auto& matrix : samples.matrix.unbind(0)) {
    own.push_back(accurate_product(matrix.narrow(0, first_row(), rows_[communicator_->rank()]), matrix.t()));
  }
  auto gram = gather_rows(at::stack(own));
  return samples.ones ? gram.add_(1.0) : gram;
}

at::Tensor Ranks::feature_gram(const LinearTransfer& transfer) const {
  auto gram = transfer.feature_gram();
  if (alone()) {
    return gram;
  }
  const auto packed = packed_gram(transfer);
  const auto message = at::empty({packed.numbers()}, gram.options());
  packed.pack(gram, message);
  communicator_->all_reduce(message);
  return packed.unpack(message);
}

PackedGram Ranks::packed_gram(const LinearTransfer& transfer) const {
  return PackedGram(*transfer.dimensions(), repeats_);
}

at::Tensor Ranks::common_scale(const at::Tensor& scale) const {
  return alone() ? scale : communicator_->all_gather(scale.contiguous()).amin(0);
}

namespace {

// Makes `tensors`, at least one, parts of a message that holds them.
at::Tensor as_parts_of_message(std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  std::vector<int64_t> sizes;
  for (const auto& tensor : tensors) {
    flat.push_back(tensor.reshape({-1}));
    sizes.push_back(tensor.numel());
  }
  const auto message = at::cat(flat);  // a copy: what an adjoint returns may share storage with something
  const auto parts = message.split_with_sizes(sizes);
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i] = parts[i].view(tensors[i].sizes());
  }
  return message;
}

}  // namespace

void sum_over_ranks(Communicator& communicator, std::vector<at::Tensor>& tensors) {
  communicator.all_reduce(as_parts_of_message(tensors));
}

Await Ranks::start_sum(std::vector<at::Tensor>& tensors) const {
  return alone() || tensors.empty() ? Await() : communicator_->start_all_reduce(as_parts_of_message(tensors));
}

void Ranks::sum(std::vector<at::Tensor>& tensors) const {
  if (const auto wait = start_sum(tensors)) {
    wait();
  }
}

at::Tensor Ranks::sum(const at::Tensor& tensor) const {
  if (alone()) {
    return tensor;
  }
  const auto message = tensor.clone(at::MemoryFormat::Contiguous);
  communicator_->all_reduce(message);
  return message;
}

}  // namespace proxprop
