// The feature route: V = (beta I + G)^-1 B with G = A^T A [d, d] and B = A^T g, one factor for all outputs. B is
// accumulated in float64: the solve amplifies its rounding error by the condition number (3e6 at the paper's first
// convolution). Ranks therefore sum it in float64, too, but for the running Gram.

#include "prox/block_solve.h"
#include "prox/conjugate_gradient.h"
#include "prox/dense_product.h"
#include "prox/factor.h"
#include "prox/parameter_matrix.h"
#include "prox/ranks.h"
#include "prox/routes.h"
#include "prox/saved_gram.h"

#include <ATen/ATen.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace proxprop {

namespace {

// x [groups, O, d] is held as itself; M x = beta x + x G.
class FeatureSpace final : public CgSpace {
 public:
  FeatureSpace(at::Tensor gram, double beta, Coupling coupling)
      : gram_(std::move(gram)), beta_(beta), joint_(coupling == Coupling::joint) {}

  at::Tensor dot(const CgVector& x, const CgVector& y) const override {
    const auto products = x[0] * y[0];
    return joint_ ? products.sum() : products.sum({2}, /*keepdim=*/true);
  }
  at::Tensor curvature(const CgVector& p, const CgVector&) override {
    image_ = at::add(batched_product(p[0], gram_), p[0], beta_);
    return dot(p, {image_});
  }
  CgVector multiply(const CgVector&, const CgVector&) override { return {image_}; }
  at::Tensor as_factor(const at::Tensor& scalars, const at::Tensor&) const override { return scalars; }

 private:
  at::Tensor gram_;
  double beta_;
  bool joint_;
  at::Tensor image_;
};

// V [groups, O, d] of a Gram and gradient: what one rank does, for itself or for all.
at::Tensor solve(at::Tensor gram, const at::Tensor& gradient, const Request& request, StepSummary& summary) {
  if (is_exact(request.solver)) {
    const auto factor = factorize(std::move(gram), request.beta);
    summary.status = factor.status;
    summary.jitter = factor.jitter;
    return factor.solve(gradient.transpose(1, 2)).transpose(1, 2);
  }
  const auto& cg = std::get<ConjugateGradient>(request.solver);
  FeatureSpace space(std::move(gram), request.beta, request.coupling);
  auto result = conjugate_gradient(space, {gradient}, cg.iterations, cg.tolerance);
  summary.iterations = result.iterations;
  summary.status = convergence_status(cg.tolerance, result.converged);
  return result.solution[0];
}

// V of one rank alone where the exact step falls into blocks; undefined elsewhere, and where one of them fails.
at::Tensor solve_by_the_blocks(const LinearTransfer& transfer, const at::Tensor& gradient, const Request& request) {
  if (!is_exact(request.solver) || !gradient.is_cpu() || transfer.feature_block_sizes().size() <= 1) {
    return {};
  }
  const auto solution = solve_by_blocks(
      transfer.feature_gram_blocks(), double(transfer.dimensions()->rows), request.beta, gradient.transpose(1, 2));
  return solution ? solution->transpose(1, 2) : at::Tensor();
}

// The whole step, for a solver that every rank has to go on with, or one rank alone.
ProximalStep whole_step(const LinearTransfer& transfer, const at::Tensor& grad_output, const Request& request) {
  const auto& ranks = request.ranks;
  const auto own_gradient = to_matrix(transfer, transfer.accurate_adjoint(grad_output));
  ProximalStep step;
  step.summary.route = Route::feature_gram;
  at::Tensor direction;
  if (const auto* running = std::get_if<RunningGram>(&request.solver)) {
    // Rounded before the sum: its product with the inverse is one of the gradient's dtype in any case.
    direction = running_gram_direction(
        transfer, ranks, ranks.sum(own_gradient.to(grad_output.scalar_type())), request.beta, *running, *request.saved,
        step.summary);
  } else if (!solves_afresh(request.solver, ranks.dimensions(transfer))) {
    const auto gradient = ranks.sum(own_gradient);
    direction = amortized_solve(
                    ranks.feature_gram(transfer), gradient.transpose(1, 2), request.beta,
                    std::get<AmortizedCholesky>(request.solver), *request.saved, step.summary)
                    .transpose(1, 2);
  } else {
    direction = solve_by_the_blocks(transfer, own_gradient, request);
    if (!direction.defined()) {
      direction = solve(transfer.feature_gram(), own_gradient, request, step.summary);
    }
  }
  step.direction = from_matrix(transfer, direction, grad_output.scalar_type());
  return step;
}

// The step that the layer's owner solves for all ranks: Gram and gradient are summed there, and V is sent back.
class OwnedStep final : public BegunStep {
 public:
  OwnedStep(std::shared_ptr<const LinearTransfer> transfer, const at::Tensor& grad_output, const Request& request)
      : ranks_(request.ranks),
        request_{request.beta, request.solver, request.coupling, ranks_, request.owner},
        shapes_(transfer->parameter_shapes()),
        options_(grad_output.options()),
        packed_(ranks_.packed_gram(*transfer)) {
    const auto gradient = to_matrix(*transfer, transfer->accurate_adjoint(grad_output));
    gradient_sizes_ = gradient.sizes().vec();
    message_ = at::empty({packed_.numbers() + gradient.numel()}, gradient.options());
    packed_.pack(transfer->feature_gram(), own_part(0, packed_.numbers()));
    own_part(packed_.numbers(), gradient.numel()).copy_(gradient.reshape({-1}));
    sum_ = ranks_.communicator().start_reduce(message_, request_.owner);
    if (owned()) {
      transfer_ = std::move(transfer);
    }
  }

  void settle() override {
    if (!owned()) {
      wait_for_sum();
      message_.reset();
    }
  }

  void solve() override {
    // V in the parameters' own shapes, and the summary behind it.
    int64_t count = 0;
    for (const auto& shape : shapes_) {
      count += c10::multiply_integers(shape);
    }
    result_ = at::empty({count + summary_size * int64_t(sizeof(double) / options_.dtype().itemsize())}, options_);
    if (owned()) {
      solve_for_all();
    }
    broadcast_ = ranks_.communicator().start_broadcast(result_, request_.owner);
  }

  ProximalStep finish() override {
    broadcast_();
    settle();
    ProximalStep step;
    int64_t first = 0;
    for (const auto& shape : shapes_) {
      const auto size = c10::multiply_integers(shape);
      step.direction.push_back(result_.narrow(0, first, size).view(shape));
      first += size;
    }
    const auto told = result_.narrow(0, first, result_.numel() - first).cpu().contiguous();
    double numbers[summary_size];
    std::memcpy(numbers, told.const_data_ptr(), sizeof(numbers));
    step.summary.route = Route::feature_gram;
    step.summary.status = Status(int(numbers[0]));
    step.summary.iterations = int64_t(numbers[1]);
    step.summary.jitter = numbers[2];
    return step;
  }

 private:
  static constexpr int64_t summary_size = 3;

  bool owned() const { return ranks_.communicator().rank() == request_.owner; }
  at::Tensor own_part(int64_t first, int64_t size) const { return message_.narrow(0, first, size); }

  // And lets go of what it holds.
  void wait_for_sum() {
    if (sum_) {
      sum_();
      sum_ = nullptr;
    }
  }

  void solve_for_all() {
    wait_for_sum();
    StepSummary summary;
    const auto numbers = packed_.numbers();
    auto gram = packed_.unpack(own_part(0, numbers));
    const auto gradient = own_part(numbers, message_.numel() - numbers).view(gradient_sizes_);
    const auto direction = proxprop::solve(std::move(gram), gradient, request_, summary);
    message_.reset();
    std::vector<at::Tensor> parts;
    for (const auto& part : from_matrix(*transfer_, direction, c10::typeMetaToScalarType(options_.dtype()))) {
      parts.push_back(part.reshape({-1}));
    }
    transfer_.reset();
    const auto of_direction = at::cat(parts);
    const double told[summary_size]{double(int(summary.status)), double(summary.iterations), summary.jitter};
    auto behind = at::empty({result_.numel() - of_direction.numel()}, options_.device(at::kCPU));
    std::memcpy(behind.mutable_data_ptr(), told, sizeof(told));
    result_.narrow(0, 0, of_direction.numel()).copy_(of_direction);
    result_.narrow(0, of_direction.numel(), behind.numel()).copy_(behind);
  }

  Ranks ranks_;
  Request request_;
  std::vector<std::vector<int64_t>> shapes_;
  at::TensorOptions options_;  ///< of V
  PackedGram packed_;
  std::vector<int64_t> gradient_sizes_;
  std::shared_ptr<const LinearTransfer> transfer_;  ///< the owner's
  at::Tensor message_;                              ///< Gram and gradient
  Await sum_;
  at::Tensor result_;
  Await broadcast_;
};

}  // namespace

BegunStepPtr feature_route(
    std::shared_ptr<const LinearTransfer> transfer, const at::Tensor& grad_output, const Request& request) {
  if (request.ranks.alone() || !solves_afresh(request.solver, request.ranks.dimensions(*transfer))) {
    return done(whole_step(*transfer, grad_output, request));
  }
  return std::make_unique<OwnedStep>(std::move(transfer), grad_output, request);
}

}  // namespace proxprop
