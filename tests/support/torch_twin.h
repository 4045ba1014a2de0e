#pragma once
// A convolution layer against its twin in torch::nn.

#include "support/dense_reference.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

namespace proxprop::testing {

/// With the same parameters, `ours` gives the output and input gradient of `theirs`, and in `.grad` the V of a dense
/// solve with phi built from the forward pass of `theirs`.
template <typename Ours, typename Theirs>
void expect_as_torch(Ours ours, Theirs theirs, const std::vector<int64_t>& input_size) {
  ours->to(torch::kDouble);
  theirs->to(torch::kDouble);
  {
    torch::NoGradGuard no_grad;
    theirs->weight.copy_(ours->weight);
    if (theirs->bias.defined()) {
      theirs->bias.copy_(ours->bias);
    }
  }
  const auto a = torch::randn(input_size, torch::kDouble).requires_grad_();
  const auto b = a.detach().clone().requires_grad_();
  const auto z = ours(a);
  const auto reference = theirs(b);
  ASSERT_EQ(z.sizes(), reference.sizes());
  EXPECT_LE(relative_error(z, reference), 1e-14);
  const auto g = torch::randn_like(z);
  z.backward(g);
  reference.backward(g);
  EXPECT_LE(relative_error(a.grad(), b.grad()), 1e-13);

  // V from the gradient and a dense M: (beta I + phi* phi) V = gradient, phi built from the torch layer's own forward.
  const auto parameters = theirs->parameters();
  std::vector<at::Tensor> columns;
  {
    torch::NoGradGuard no_grad;
    for (const auto& parameter : parameters) {
      parameter.zero_();
    }
    for (const auto& parameter : parameters) {
      for (int64_t j = 0; j < parameter.numel(); ++j) {
        parameter.view({-1})[j] = 1.0;
        columns.push_back(theirs(b).reshape({-1}));
        parameter.view({-1})[j] = 0.0;
      }
    }
  }
  const auto phi = at::stack(columns, 1);
  auto m = at::mm(phi.t(), phi);
  m.diagonal().add_(1 / ours->proximal_options().tau_theta);
  std::vector<at::Tensor> direction, gradient;
  for (const auto& parameter : ours->parameters()) {
    direction.push_back(parameter.grad());
  }
  for (const auto& parameter : parameters) {
    gradient.push_back(parameter.grad());
  }
  EXPECT_LE(relative_error(flatten(direction), at::linalg_solve(m, flatten(gradient))), 1e-10);
}

}  // namespace proxprop::testing
