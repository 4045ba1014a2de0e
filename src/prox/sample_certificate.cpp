#include "prox/sample_certificate.h"

#include "prox/dense_product.h"
#include "prox/eigenbasis.h"
#include "prox/parameter_matrix.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace proxprop {

namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Backward error that is let pass. In float32 a large tau_theta costs the route some digits before it comes to this.
double allowed_error(at::ScalarType dtype) {
  return dtype == at::kDouble ? 1e-9 : 1e-4;
}

// (beta I + A^T A) V = A^T g in float64, for A [groups, S, d] and g [groups, S, O]; V is [groups, O, d].
class DenseSystem {
 public:
  DenseSystem(const SampleMatrix& samples, const at::Tensor& rows, double beta)
      : samples_(samples.matrix.to(at::kDouble)), rows_(rows.to(at::kDouble)), beta_(beta) {
    if (samples.ones) {
      samples_ = at::cat({samples_, at::ones({samples_.size(0), samples_.size(1), 1}, samples_.options())}, 2);
    }
    gradient_ = batched_product(rows_.transpose(1, 2), samples_);
  }

  // |M V - b| / (|M| |V| + |b|).
  double backward_error(const at::Tensor& direction) const {
    const auto outputs = batched_product(samples_, direction.transpose(1, 2));
    const auto image = batched_product(outputs.transpose(1, 2), samples_) + beta_ * direction;
    const auto norm = samples_.square().sum() + beta_;
    const auto scale = norm * direction.norm() + gradient_.norm();
    return ((image - gradient_).norm() / scale).item<double>();
  }

  // Rounding of K and of its eigenvectors.
  at::Tensor hidden_below() const {
    return samples_.square().sum({1, 2}) * (epsilon * double(samples_.size(1) + samples_.size(2)));
  }

  // sum over i of (A^T q_i) (q_i^T g) / (lambda_i + beta): an eigenvector of eigenvalue 0 has A^T q = 0, and 1 / beta
  // must not multiply what rounding makes of that.
  at::Tensor solution() const {
    const auto basis = eigenbasis(batched_product(samples_, samples_.transpose(1, 2)));
    const auto inverses = at::where(
        basis.values > hidden_below().unsqueeze(1), (basis.values + beta_).reciprocal(), at::zeros_like(basis.values));
    const auto transposed = basis.vectors.transpose(1, 2);
    const auto coefficients = batched_product(transposed, rows_) * inverses.unsqueeze(2);
    return batched_product(coefficients.transpose(1, 2), batched_product(transposed, samples_));
  }

 private:
  at::Tensor samples_, rows_, gradient_;
  double beta_;
};

}  // namespace

bool float64_hides(double trace, double smallest_pivot, at::ScalarType dtype) {
  return !(epsilon * trace <= 0.01 * allowed_error(dtype) * smallest_pivot);
}

void certify(
    const LinearTransfer& transfer,
    const Ranks& ranks,
    const SampleMatrix& samples,
    const at::Tensor& rows,
    double beta,
    ProximalStep& step) {
  const auto dtype = rows.scalar_type();
  const DenseSystem system(samples, rows, beta);
  ranks.sum(step.direction);
  auto error = system.backward_error(to_matrix(transfer, step.direction).to(at::kDouble));
  const auto accurate = [&] { return error <= allowed_error(dtype); };
  if (step.summary.status == Status::regularized || !accurate()) {
    auto other = from_matrix(transfer, system.solution(), dtype);
    const auto other_error = system.backward_error(to_matrix(transfer, other).to(at::kDouble));
    if (!(error <= other_error)) {
      error = other_error;
      step.direction = std::move(other);
      step.summary.jitter = 0;
    }
    if (accurate()) {
      step.summary.status = Status::ok;
    } else {
      step.summary.status = Status::regularized;
      step.summary.jitter = std::max(step.summary.jitter, system.hidden_below().max().item<double>());
    }
  }
  for (auto& tensor : step.direction) {
    tensor.div_(double(ranks.count()));  // the route adds the ranks' parts
  }
}

}  // namespace proxprop
