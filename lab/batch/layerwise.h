#pragma once
// What the methods with variables of their own for each record share: the networks that they know, and least squares.

#include "lab/network.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace proxprop::batch {

/// Throws c10::Error unless the layers are affine in their input and one elementwise activation, and nothing else,
/// stands between two of them. What prepares the data, before the first layer, is free.
void check_elementwise(const lab::Network& network);

/// sigma between layer `index` and the next, of a network that has passed `check_elementwise`.
const lab::Activation& activation_behind(const lab::Network& network, int64_t index);

/// Each layer's share of the network's parameters, which for fully connected layers is that of the work.
std::vector<double> parameter_shares(const lab::Network& network);

/// theta - theta' for a theta' that minimises |phi(theta', a) - z|^2, `residual` being phi(theta, a) - z: by one
/// factorisation, with a ridge of a few rounding errors of the dtype, relative to the Gram matrix, that keeps
/// parameters which the data do not determine where they are.
std::vector<at::Tensor> least_squares_displacement(
    const lab::Layer& layer, const at::Tensor& a, const at::Tensor& residual);

/// That ridge. Also the damping of Gauss-Newton steps in theta.
double relative_ridge(const at::Tensor& a);

/// theta -= displacement, not recorded by autograd.
void subtract(const lab::Layer& layer, const std::vector<at::Tensor>& displacement);

}  // namespace proxprop::batch
