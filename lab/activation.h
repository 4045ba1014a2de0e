#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace proxprop::lab {

/// An elementwise nonlinear transfer sigma (paper, eq. 1). Derive from one of the two families below: the implicit step
/// rules of z know no other.
class Activation {
 public:
  virtual ~Activation() = default;
  virtual std::string name() const = 0;
  virtual at::Tensor value(const at::Tensor& z) const = 0;
  virtual at::Tensor derivative(const at::Tensor& z) const = 0;
};

/// sigma(z) = z for z > 0 and slope * z elsewhere: ReLU (slope 0), leaky ReLU, the identity (slope 1). The derivative
/// at 0 is the slope, as in torch.
class PiecewiseLinear final : public Activation {
 public:
  /// `negative_slope` lies in [0, 1].
  explicit PiecewiseLinear(double negative_slope);
  std::string name() const override;
  at::Tensor value(const at::Tensor& z) const override;
  at::Tensor derivative(const at::Tensor& z) const override;
  double negative_slope() const { return negative_slope_; }

 private:
  double negative_slope_;
};

/// A strictly increasing function with bounded first and second derivative.
class Smooth : public Activation {
 public:
  virtual at::Tensor second_derivative(const at::Tensor& z) const = 0;
  /// sigma(z + u) - sigma(z) without cancellation for small u.
  virtual at::Tensor increment(const at::Tensor& z, const at::Tensor& u) const = 0;
  /// Upper bounds of sigma' and |sigma''|.
  virtual double largest_derivative() const = 0;
  virtual double largest_second_derivative() const = 0;
  /// sup sigma - inf sigma; infinity where sigma is not bounded.
  virtual double range() const = 0;
};

class Tanh final : public Smooth {
 public:
  std::string name() const override { return "tanh"; }
  at::Tensor value(const at::Tensor& z) const override;
  at::Tensor derivative(const at::Tensor& z) const override;
  at::Tensor second_derivative(const at::Tensor& z) const override;
  at::Tensor increment(const at::Tensor& z, const at::Tensor& u) const override;
  double largest_derivative() const override { return 1; }
  double largest_second_derivative() const override { return 0.7698003589195010; }  // 4 / (3 sqrt 3)
  double range() const override { return 2; }
};

class Sigmoid final : public Smooth {
 public:
  std::string name() const override { return "sigmoid"; }
  at::Tensor value(const at::Tensor& z) const override;
  at::Tensor derivative(const at::Tensor& z) const override;
  at::Tensor second_derivative(const at::Tensor& z) const override;
  at::Tensor increment(const at::Tensor& z, const at::Tensor& u) const override;
  double largest_derivative() const override { return 0.25; }
  double largest_second_derivative() const override { return 0.09622504486493763; }  // 1 / (6 sqrt 3)
  double range() const override { return 1; }
};

using ActivationPtr = std::shared_ptr<const Activation>;

}  // namespace proxprop::lab
