#include "train/released_linear.h"

#include "train/released_direction.h"

#include <torch/autograd.h>

namespace proxprop::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// `iterations` of conjugate gradients; 0: by LU.
class ReleasedLinearFunction : public torch::autograd::Function<ReleasedLinearFunction> {
 public:
  static at::Tensor forward(
      AutogradContext* context,
      const at::Tensor& input,
      const at::Tensor& weight,
      const at::Tensor& bias,
      double tau_theta,
      int64_t iterations) {
    context->save_for_backward({input, weight, bias});
    context->saved_data["tau_theta"] = tau_theta;
    context->saved_data["iterations"] = iterations;
    return at::linear(input, weight, bias);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1], &bias = saved[2], &grad = gradients[0];
    const bool has_bias = bias.defined();
    ReleasedSystem system;
    system.a = has_bias ? at::cat({input, at::ones({input.size(0), 1}, input.options())}, 1) : input;
    system.theta = (has_bias ? at::cat({weight, bias.unsqueeze(1)}, 1) : weight).t().contiguous();
    system.grad = grad;
    system.tau_theta = context->saved_data["tau_theta"].toDouble();
    const int64_t iterations = context->saved_data["iterations"].toInt();
    const at::Tensor direction =
        (iterations == 0 ? released_exact_direction(system) : released_cg_direction(system, iterations)).t();
    return {
        context->needs_input_grad(0) ? at::mm(grad, weight) : at::Tensor(),
        direction.narrow(1, 0, weight.size(1)).contiguous(),
        has_bias ? direction.select(1, -1).contiguous() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool is_released(const MethodConfig& method) {
  return method.name == "released-exact" || method.name == "released-cg";
}

ReleasedLinearImpl::ReleasedLinearImpl(const torch::nn::LinearOptions& sizes, const MethodConfig& method)
    : LinearImpl(sizes), method_(method) {}

std::string ReleasedLinearImpl::solver() const {
  return method_.name == "released-cg" ? "released cg" + std::to_string(method_.cg_iterations) : "released exact";
}

std::string ReleasedLinearImpl::route() const {
  return method_.name == "released-cg" ? "matrix-free" : "feature Gram";
}

at::Tensor ReleasedLinearImpl::forward(const at::Tensor& input) {
  return ReleasedLinearFunction::apply(
      input, weight, bias, method_.tau_theta, method_.name == "released-cg" ? method_.cg_iterations : 0);
}

}  // namespace proxprop::train
