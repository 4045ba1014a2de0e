#include "torch_library/single_use.h"

#include "autograd/parameter_tracker.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

namespace proxprop::torch_library {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Call final : torch::CustomClassHolder {
  Call(autograd::TransferFunctionPtr f, Direction d) : function(std::move(f)), direction(std::move(d)) {}
  autograd::TransferFunctionPtr function;
  Direction direction;
};

class SingleUse : public torch::autograd::Function<SingleUse> {
 public:
  static at::Tensor forward(
      AutogradContext* context,
      const at::Tensor& input,
      const c10::intrusive_ptr<Call>& call,
      at::TensorList parameters) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({input, parameters[0]});
    context->saved_data["call"] =
        at::IValue::make_capsule(c10::static_intrusive_pointer_cast<torch::CustomClassHolder>(call));
    context->saved_data["bias"] = parameters.size() > 1;
    return call->function->forward(input, parameters);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    autograd::refuse_create_graph();
    const auto saved = context->get_saved_variables();
    const auto& input = saved[0];
    const auto& weight = saved[1];
    const auto call = c10::static_intrusive_pointer_cast<Call>(context->saved_data["call"].toCapsule());
    const auto& g = grad_outputs.front();

    const bool has_bias = context->saved_data["bias"].toBool();
    variable_list gradients(has_bias ? 4 : 3);  // input, call, weight, bias
    if (context->needs_input_grad(0)) {
      gradients[0] = autograd::input_gradient(*call->function, g, input, {weight}).to(input.scalar_type());
    }
    const bool train_weight = context->needs_input_grad(1);
    const bool train_bias = has_bias && context->needs_input_grad(2);
    if (train_weight || train_bias) {
      auto [weight_step, bias_step] = call->direction(input, g, weight, train_weight, train_bias);
      if (train_weight) {
        gradients[2] = weight_step.to(weight.scalar_type());
      }
      if (train_bias) {
        gradients[3] = bias_step.to(weight.scalar_type());
      }
    }
    return gradients;
  }
};

}  // namespace

at::Tensor single_use(
    const autograd::TransferFunctionPtr& function,
    Direction direction,
    const at::Tensor& input,
    const at::Tensor& weight,
    const std::optional<at::Tensor>& bias) {
  std::vector<at::Tensor> parameters{weight};
  if (bias) {
    parameters.push_back(*bias);
  }
  return SingleUse::apply(input, c10::make_intrusive<Call>(function, std::move(direction)), at::TensorList(parameters));
}

}  // namespace proxprop::torch_library
