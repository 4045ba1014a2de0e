#include "train/rules/released_direction.h"

#include <ATen/ATen.h>

namespace proxprop::train {
namespace {

constexpr double epsilon = 1e-6;
constexpr double stop_ratio = 1e-4;

/// (A^T A + I / tau_theta) v without the matrix. In float32 the residual of the start, a difference of sums of this
/// size, still has the gradient in it; with A^T A in its place it has not.
at::Tensor apply(const ReleasedSystem& system, const at::Tensor& v) {
  return at::mm(system.a.t(), at::mm(system.a, v)) + v / system.tau_theta;
}

at::Tensor matrix_of(const ReleasedSystem& system) {
  at::Tensor matrix = at::mm(system.a.t(), system.a);
  matrix.diagonal().add_(1 / system.tau_theta);
  return matrix;
}

at::Tensor right_side(const ReleasedSystem& system) {
  const at::Tensor target = at::mm(system.a, system.theta) - system.grad;
  return at::mm(system.a.t(), target) + system.theta / system.tau_theta;
}

at::Tensor squared_columns(const at::Tensor& matrix) {
  return matrix.square().sum(0);
}

}  // namespace

at::Tensor released_exact_direction(const ReleasedSystem& system) {
  return system.theta - at::linalg_solve(matrix_of(system), right_side(system));
}

at::Tensor released_cg_direction(const ReleasedSystem& system, int64_t iterations) {
  at::Tensor x = system.theta.clone();
  at::Tensor residual = right_side(system) - apply(system, x);
  at::Tensor direction = residual;  // one storage, as released
  at::Tensor squared = squared_columns(residual);
  const at::Tensor enough = stop_ratio * squared.mean();
  for (int64_t i = 0; i < iterations; ++i) {
    const at::Tensor image = apply(system, direction);
    const at::Tensor alpha = squared / ((direction * image).sum(0) + epsilon);
    x += alpha * direction;
    residual -= alpha * image;
    const at::Tensor next = squared_columns(residual);
    if (next.max().lt(enough).item<bool>())
      break;
    direction = residual + next / (squared + epsilon) * direction;
    squared = next;
  }
  return system.theta - x;
}

}  // namespace proxprop::train
