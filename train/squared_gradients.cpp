#include "train/squared_gradients.h"

#include "lab/spectrum/flat_vector.h"

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include <algorithm>
#include <vector>

namespace proxprop::train {
namespace {

// Numbers of unfolded inputs and of records' gradients that are in memory at a time.
constexpr int64_t kNumbers = int64_t{1} << 23;

// A layer with parameters in a forward pass.
struct Pass {
  const torch::nn::Module* module;
  at::Tensor input;
  at::Tensor output;  // recorded by autograd
};

// Sums over the records of their gradients' squares, weight first, as the module has its parameters.
using Sums = std::vector<at::Tensor>;

Sums of_linear(const torch::nn::LinearImpl& layer, const at::Tensor& a, const at::Tensor& d) {
  const at::Tensor squares = d.square();
  Sums sums;
  sums.push_back(at::mm(squares.t(), a.square()));
  if (layer.bias.defined())
    sums.push_back(squares.sum(0));
  return sums;
}

at::Tensor unfolded(const at::Tensor& images, const torch::nn::detail::ConvNdOptions<2>& options) {
  return at::im2col(
      images, *options.kernel_size(), *options.dilation(), *std::get_if<torch::ExpandingArray<2>>(&options.padding()),
      *options.stride());
}

// A convolution correlates the small images, with one number per position of the kernel, and the unfolded large ones:
// input and output of a transposed one have changed places.
template <class Conv>
Sums of_convolution(const Conv& layer, const at::Tensor& small, const at::Tensor& large, const at::Tensor& d) {
  const int64_t groups = layer.options.groups(), records = d.size(0);
  at::Tensor sum = at::zeros_like(layer.weight.detach());
  const int64_t unfolded_size = layer.weight[0].numel() * groups * small[0][0].numel();
  const int64_t at_once = std::max<int64_t>(1, kNumbers / std::max(unfolded_size, layer.weight.numel()));
  for (int64_t first = 0; first < records; first += at_once) {
    const int64_t count = std::min(at_once, records - first);
    const at::Tensor left = small.narrow(0, first, count).flatten(2);
    const at::Tensor right = unfolded(large.narrow(0, first, count), layer.options);
    const at::Tensor gradients = at::matmul(
        left.reshape({count, groups, -1, left.size(2)}),
        right.reshape({count, groups, -1, right.size(2)}).transpose(2, 3));
    sum += gradients.square().sum(0).view_as(sum);
  }
  Sums sums;
  sums.push_back(sum);
  if (layer.bias.defined())
    sums.push_back(d.flatten(2).sum(2).square().sum(0));
  return sums;
}

Sums sums_of(const Pass& pass, const at::Tensor& d) {
  if (const auto* linear = dynamic_cast<const torch::nn::LinearImpl*>(pass.module))
    return of_linear(*linear, pass.input, d);
  if (const auto* conv = dynamic_cast<const torch::nn::Conv2dImpl*>(pass.module))
    return of_convolution(*conv, d, pass.input, d);
  const auto* transposed = dynamic_cast<const torch::nn::ConvTranspose2dImpl*>(pass.module);
  TORCH_CHECK(
      transposed != nullptr, "proxprop: squared gradients are known of Linear, Conv2d and ConvTranspose2d, not of ",
      pass.module->name());
  return of_convolution(*transposed, pass.input, d, d);
}

}  // namespace

at::Tensor mean_squared_gradients(
    torch::nn::Sequential& model, const at::Tensor& input, const at::Tensor& labels, int64_t chunk) {
  const std::vector<at::Tensor> parameters = model->parameters();
  at::Tensor mean = at::zeros(
      {spectrum::flat_size(parameters)}, parameters.front().options().dtype(at::kDouble).requires_grad(false));
  for (int64_t first = 0; first < labels.size(0); first += chunk) {
    std::vector<Pass> passes;
    at::Tensor x = input.slice(0, first, first + chunk);
    for (torch::nn::AnyModule& module : *model) {
      at::Tensor y = module.forward(x);
      if (!module.ptr()->parameters().empty())
        passes.push_back({module.ptr().get(), x.detach(), y});
      x = y;
    }
    const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
    const at::Tensor loss = torch::nn::functional::cross_entropy(x, labels.slice(0, first, first + chunk), sum);
    std::vector<at::Tensor> outputs;
    for (const Pass& pass : passes)
      outputs.push_back(pass.output);
    const std::vector<at::Tensor> d = torch::autograd::grad({loss}, outputs);
    const torch::NoGradGuard no_grad;
    std::vector<at::Tensor> squares;
    for (size_t i = 0; i < passes.size(); ++i) {
      for (at::Tensor& sums : sums_of(passes[i], d[i]))
        squares.push_back(std::move(sums));
    }
    spectrum::add_flattened(mean, squares, parameters);
  }
  return mean.div_(static_cast<double>(labels.size(0)));
}

}  // namespace proxprop::train
