#include "prox/ranks.h"

#include "prox/dense_product.h"
#include "prox/packed_triangle.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>

namespace proxprop {

Ranks::Ranks(Communicator& communicator, std::vector<int64_t> rows)
    : communicator_(communicator.size() > 1 ? &communicator : nullptr), rows_(std::move(rows)) {}

int64_t Ranks::rows() const {
  return std::accumulate(rows_.begin(), rows_.end(), int64_t(0));
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
  auto packed = pack_lower(gram);
  communicator_->all_reduce(packed);
  return unpack_lower(packed, gram.size(2));
}

at::Tensor Ranks::common_scale(const at::Tensor& scale) const {
  return alone() ? scale : communicator_->all_gather(scale.contiguous()).amin(0);
}

void sum_over_ranks(Communicator& communicator, std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  std::vector<int64_t> sizes;
  for (const auto& tensor : tensors) {
    flat.push_back(tensor.reshape({-1}));
    sizes.push_back(tensor.numel());
  }
  auto message = at::cat(flat);  // a copy: what an adjoint returns may share storage with something
  communicator.all_reduce(message);
  const auto parts = message.split_with_sizes(sizes);
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i] = parts[i].view(tensors[i].sizes());
  }
}

void Ranks::sum(std::vector<at::Tensor>& tensors) const {
  if (!alone() && !tensors.empty()) {
    sum_over_ranks(*communicator_, tensors);
  }
}

at::Tensor Ranks::sum(const at::Tensor& tensor) const {
  if (alone()) {
    return tensor;
  }
  auto message = tensor.clone(at::MemoryFormat::Contiguous);
  communicator_->all_reduce(message);
  return message;
}

namespace {

// A number that differs where the ranks would not take the same step: options and parameter shapes.
double fingerprint(const LinearTransfer& transfer, const Problem& problem, const ProximalOptions& options) {
  size_t seed = std::hash<double>{}(options.tau_theta);
  const auto mix = [&](size_t value) { seed ^= value + 0x9e3779b97f4a7c15ull + (seed << 6) + (seed >> 2); };
  mix(std::hash<std::string>{}(to_string(options.solver)));
  if (const auto* cg = std::get_if<ConjugateGradient>(&options.solver)) {
    mix(std::hash<double>{}(cg->tolerance));
    mix(size_t(cg->coupling ? int(*cg->coupling) + 1 : 0));
  } else if (const auto* amortized = std::get_if<AmortizedCholesky>(&options.solver)) {
    mix(std::hash<double>{}(amortized->tolerance));
    mix(size_t(amortized->update_every));
    mix(size_t(amortized->max_iterations));
  } else if (const auto* running = std::get_if<RunningGram>(&options.solver)) {
    mix(std::hash<double>{}(running->decay));
    mix(size_t(running->update_every));
    mix(size_t(running->average_steps));
  }
  mix(size_t(options.scaling));
  mix(size_t(options.route ? int(*options.route) + 1 : 0));
  mix(size_t(problem.has_sample_matrix) * 2 + size_t(problem.has_feature_gram));
  for (const auto& shape : transfer.parameter_shapes()) {
    for (const auto size : shape) {
      mix(size_t(size));
    }
    mix(shape.size());
  }
  return double(seed >> 12);  // 52 bits: exact in a float64
}

// The numbers of a problem that depend on how many rows a rank has.
std::vector<double*> costs_of(Problem& problem) {
  std::vector<double*> costs{&problem.sample_gram_bytes, &problem.feature_gram_bytes, &problem.sample_matrix_bytes};
  for (auto* work :
       {&problem.apply_work, &problem.adjoint_work, &problem.accurate_adjoint_work, &problem.feature_gram_work}) {
    for (size_t kernel = 0; kernel < kernel_count; ++kernel) {
      costs.push_back(&(*work)[Kernel(kernel)]);
    }
  }
  return costs;
}

}  // namespace

Agreement agree(
    Communicator& communicator,
    const LinearTransfer& transfer,
    int64_t own_rows,
    Problem problem,
    const ProximalOptions& options,
    at::Device device) {
  std::vector<double> own{fingerprint(transfer, problem, options), double(own_rows), problem.memory_limit};
  for (const auto* costs : costs_of(problem)) {
    own.push_back(*costs);
  }
  own.insert(own.end(), problem.rates.costs.begin(), problem.rates.costs.end());
  const auto all = communicator.all_gather(at::tensor(own, at::TensorOptions(at::kDouble)).to(device)).cpu();
  const auto at = all.accessor<double, 2>();
  const auto costs = costs_of(problem);
  const auto first_rate = int64_t(own.size() - problem.rates.costs.size());
  std::vector<int64_t> rows;
  for (int64_t rank = 0; rank < communicator.size(); ++rank) {
    TORCH_CHECK(
        at[rank][0] == at[0][0], "proxprop: ranks 0 and ", rank,
        " are about to take different proximal steps: parameter shapes, tau_theta, solver, scaling or route differ");
    rows.push_back(int64_t(at[rank][1]));
    problem.memory_limit = rank == 0 ? at[rank][2] : std::min(problem.memory_limit, at[rank][2]);
    for (size_t i = 0; i < costs.size(); ++i) {
      *costs[i] = std::max(*costs[i], at[rank][3 + int64_t(i)]);
    }
  }
  for (size_t i = 0; i < problem.rates.costs.size(); ++i) {
    problem.rates.costs[i] = at[0][first_rate + int64_t(i)];
  }
  Ranks ranks(communicator, std::move(rows));
  return {shared(std::move(problem), communicator.size(), ranks.rows()), std::move(ranks)};
}

}  // namespace proxprop
