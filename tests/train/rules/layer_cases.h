#pragma once
// One small linear layer and one convolution, with an input and an output gradient, as the rules' tests need them: as a
// pass, and as matrices that are built without any of the project's transfers.

#include "train/rules/direction_rule.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace proxprop::train {

struct LayerCase {
  std::string name;
  at::Tensor input;
  std::vector<at::Tensor> parameters;  // weight and bias, float64
  at::Tensor grad_output;
  std::function<std::unique_ptr<LinearTransfer>(Trained)> transfer;
  std::function<at::Tensor(const at::Tensor& weight, const at::Tensor& bias)> forward;
  at::Tensor rows;         // A with a column of ones, [S, d]
  at::Tensor output_rows;  // g, [S, O]

  LayerPass pass() const { return {input.size(0), grad_output, parameters, transfer}; }
  double records() const { return static_cast<double>(input.size(0)); }
  double row_count() const { return static_cast<double>(rows.size(0)); }
  at::Tensor gradient() const { return at::mm(output_rows.t(), rows); }  // [O, d]
};

// Weight and bias side by side, [O, d].
inline at::Tensor as_matrix(const std::vector<at::Tensor>& parameters) {
  return at::cat({parameters[0].flatten(1), parameters[1].unsqueeze(1)}, 1);
}

inline at::Tensor with_ones(const at::Tensor& rows) {
  return at::cat({rows, at::ones({rows.size(0), 1}, rows.options())}, 1);
}

inline LayerCase linear_case(const at::Tensor& input, const at::Tensor& grad_output) {
  LayerCase c{"linear", input, {}, grad_output, {}, {}, with_ones(input), grad_output};
  const int64_t outputs = grad_output.size(1);
  c.parameters = {at::randn({outputs, input.size(1)}, input.options()), at::randn({outputs}, input.options())};
  c.transfer = [input, outputs](Trained trained) { return std::make_unique<DenseTransfer>(input, outputs, trained); };
  c.forward = [input](const at::Tensor& weight, const at::Tensor& bias) { return at::linear(input, weight, bias); };
  return c;
}

// Kernel 3, stride 2, padding 1; the rows are the patches that im2col gives.
inline LayerCase conv_case(const at::Tensor& input, const at::Tensor& grad_output) {
  LayerCase c{"convolution", input, {}, grad_output, {}, {}, {}, {}};
  const int64_t channels = input.size(1), outputs = grad_output.size(1);
  c.parameters = {at::randn({outputs, channels, 3, 3}, input.options()), at::randn({outputs}, input.options())};
  const ConvGeometry geometry{outputs, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1};
  c.transfer = [input, geometry](Trained trained) { return std::make_unique<ConvTransfer>(input, geometry, trained); };
  c.forward = [input](const at::Tensor& weight, const at::Tensor& bias) {
    return at::conv2d(input, weight, bias, 2, 1);
  };
  const at::Tensor patches = at::im2col(input, {3, 3}, {1, 1}, {1, 1}, {2, 2});  // [N, 9 C, H' W']
  c.rows = with_ones(patches.transpose(1, 2).reshape({-1, 9 * channels}));
  c.output_rows = grad_output.flatten(2).transpose(1, 2).reshape({-1, outputs});
  return c;
}

// Gradients of the size that a loss with a mean over the records gives.
inline std::vector<LayerCase> layer_cases() {
  const auto options = at::TensorOptions(at::kDouble);
  return {
      linear_case(at::randn({12, 5}, options), at::randn({12, 4}, options) / 12),
      conv_case(at::randn({5, 2, 7, 6}, options), at::randn({5, 3, 4, 3}, options) / 5)};
}

inline double relative_error(const at::Tensor& value, const at::Tensor& expected) {
  return ((value - expected).norm() / expected.norm()).item<double>();
}

}  // namespace proxprop::train
