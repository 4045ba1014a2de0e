#include "prox/agreement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace proxprop {

namespace {

// A hash of numbers, one after another.
class Hash {
 public:
  void mix(size_t value) { seed_ ^= value + 0x9e3779b97f4a7c15ull + (seed_ << 6) + (seed_ >> 2); }
  void mix(double value) { mix(std::hash<double>{}(value)); }
  uint64_t value() const { return seed_; }
  double as_double() const { return double(seed_ >> 12); }  // 52 bits: exact in a float64

 private:
  size_t seed_ = 0;
};

// A number that differs where the ranks would not take the same step: options, parameter shapes and dtype.
double fingerprint(
    const LinearTransfer& transfer, const Problem& problem, const ProximalOptions& options, at::ScalarType dtype) {
  Hash hash;
  const auto mix = [&](auto value) { hash.mix(value); };
  mix(options.tau_theta);
  mix(size_t(dtype));
  mix(std::hash<std::string>{}(to_string(options.solver)));
  if (const auto* cg = std::get_if<ConjugateGradient>(&options.solver)) {
    mix(cg->tolerance);
    mix(size_t(cg->coupling ? int(*cg->coupling) + 1 : 0));
  } else if (const auto* amortized = std::get_if<AmortizedCholesky>(&options.solver)) {
    mix(amortized->tolerance);
    mix(size_t(amortized->update_every));
    mix(size_t(amortized->max_iterations));
  } else if (const auto* running = std::get_if<RunningGram>(&options.solver)) {
    mix(running->decay);
    mix(size_t(running->update_every));
    mix(size_t(running->average_steps));
  }
  mix(size_t(options.scaling));
  mix(size_t(options.route ? int(*options.route) + 1 : 0));
  mix(size_t(problem.has_sample_matrix) * 2 + size_t(problem.has_feature_gram));
  if (const auto& d = problem.dimensions) {
    mix(size_t(d->columns));
    mix(size_t(d->outputs));
    mix(size_t(d->groups));
  }
  for (const auto& shape : transfer.parameter_shapes()) {
    for (const auto size : shape) {
      mix(size_t(size));
    }
    mix(shape.size());
  }
  return hash.as_double();
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

double hash_of(const std::vector<int64_t>& numbers) {
  Hash hash;
  for (const auto number : numbers) {
    hash.mix(size_t(number));
  }
  return hash.as_double();
}

// What a rank has to say: the fingerprint, its rows, where its Gram repeats itself, the memory that it has, the layers
// that it knows of, costs, rates.
constexpr int64_t first_cost = 5;

std::vector<double> statement(
    const LinearTransfer& transfer,
    const at::Tensor& grad_output,
    int64_t rows,
    Problem problem,
    const ProximalOptions& options) {
  const auto repeats = problem.has_feature_gram ? transfer.feature_gram_repeats() : std::vector<int64_t>{};
  std::vector<double> numbers{
      fingerprint(transfer, problem, options, grad_output.scalar_type()), double(rows), hash_of(repeats),
      problem.memory_limit, double(problem.layers)};
  for (const auto* costs : costs_of(problem)) {
    numbers.push_back(*costs);
  }
  numbers.insert(numbers.end(), problem.rates.costs.begin(), problem.rates.costs.end());
  return numbers;
}

// What follows from the statements [ranks, numbers] of all ranks for this rank's problem.
Agreement conclude(
    Communicator& communicator, const LinearTransfer& transfer, Problem problem, const at::Tensor& statements) {
  const auto all = statements.accessor<double, 2>();
  const auto costs = costs_of(problem);
  const auto first_rate = first_cost + int64_t(costs.size());
  std::vector<int64_t> rows;
  bool alike = true;
  for (int64_t rank = 0; rank < communicator.size(); ++rank) {
    TORCH_CHECK(
        all[rank][0] == all[0][0], "proxprop: ranks 0 and ", rank,
        " are about to take different proximal steps: parameter shapes, dtype, tau_theta, solver, scaling or route "
        "differ");
    rows.push_back(int64_t(all[rank][1]));
    alike = alike && all[rank][2] == all[0][2];
    problem.memory_limit = rank == 0 ? all[rank][3] : std::min(problem.memory_limit, all[rank][3]);
    problem.layers = rank == 0 ? int64_t(all[rank][4]) : std::min(problem.layers, int64_t(all[rank][4]));
    for (size_t i = 0; i < costs.size(); ++i) {
      *costs[i] = std::max(*costs[i], all[rank][first_cost + int64_t(i)]);
    }
  }
  for (size_t i = 0; i < problem.rates.costs.size(); ++i) {
    problem.rates.costs[i] = all[0][first_rate + int64_t(i)];
  }
  if (!alike) {  // images of other sizes: what repeats itself differs
    problem.feature_gram_numbers = 0;
  }
  Ranks ranks(
      communicator, std::move(rows),
      alike && problem.has_feature_gram ? transfer.feature_gram_repeats() : std::vector<int64_t>{});
  return {shared(std::move(problem), communicator.size(), ranks.rows()), std::move(ranks)};
}

// Steps that are remembered; all ranks forget them together.
constexpr size_t most_agreements = 1024;

}  // namespace

Agreements& Agreements::of(Communicator& communicator) {
  if (communicator.agreements_ == nullptr) {
    communicator.agreements_ = std::make_shared<Agreements>();
  }
  return *communicator.agreements_;
}

const Agreement* Agreements::find(const std::vector<int64_t>& hashes) const {
  const auto found = known_.find(hashes);
  return found == known_.end() ? nullptr : &found->second;
}

void Agreements::remember(const std::vector<int64_t>& hashes, const Agreement& agreement) {
  if (known_.size() == most_agreements) {
    forget();
  }
  known_.emplace(hashes, agreement);
  Hash hash;
  hash.mix(size_t(digest_));
  for (const auto each : hashes) {
    hash.mix(size_t(each));
  }
  digest_ = int64_t(hash.value());
}

void Agreements::forget() {
  known_.clear();
  digest_ = 0;
}

Agreement agree(
    const LinearTransfer& transfer, const at::Tensor& grad_output, const ProximalOptions& options, int64_t layers) {
  const auto device = grad_output.device();
  auto problem = describe(transfer, options, device);
  problem.layers = layers;
  const auto rows = grad_output.numel() == 0 ? 0 : transfer.row_count(grad_output);
  if (options.communicator == nullptr || options.communicator->size() == 1) {
    return {std::move(problem), Ranks(rows)};
  }
  auto& communicator = *options.communicator;
  auto& agreements = Agreements::of(communicator);
  const auto numbers = statement(transfer, grad_output, rows, problem, options);
  Hash hash;
  for (const auto number : numbers) {
    hash.mix(number);
  }
  const auto own = at::tensor({int64_t(hash.value()), agreements.digest()}, at::TensorOptions(at::kLong));
  const auto said = communicator.all_gather(own.to(device)).cpu();
  std::vector<int64_t> hashes;
  bool same_memory = true;
  for (int64_t rank = 0; rank < communicator.size(); ++rank) {
    hashes.push_back(said[rank][0].item<int64_t>());
    same_memory = same_memory && said[rank][1].item<int64_t>() == said[0][1].item<int64_t>();
  }
  if (!same_memory) {  // one of the ranks has begun anew
    agreements.forget();
  } else if (const auto* known = agreements.find(hashes)) {
    return *known;
  }
  const auto statements = communicator.all_gather(at::tensor(numbers, at::TensorOptions(at::kDouble)).to(device)).cpu();
  auto agreement = conclude(communicator, transfer, std::move(problem), statements);
  agreements.remember(hashes, agreement);
  return agreement;
}

}  // namespace proxprop
