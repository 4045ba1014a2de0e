// The matrix-free route: conjugate gradients on eq. 16 with nothing but phi and phi*. <p, M p> = beta |p|^2 + |phi
// p|^2, so k iterations take k applications and k - 1 adjoints; the right-hand side is the gradient itself.

#include "prox/conjugate_gradient.h"
#include "prox/ranks.h"
#include "prox/routes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace proxprop {

namespace {

// A vector is held as the parameters themselves, or per output as their rows: [groups, O / groups, *] each.
class ParameterSpace final : public CgSpace {
 public:
  ParameterSpace(const LinearTransfer& transfer, const Ranks& ranks, double beta, Coupling coupling)
      : transfer_(transfer), ranks_(ranks), beta_(beta), joint_(coupling == Coupling::joint) {}

  CgVector vector(std::vector<at::Tensor> theta) const {
    return joint_ ? std::move(theta) : transfer_.parameter_rows(theta);
  }
  std::vector<at::Tensor> parameters(const CgVector& x) const { return joint_ ? x : transfer_.parameters_from_rows(x); }

  /// phi* of all ranks' rows.
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const {
    auto theta = transfer_.adjoint(z);
    ranks_.sum(theta);
    return theta;
  }

  at::Tensor dot(const CgVector& x, const CgVector& y) const override {
    at::Tensor total;
    for (size_t i = 0; i < x.size(); ++i) {
      const auto all = x[i] * y[i];
      const auto products = joint_ ? all.sum(at::kDouble) : all.sum({2}, /*keepdim=*/true, at::kDouble);
      total = total.defined() ? total + products : products;
    }
    return total;
  }

  at::Tensor curvature(const CgVector& p, const CgVector&) override {
    image_ = transfer_.apply(parameters(p));
    return dot(p, p) * beta_ + ranks_.sum(output_norm());
  }

  CgVector multiply(const CgVector& p, const CgVector&) override {
    auto result = vector(adjoint(image_));
    for (size_t i = 0; i < p.size(); ++i) {
      result[i] = at::add(result[i], p[i], beta_);
    }
    return result;
  }

  at::Tensor as_factor(const at::Tensor& scalars, const at::Tensor& like) const override {
    return scalars.to(like.scalar_type());
  }

 private:
  // |phi p|^2 of this rank's rows, per output or in all.
  at::Tensor output_norm() const {
    if (joint_) {
      return image_.square().sum(at::kDouble);
    }
    const auto rows = transfer_.output_rows(image_);  // [groups, S, O / groups]
    return rows.square().sum({1}, /*keepdim=*/false, at::kDouble).unsqueeze(2);
  }

  const LinearTransfer& transfer_;
  const Ranks& ranks_;
  double beta_;
  bool joint_;
  at::Tensor image_;
};

int64_t parameter_count(const LinearTransfer& transfer) {
  int64_t count = 0;
  for (const auto& shape : transfer.parameter_shapes()) {
    count += c10::multiply_integers(shape);
  }
  return count;
}

}  // namespace

ProximalStep matrix_free_route(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  ProximalStep step;
  step.summary.route = Route::matrix_free;

  const bool exact = is_exact(request.solver);
  ConjugateGradient cg;
  if (exact) {
    const bool is_double = grad_output.scalar_type() == at::kDouble;
    cg.tolerance = is_double ? 1e-13 : 1e-6;
    cg.iterations = std::clamp<int64_t>(4 * parameter_count(transfer), 50, 2000);
    // Per output where possible: joint, outputs with small gradients would hardly be solved.
  } else {
    cg = std::get<ConjugateGradient>(request.solver);
  }

  // One power of two for the whole output keeps the inner products in range, joint or per output, unless outputs differ
  // by more than the range of squares.
  const auto scale = request.ranks.common_scale(power_of_two_scale(grad_output, {}));
  ParameterSpace space(transfer, request.ranks, request.beta, request.coupling);
  auto result =
      conjugate_gradient(space, space.vector(space.adjoint(grad_output * scale)), cg.iterations, cg.tolerance);
  for (const auto& tensor : space.parameters(result.solution)) {
    step.direction.push_back(tensor / scale);
  }
  step.summary.iterations = result.iterations;
  step.summary.status = convergence_status(cg.tolerance, result.converged);
  return step;
}

}  // namespace proxprop
