#include "lab/activation.h"

#include <ATen/ATen.h>

#include <sstream>

namespace proxprop::lab {

PiecewiseLinear::PiecewiseLinear(double negative_slope) : negative_slope_(negative_slope) {
  TORCH_CHECK(
      negative_slope >= 0 && negative_slope <= 1, "proxprop: the negative slope must lie in [0, 1], got ",
      negative_slope);
}

std::string PiecewiseLinear::name() const {
  if (negative_slope_ == 0)
    return "relu";
  if (negative_slope_ == 1)
    return "identity";
  std::ostringstream text;
  text << "leaky_relu " << negative_slope_;
  return text.str();
}

at::Tensor PiecewiseLinear::value(const at::Tensor& z) const {
  return at::leaky_relu(z, negative_slope_);
}

at::Tensor PiecewiseLinear::derivative(const at::Tensor& z) const {
  return at::where(z > 0, at::ones_like(z), at::full_like(z, negative_slope_));
}

at::Tensor Tanh::value(const at::Tensor& z) const {
  return at::tanh(z);
}

at::Tensor Tanh::derivative(const at::Tensor& z) const {
  return 1 - at::tanh(z).square();
}

at::Tensor Tanh::second_derivative(const at::Tensor& z) const {
  return -2 * at::tanh(z) * derivative(z);
}

// tanh x - tanh y = tanh(x - y) (1 - tanh x tanh y)
at::Tensor Tanh::increment(const at::Tensor& z, const at::Tensor& u) const {
  return at::tanh(u) * (1 - at::tanh(z) * at::tanh(z + u));
}

at::Tensor Sigmoid::value(const at::Tensor& z) const {
  return at::sigmoid(z);
}

at::Tensor Sigmoid::derivative(const at::Tensor& z) const {
  const auto sigma = at::sigmoid(z);
  return sigma * (1 - sigma);
}

at::Tensor Sigmoid::second_derivative(const at::Tensor& z) const {
  const auto sigma = at::sigmoid(z);
  return sigma * (1 - sigma) * (1 - 2 * sigma);
}

// sigmoid z = (1 + tanh(z / 2)) / 2
at::Tensor Sigmoid::increment(const at::Tensor& z, const at::Tensor& u) const {
  return at::tanh(u / 2) * (1 - at::tanh(z / 2) * at::tanh((z + u) / 2)) / 2;
}

}  // namespace proxprop::lab
