// The sample ("dual") route. By the push-through identity (paper eq. 13 with phi = A)
//
//     (beta I + A^T A)^-1 A^T g = A^T (beta I + K)^-1 g,    K = A A^T,
//
// the direction is the ordinary weight gradient of g~ = (beta I + K)^-1 g: no d x d matrix, no second weight gradient.
// The inverse is applied to the smaller of g [S, O] and A [S, d]. A column of ones in A (the bias) adds one to all
// entries of K.
//
// Where ranks share the rows, all have K, and each takes its own rows of g~ to its own weight gradient; the direction
// is the sum of these.

#include "prox/conjugate_gradient.h"
#include "prox/dense_product.h"
#include "prox/eigenbasis.h"
#include "prox/factor.h"
#include "prox/ranks.h"
#include "prox/routes.h"
#include "prox/sample_certificate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace proxprop {

namespace {

// coefficients^T transform([A, 1]), split into the parameters: [groups, O, S] x [groups, S, d]. Of many ranks' rows,
// coefficients and what `transform` gives are this rank's.
template <typename Transform>
std::vector<at::Tensor> product_with_samples(
    const LinearTransfer& transfer,
    const SampleMatrix& samples,
    const at::Tensor& coefficients,
    const Transform& transform) {
  const auto left = coefficients.transpose(1, 2);
  const auto rows = samples.matrix.size(1);
  std::vector<at::Tensor> parts;
  if (samples.matrix.size(-1) > 0) {
    parts.push_back(batched_product(left, transform(samples.matrix)));
  }
  if (samples.ones) {
    const auto ones = at::ones({left.size(0), rows, 1}, left.options());
    parts.push_back(batched_product(left, transform(ones)));
  }
  return transfer.parameters_from_rows(parts);
}

// The exponent of a power of two near beta I + K, in units of which coefficients (beta I + K)^-1 g are held where
// float32 might not hold them otherwise; 0 elsewhere.
int unit_exponent(double size) {
  constexpr int of_ordinary_problems = 40;
  const int exponent = size > 0 && std::isfinite(size) ? std::ilogb(size) : 0;
  return std::abs(exponent) < of_ordinary_problems ? 0 : exponent;
}

// tensor *= 2^exponent, in steps that are in the range of a float.
void scale_by_power_of_two(at::Tensor& tensor, int exponent) {
  for (const int part : {exponent / 2, exponent - exponent / 2}) {
    if (part != 0) {
      tensor.mul_(std::ldexp(1.0, part));
    }
  }
}

// This rank's rows of 2^exponent (beta I + K)^-1 as an operator on `columns` columns of a dtype. Float32 columns that
// are many go through the inverse, formed in float64 and rounded once: its product then runs at the speed of a GEMM,
// and the direction has relative error 2e-6 to 6e-6 at the paper's layers. Few columns, or float64 ones, go through the
// factor.
class InverseOperator {
 public:
  InverseOperator(at::Tensor gram, double beta, int exponent, int64_t columns, at::ScalarType dtype, const Ranks& ranks)
      : ranks_(ranks), unit_(std::ldexp(1.0, exponent)) {
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
      const auto largest_entry = largest(inverse_);  // of all rows: the ranks have to decide alike
      inverse_ = ranks.own_rows(inverse_);
      if (unit_ != 1) {
        inverse_ = inverse_ * unit_;
      }
      rounded_inverse_ = inverse_.to(dtype);
      cancels_ = largest_entry > limit;
    }
  }
  /// Whether its product must not be cancelled by A^T afterwards: then apply it to A, whose image has no such part.
  bool cancels() const { return cancels_; }
  const Factor& factor() const { return factor_; }

  at::Tensor operator()(const at::Tensor& right) const {
    if (!rounded_inverse_.defined()) {
      const auto solution = ranks_.own_rows(factor_.solve(right));
      return (unit_ != 1 ? solution * unit_ : solution).to(right.scalar_type());
    }
    return cancels_ ? batched_product(inverse_, right.to(at::kDouble)).to(right.scalar_type())
                    : batched_product(rounded_inverse_, right);
  }

 private:
  static constexpr double rounding = 6e-8;
  static constexpr double cancellation_limit = 1e-3;

  const Ranks& ranks_;
  double unit_;
  Factor factor_;
  at::Tensor inverse_, rounded_inverse_;
  bool cancels_ = false;
};

// What the solvers have in hand.
struct SampleProblem {
  const LinearTransfer& transfer;
  const Ranks& ranks;
  at::Tensor rows;  ///< g of all ranks, [groups, S, O / groups]
  std::optional<SampleMatrix>
      samples;  ///< A of all ranks where K needed it; this rank alone makes it when it is asked for

  int exponent = 0;  ///< coefficients are in units of its power of two

  bool outputs_are_fewer() const { return rows.size(-1) <= transfer.dimensions()->columns; }
  SampleMatrix all_samples() const { return samples ? *samples : transfer.sample_matrix(); }
  void in_own_units(std::vector<at::Tensor>& direction) const {
    for (auto& tensor : direction) {
      scale_by_power_of_two(tensor, -exponent);
    }
  }
  /// A^T c, without the sum over the ranks, for this rank's rows of c.
  std::vector<at::Tensor> adjoint(const at::Tensor& own_coefficients) const {
    return transfer.adjoint(transfer.output_from_rows(own_coefficients));
  }
};

ProximalStep exact_direction(const SampleProblem& problem, at::Tensor gram, double beta, double trace) {
  const auto& rows = problem.rows;
  const auto columns = std::min(rows.size(-1), problem.transfer.dimensions()->columns);
  const InverseOperator inverse(std::move(gram), beta, problem.exponent, columns, rows.scalar_type(), problem.ranks);
  ProximalStep step;
  step.summary.status = inverse.factor().status;
  step.summary.jitter = inverse.factor().jitter;
  step.direction =
      problem.outputs_are_fewer() && !inverse.cancels()
          ? problem.adjoint(inverse(rows))
          : product_with_samples(problem.transfer, problem.all_samples(), problem.ranks.own_rows(rows), inverse);
  problem.in_own_units(step.direction);
  if (step.summary.status != Status::not_finite &&
      float64_hides(trace, inverse.factor().smallest_pivot(), rows.scalar_type())) {
    certify(problem.transfer, problem.ranks, problem.all_samples(), rows, beta, step);
  }
  return step;
}

// CG per output in the eigenbasis Q of K, where an iteration costs O(S) per output. The smaller of A and the
// coefficients is rotated back; in the basis, too, ranks share the rows.
ProximalStep eigenbasis_direction(
    const SampleProblem& problem, const at::Tensor& gram, double beta, const ConjugateGradient& cg) {
  const auto form = eigenbasis(gram);
  const auto dtype = problem.rows.scalar_type();
  const auto basis = form.vectors.to(dtype);
  const auto& rotation = problem.exponent == 0 ? basis : form.vectors;  // in float64 where units differ
  const auto right_side = batched_product(rotation.transpose(1, 2), problem.rows.to(rotation.scalar_type()));
  auto solution = conjugate_gradient_in_eigenbasis(form, beta, right_side, cg.iterations, cg.tolerance);
  scale_by_power_of_two(solution.coefficients, problem.exponent);
  const auto coefficients = solution.coefficients.to(dtype);
  ProximalStep step;
  step.summary.iterations = cg.iterations;
  step.summary.status = convergence_status(cg.tolerance, solution.converged);
  const auto& ranks = problem.ranks;
  if (problem.outputs_are_fewer()) {
    step.direction = problem.adjoint(batched_product(ranks.own_rows(basis), coefficients));
  } else {
    const auto transposed = basis.transpose(1, 2);
    const auto rotate_back = [&](const at::Tensor& part) { return batched_product(ranks.own_rows(transposed), part); };
    step.direction =
        product_with_samples(problem.transfer, problem.all_samples(), ranks.own_rows(coefficients), rotate_back);
  }
  problem.in_own_units(step.direction);
  return step;
}

// x = A^T c is held as its coefficients c [groups, S, O]. With <x, y> = c_x^T K c_y and M A^T c = A^T (beta c + K c),
// an iteration costs one product with K.
class SampleSpace final : public CgSpace {
 public:
  SampleSpace(at::Tensor gram, double beta, Coupling coupling)
      : gram_(std::move(gram)), beta_(beta), joint_(coupling == Coupling::joint) {}

  std::optional<at::Tensor> rounding(const CgVector& r) const override {
    const auto trace = gram_.diagonal(0, -2, -1).sum(-1, /*keepdim=*/false, at::kDouble).reshape({-1, 1, 1});
    return squared_rounding(gram_.scalar_type()) * (joint_ ? trace.max() : trace) * dot(r, r);
  }
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

ProximalStep conjugate_gradient_direction(
    const SampleProblem& problem, const at::Tensor& gram, const Request& request, const ConjugateGradient& cg) {
  const bool joint = request.coupling == Coupling::joint;
  const auto& rows = problem.rows;
  if (!joint && rows.is_cpu() && eigenbasis_pays(double(rows.size(1)), double(rows.size(2)), double(cg.iterations))) {
    return eigenbasis_direction(problem, gram, request.beta, cg);
  }
  const auto scale = power_of_two_scale(rows, joint ? at::IntArrayRef{} : at::IntArrayRef{1});
  SampleSpace space(gram.to(rows.scalar_type()), request.beta, request.coupling);
  auto result = conjugate_gradient(space, {rows * scale}, cg.iterations, cg.tolerance);
  ProximalStep step;
  scale_by_power_of_two(result.solution[0], problem.exponent);
  step.direction = problem.adjoint(problem.ranks.own_rows(result.solution[0] / scale));
  problem.in_own_units(step.direction);
  step.summary.iterations = result.iterations;
  step.summary.status = convergence_status(cg.tolerance, result.converged);
  return step;
}

}  // namespace

ProximalStep sample_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  const auto& ranks = request.ranks;
  SampleProblem problem{transfer, ranks, ranks.gather_rows(transfer.output_rows(grad_output)), std::nullopt};
  if (!ranks.alone()) {
    problem.samples = ranks.samples(transfer);
  }
  auto gram = problem.samples ? ranks.sample_gram(*problem.samples) : transfer.sample_gram();
  const auto trace = gram.is_cpu() ? gram.diagonal(0, -2, -1).sum(-1).max().item<double>() : 0.0;
  problem.exponent = unit_exponent(request.beta + trace);
  auto step = is_exact(request.solver)
                  ? exact_direction(problem, std::move(gram), request.beta, trace)
                  : conjugate_gradient_direction(problem, gram, request, std::get<ConjugateGradient>(request.solver));
  step.summary.route = Route::sample_gram;
  return step;
}

}  // namespace proxprop
