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
#include "prox/parameter_matrix.h"
#include "prox/routes.h"
#include "prox/symmetric_gram.h"

#include <ATen/ATen.h>

namespace proxprop {

namespace {

at::Tensor sample_gram(const SampleMatrix& samples) {
  auto gram = symmetric_gram(samples.matrix);
  if (samples.ones) {
    gram.add_(1.0);
  }
  return gram;
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  if (a.size(0) == 1) {
    return matrix_product(a[0], b[0]).unsqueeze(0);
  }
  return at::bmm(a, b);
}

// coefficients^T transform([A, 1]), split into the parameters' shapes: [groups, O, S] x [groups, S, d].
template <typename Transform>
std::vector<at::Tensor> product_with_samples(
    const LinearTransfer& transfer,
    const SampleMatrix& samples,
    const at::Tensor& coefficients,
    const Transform& transform) {
  const auto shapes = transfer.parameter_shapes();
  const auto left = coefficients.transpose(1, 2);
  std::vector<at::Tensor> parts;
  if (samples.matrix.size(-1) > 0) {
    parts.push_back(product(left, transform(samples.matrix)).view(shapes.front()));
  }
  if (samples.ones) {
    const auto ones = at::ones({left.size(0), left.size(2), 1}, left.options());
    parts.push_back(product(left, transform(ones)).view(shapes.back()));
  }
  return parts;
}

// The same without a transform: the ordinary weight gradient.
std::vector<at::Tensor> weight_gradient(
    const LinearTransfer& transfer, const SampleMatrix& samples, const at::Tensor& coefficients) {
  const auto shapes = transfer.parameter_shapes();
  std::vector<at::Tensor> parts;
  if (samples.matrix.size(-1) > 0) {
    parts.push_back(product(coefficients.transpose(1, 2), samples.matrix).view(shapes.front()));
  }
  if (samples.ones) {
    parts.push_back(coefficients.sum(1).view(shapes.back()));
  }
  return parts;
}

// (beta I + K)^-1 as an operator on columns. In float32 the inverse is formed in float64 and rounded once: its product
// then runs at the speed of a GEMM, and the direction has relative error 2e-6 to 6e-6 at the paper's layers. In float64
// the factor solves directly.
class InverseOperator {
 public:
  InverseOperator(const Factor& factor, const at::Tensor& gram, at::ScalarType dtype) : factor_(factor) {
    if (dtype != at::kDouble) {
      inverse_ = factor.inverse();
      rounded_inverse_ = inverse_.to(dtype);
      // |A^T| |rounding of the inverse| |g| against |g|: samples that (nearly) repeat others give the inverse entries
      // of 1 / beta that A^T must cancel, which a large tau_theta turns into lost digits.
      if (gram.is_cpu()) {
        const auto largest = [](const at::Tensor& m) { return m.diagonal(0, -2, -1).max().item<double>(); };
        cancels_ = rounding * largest(inverse_) * largest(gram) > cancellation_limit;
      }
    }
  }
  /// Whether its product must not be cancelled by A^T afterwards: then apply it to A, whose image has no such part.
  bool cancels() const { return cancels_; }

  at::Tensor operator()(const at::Tensor& right) const {
    if (!rounded_inverse_.defined()) {
      return factor_.solve(right);
    }
    return cancels_ ? product(inverse_, right.to(at::kDouble)).to(right.scalar_type())
                    : product(rounded_inverse_, right);
  }

 private:
  static constexpr double rounding = 6e-8;
  static constexpr double cancellation_limit = 1e-3;

  const Factor& factor_;
  at::Tensor inverse_, rounded_inverse_;
  bool cancels_ = false;
};

std::vector<at::Tensor> exact_direction(
    const LinearTransfer& transfer,
    const SampleMatrix& samples,
    const at::Tensor& rows,
    const at::Tensor& gram,
    const Factor& factor) {
  const InverseOperator inverse(factor, gram, rows.scalar_type());
  if (rows.size(-1) <= samples.matrix.size(-1) && !inverse.cancels()) {
    return weight_gradient(transfer, samples, inverse(rows));
  }
  return product_with_samples(transfer, samples, rows, inverse);
}

// Whether the eigenvectors of K pay for `iterations` on `outputs` columns: about 20 S^3 operations (at the rate of
// products with K) for them and two products for the rotations, against one product and ten passes over memory per
// iteration.
bool eigenbasis_pays(const at::Tensor& rows, int64_t iterations) {
  const auto samples = double(rows.size(1));
  const auto outputs = double(rows.size(2));
  const auto product = 2 * samples * samples * outputs;
  return 20 * samples * samples * samples + 2 * product < double(iterations) * (product + 300 * samples * outputs);
}

// CG per output in the eigenbasis Q of K, where an iteration costs O(S) per output. The smaller of A and the
// coefficients is rotated back.
ProximalStep eigenbasis_direction(
    const LinearTransfer& transfer,
    const SampleMatrix& samples,
    const at::Tensor& rows,
    const at::Tensor& gram,
    double beta,
    const ConjugateGradient& cg) {
  const auto form = eigenbasis(gram);
  const auto basis = form.vectors.to(rows.scalar_type());
  const auto solution =
      conjugate_gradient_in_eigenbasis(form, beta, product(basis.transpose(1, 2), rows), cg.iterations, cg.tolerance);
  ProximalStep step;
  step.summary.route = Route::sample_gram;
  step.summary.iterations = cg.iterations;
  step.summary.status = convergence_status(cg.tolerance, solution.converged);
  step.direction = rows.size(-1) <= samples.matrix.size(-1)
                       ? weight_gradient(transfer, samples, product(basis, solution.coefficients))
                       : product_with_samples(transfer, samples, solution.coefficients, [&](const at::Tensor& part) {
                           return product(basis.transpose(1, 2), part);
                         });
  return step;
}

// x = A^T c is held as its coefficients c [groups, S, O]. With <x, y> = c_x^T K c_y and M A^T c = A^T (beta c + K c),
// an iteration costs one product with K.
class SampleSpace final : public CgSpace {
 public:
  SampleSpace(at::Tensor gram, double beta, Coupling coupling)
      : gram_(std::move(gram)), beta_(beta), joint_(coupling == Coupling::joint) {}

  CgVector metric(const CgVector& x) const override { return {product(gram_, x[0])}; }
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
  const auto samples = transfer.sample_matrix();
  const auto rows = transfer.output_rows(grad_output);
  const auto gram = sample_gram(samples);

  ProximalStep step;
  step.summary.route = Route::sample_gram;
  if (std::holds_alternative<Cholesky>(request.solver)) {
    const auto factor = factorize(gram, request.beta);
    step.direction = exact_direction(transfer, samples, rows, gram, factor);
    step.summary.status = factor.status;
    step.summary.jitter = factor.jitter;
    return step;
  }
  const auto& cg = std::get<ConjugateGradient>(request.solver);
  const bool joint = request.coupling == Coupling::joint;
  if (!joint && rows.is_cpu() && eigenbasis_pays(rows, cg.iterations)) {
    return eigenbasis_direction(transfer, samples, rows, gram, request.beta, cg);
  }
  const auto scale = power_of_two_scale(rows, joint ? at::IntArrayRef{} : at::IntArrayRef{1});
  SampleSpace space(gram.to(rows.scalar_type()), request.beta, request.coupling);
  auto result = conjugate_gradient(space, {rows * scale}, cg.iterations, cg.tolerance);
  step.direction = weight_gradient(transfer, samples, result.solution[0] / scale);
  step.summary.iterations = result.iterations;
  step.summary.status = convergence_status(cg.tolerance, result.converged);
  return step;
}

}  // namespace proxprop
