// The sample ("dual") route. By the push-through identity (paper eq. 13 with phi = A)
//
//     (beta I + A^T A)^-1 A^T g = A^T (beta I + K)^-1 g,    K = A A^T,
//
// the direction is the ordinary weight gradient of g~ = (beta I + K)^-1 g: no d x d matrix, no second weight gradient.
// The inverse is applied to the smaller of g [S, O] and A [S, d]. A column of ones in A (the bias) adds one to all
// entries of K.

#include "prox/conjugate_gradient.h"
#include "prox/dense_product.h"
#include "prox/eigenbasis.h"
#include "prox/factor.h"
#include "prox/routes.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// coefficients^T transform([A, 1]), split into the parameters: [groups, O, S] x [groups, S, d].
template <typename Transform>
std::vector<at::Tensor> product_with_samples(
    const LinearTransfer& transfer,
    const SampleMatrix& samples,
    const at::Tensor& coefficients,
    const Transform& transform) {
  const auto left = coefficients.transpose(1, 2);
  std::vector<at::Tensor> parts;
  if (samples.matrix.size(-1) > 0) {
    parts.push_back(batched_product(left, transform(samples.matrix)));
  }
  if (samples.ones) {
    const auto ones = at::ones({left.size(0), left.size(2), 1}, left.options());
    parts.push_back(batched_product(left, transform(ones)));
  }
  return transfer.parameters_from_rows(parts);
}

// (beta I + K)^-1 as an operator on `columns` columns of a dtype. Float32 columns that are many go through the inverse,
// formed in float64 and rounded once: its product then runs at the speed of a GEMM, and the direction has relative
// error 2e-6 to 6e-6 at the paper's layers. Few columns, or float64 ones, go through the factor.
class InverseOperator {
 public:
  InverseOperator(at::Tensor gram, double beta, int64_t columns, at::ScalarType dtype) {
    if (dtype == at::kDouble) {
      factor_ = factorize(std::move(gram), beta);
      return;
    }
    // |A^T| |rounding of the inverse or of its product| |g| against |g|: samples that (nearly) repeat others give the
    // inverse entries of 1 / beta that A^T must cancel, which a large tau_theta turns into lost digits.
    const auto largest = [](const at::Tensor& m) {
      return m.is_cpu() ? m.diagonal(0, -2, -1).max().item<double>() : 0.0;
    };
    const auto limit = cancellation_limit / rounding / largest(gram);
    const bool few_columns = 3 * columns < 2 * gram.size(-1);
    factor_ = factorize(std::move(gram), beta);
    if (!few_columns || 1 / beta > limit) {
      inverse_ = factor_.inverse();
      rounded_inverse_ = inverse_.to(dtype);
      cancels_ = largest(inverse_) > limit;
    }
  }
  /// Whether its product must not be cancelled by A^T afterwards: then apply it to A, whose image has no such part.
  bool cancels() const { return cancels_; }
  const Factor& factor() const { return factor_; }

  at::Tensor operator()(const at::Tensor& right) const {
    if (!rounded_inverse_.defined()) {
      return factor_.solve(right).to(right.scalar_type());
    }
    return cancels_ ? batched_product(inverse_, right.to(at::kDouble)).to(right.scalar_type())
                    : batched_product(rounded_inverse_, right);
  }

 private:
  static constexpr double rounding = 6e-8;
  static constexpr double cancellation_limit = 1e-3;

  Factor factor_;
  at::Tensor inverse_, rounded_inverse_;
  bool cancels_ = false;
};

ProximalStep exact_direction(const LinearTransfer& transfer, const at::Tensor& rows, at::Tensor gram, double beta) {
  const auto columns = std::min(rows.size(-1), transfer.dimensions()->columns);
  const InverseOperator inverse(std::move(gram), beta, columns, rows.scalar_type());
  ProximalStep step;
  step.summary.route = Route::sample_gram;
  step.summary.status = inverse.factor().status;
  step.summary.jitter = inverse.factor().jitter;
  step.direction = rows.size(-1) <= transfer.dimensions()->columns && !inverse.cancels()
                       ? transfer.adjoint(transfer.output_from_rows(inverse(rows)))
                       : product_with_samples(transfer, transfer.sample_matrix(), rows, inverse);
  return step;
}

// CG per output in the eigenbasis Q of K, where an iteration costs O(S) per output. The smaller of A and the
// coefficients is rotated back.
ProximalStep eigenbasis_direction(
    const LinearTransfer& transfer,
    const at::Tensor& rows,
    const at::Tensor& gram,
    double beta,
    const ConjugateGradient& cg) {
  const auto form = eigenbasis(gram);
  const auto basis = form.vectors.to(rows.scalar_type());
  const auto solution = conjugate_gradient_in_eigenbasis(
      form, beta, batched_product(basis.transpose(1, 2), rows), cg.iterations, cg.tolerance);
  ProximalStep step;
  step.summary.route = Route::sample_gram;
  step.summary.iterations = cg.iterations;
  step.summary.status = convergence_status(cg.tolerance, solution.converged);
  if (rows.size(-1) <= transfer.dimensions()->columns) {
    step.direction = transfer.adjoint(transfer.output_from_rows(batched_product(basis, solution.coefficients)));
  } else {
    const auto rotate_back = [&](const at::Tensor& part) { return batched_product(basis.transpose(1, 2), part); };
    step.direction = product_with_samples(transfer, transfer.sample_matrix(), solution.coefficients, rotate_back);
  }
  return step;
}

// x = A^T c is held as its coefficients c [groups, S, O]. With <x, y> = c_x^T K c_y and M A^T c = A^T (beta c + K c),
// an iteration costs one product with K.
class SampleSpace final : public CgSpace {
 public:
  SampleSpace(at::Tensor gram, double beta, Coupling coupling)
      : gram_(std::move(gram)), beta_(beta), joint_(coupling == Coupling::joint) {}

  CgVector metric(const CgVector& x) const override { return {batched_product(gram_, x[0])}; }
  at::Tensor dot(const CgVector& x, const CgVector& y) const override {
    const auto products = x[0] * y[0];
    return joint_ ? products.sum(at::kDouble) : products.sum({1}, /*keepdim=*/true, at::kDouble);
  }
  at::Tensor curvature(const CgVector& p, const CgVector& metric_p) override {
    image_ = at::add(metric_p[0], p[0], beta_);
    return dot({image_}, metric_p);
  }
  CgVector multiply(const CgVector&, const CgVector&) override { return {image_}; }
  at::Tensor as_factor(const at::Tensor& scalars, const at::Tensor& like) const override {
    return scalars.to(like.scalar_type());
  }

 private:
  at::Tensor gram_;
  double beta_;
  bool joint_;
  at::Tensor image_;
};

}  // namespace

ProximalStep sample_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  const auto rows = transfer.output_rows(grad_output);
  auto gram = transfer.sample_gram();
  if (is_exact(request.solver)) {
    return exact_direction(transfer, rows, std::move(gram), request.beta);
  }
  const auto& cg = std::get<ConjugateGradient>(request.solver);
  const bool joint = request.coupling == Coupling::joint;
  if (!joint && rows.is_cpu() && eigenbasis_pays(double(rows.size(1)), double(rows.size(2)), double(cg.iterations))) {
    return eigenbasis_direction(transfer, rows, gram, request.beta, cg);
  }
  const auto scale = power_of_two_scale(rows, joint ? at::IntArrayRef{} : at::IntArrayRef{1});
  SampleSpace space(gram.to(rows.scalar_type()), request.beta, request.coupling);
  auto result = conjugate_gradient(space, {rows * scale}, cg.iterations, cg.tolerance);
  ProximalStep step;
  step.summary.route = Route::sample_gram;
  step.direction = transfer.adjoint(transfer.output_from_rows(result.solution[0] / scale));
  step.summary.iterations = result.iterations;
  step.summary.status = convergence_status(cg.tolerance, result.converged);
  return step;
}

}  // namespace proxprop
