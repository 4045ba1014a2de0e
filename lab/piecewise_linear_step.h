#pragma once

#include "lab/activation.h"

namespace proxprop::lab {

/// z_k - z for the minimiser z of |sigma(z) - (sigma(z_k) - delta)|^2 + w |z - z_k|^2, w > 0, elementwise.
at::Tensor quadratic_step(const PiecewiseLinear& sigma, const at::Tensor& z, const at::Tensor& delta, double w);

/// z_k - z for the solution z of sigma(z) + w z = sigma(z_k) - delta + w z_k, w > 0, elementwise.
at::Tensor bregman_step(const PiecewiseLinear& sigma, const at::Tensor& z, const at::Tensor& delta, double w);

}  // namespace proxprop::lab
