// The direction itself, for people who build their own training. Prints
//
//     proxprop 0.1.0: |V| = 0.6667, solved by feature Gram
#include <proxprop/proxprop.h>

#include <ATen/ATen.h>

#include <cstdio>

int main() {
  // One feature, two samples with a = 1 and g = 1: V = (1 / tau_theta + a.a)^-1 a.g = 2 / (1 + 2).
  const auto input = at::ones({2, 1});
  const auto grad_output = at::ones({2, 1});
  const auto step = proxprop::nn::functional::linear_direction(input, grad_output, {.tau_theta = 1.0}, /*bias=*/false);
  std::printf(
      "proxprop %s: |V| = %.4f, solved by %s\n", PROXPROP_VERSION, step.direction[0].norm().item<double>(),
      proxprop::to_string(step.summary.route).c_str());
}
