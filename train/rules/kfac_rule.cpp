#include "train/rules/kfac_rule.h"

#include "train/errors.h"

#include <proxprop/prox/kronecker.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::train {
namespace {

// Mean of the eigenvalues.
double mean_eigenvalue(const at::Tensor& matrix) {
  return matrix.diagonal().mean().item<double>();
}

// A factor may be zero: a layer whose units are all dead, or whose outputs do not matter. The damping is then split
// evenly.
double pi_of(const at::Tensor& a, const at::Tensor& g) {
  const double ratio = mean_eigenvalue(a) / mean_eigenvalue(g);
  return std::isfinite(ratio) && ratio > 0 ? std::sqrt(ratio) : 1;
}

bool is_matrices(const at::Tensor& tensor) {
  return tensor.dim() == 3 && tensor.size(1) == tensor.size(2);
}

}  // namespace

std::vector<at::Tensor> KfacRule::direction(const LayerPass& pass) {
  const auto transfer = pass.transfer(pass.all());
  if (fisher_pass_) {
    add_statistics(*transfer, pass);
    return {};
  }
  if (!options_.sampled && statistics_due())
    add_statistics(*transfer, pass);
  std::vector<at::Tensor> gradient = transfer->adjoint(pass.grad_output);
  if (batches_ == 0)  // the first batch was not finite, and neither is its gradient
    return gradient;
  if (inversion_due() || !inverse_a_.defined())
    invert(pass.grad_output.scalar_type());
  ++steps_;
  return kronecker_product(*transfer, inverse_g_, gradient, inverse_a_);
}

// The loss is the mean of the records' losses, so the gradient of a record's own loss is N times what came here.
void KfacRule::add_statistics(const LinearTransfer& transfer, const LayerPass& pass) {
  const auto records = static_cast<double>(pass.records);
  const auto rows = static_cast<double>(transfer.row_count(pass.grad_output));
  const at::Tensor a = input_gram(transfer).div_(records);
  const at::Tensor g = output_gram(transfer, pass.grad_output).mul_(records * records / rows);
  if (a.is_cpu() && !(a.isfinite().all() & g.isfinite().all()).item<bool>())  // the averages would never get well again
    return;
  ++batches_;
  const double kept = std::min(1 - 1.0 / static_cast<double>(batches_), options_.epsilon);
  a_ = a_.defined() ? a_.mul_(kept).add_(a, 1 - kept) : a;
  g_ = g_.defined() ? g_.mul_(kept).add_(g, 1 - kept) : g;
}

void KfacRule::invert(at::ScalarType dtype) {
  const double gamma = std::sqrt(options_.lambda);
  std::vector<at::Tensor> inverses_a, inverses_g;
  for (int64_t group = 0; group < a_.size(0); ++group) {
    const at::Tensor a = a_.narrow(0, group, 1), g = g_.narrow(0, group, 1);
    const double pi = pi_of(a[0], g[0]);
    inverses_a.push_back(damped_inverse(a, pi * gamma).inverse);
    inverses_g.push_back(damped_inverse(g, gamma / pi).inverse);
  }
  inverse_a_ = at::cat(inverses_a).to(dtype);
  inverse_g_ = at::cat(inverses_g).to(dtype);
}

std::vector<at::Tensor> KfacRule::state() const {
  if (!inverse_a_.defined())
    return {};
  const at::Tensor counts = at::tensor({steps_, batches_}, at::kLong);
  return {a_.clone(), g_.clone(), inverse_a_.clone(), inverse_g_.clone(), counts};
}

void KfacRule::restore(const std::vector<at::Tensor>& state) {
  if (state.empty()) {
    *this = KfacRule(options_);
    return;
  }
  const bool valid = state.size() == 5 && std::all_of(state.begin(), state.begin() + 4, is_matrices) &&
                     state[0].sizes() == state[2].sizes() && state[1].sizes() == state[3].sizes() &&
                     state[0].size(0) == state[1].size(0) && state[4].scalar_type() == at::kLong &&
                     state[4].numel() == 2;
  require<CheckpointError>(valid, "what kfac keeps of a layer is two factors, their inverses and two counts");
  a_ = state[0].clone();
  g_ = state[1].clone();
  inverse_a_ = state[2].clone();
  inverse_g_ = state[3].clone();
  steps_ = state[4][0].item<int64_t>();
  batches_ = state[4][1].item<int64_t>();
}

RulePlan KfacRule::plan(const LinearTransfer&) const {
  return {
      "kfac", "feature Gram",
      std::string("factors from ") + (options_.sampled ? "sampled labels" : "the data's labels (empirical Fisher)") +
          ", inverted every " + std::to_string(options_.t_inv) + " steps"};
}

}  // namespace proxprop::train
