#include "benchmarks/suites/layer_cases.h"

#include <proxprop/proxprop.h>

#include <torch/torch.h>

#include <memory>

namespace proxprop::benchmarks {

namespace {

// Forward and backward of one layer; the gradient of its output is given, the input's gradient is wanted.
template <typename Layer>
std::function<void()> step_of(Layer layer, const at::Tensor& input, const at::Tensor& grad_output) {
  return [layer, input, grad_output]() mutable {
    for (const auto& parameter : layer->parameters()) {
      parameter.mutable_grad().reset();
    }
    input.mutable_grad().reset();
    layer->forward(input).backward(grad_output);
  };
}

template <typename Layer>
Running proximal(
    Layer layer,
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::shared_ptr<LinearTransfer> transfer,
    const ProximalOptions& options) {
  layer->set_proximal_options(options);
  const auto route = std::make_shared<std::string>();
  layer->set_step_observer([route](const StepSummary& summary) { *route = to_string(summary.route); });
  Running running;
  running.step = step_of(layer, input, grad_output);
  running.step();
  running.route = *route;
  running.residual = [layer, grad_output, transfer, options]() {
    std::vector<at::Tensor> direction;
    for (const auto& parameter : layer->parameters()) {
      direction.push_back(parameter.grad());
    }
    return relative_residual(*transfer, grad_output, direction, options);
  };
  return running;
}

// Plain and proximal layers of a number of dimensions.
template <size_t D>
struct Layers;
template <>
struct Layers<1> {
  using Plain = torch::nn::Conv1d;
  using PlainTransposed = torch::nn::ConvTranspose1d;
  using Proximal = nn::Conv1d;
  using ProximalTransposed = nn::ConvTranspose1d;
};
template <>
struct Layers<2> {
  using Plain = torch::nn::Conv2d;
  using PlainTransposed = torch::nn::ConvTranspose2d;
  using Proximal = nn::Conv2d;
  using ProximalTransposed = nn::ConvTranspose2d;
};
template <>
struct Layers<3> {
  using Plain = torch::nn::Conv3d;
  using PlainTransposed = torch::nn::ConvTranspose3d;
  using Proximal = nn::Conv3d;
  using ProximalTransposed = nn::ConvTranspose3d;
};

at::Tensor random_input(const ConvCase& c) {
  at::manual_seed(0);
  std::vector<int64_t> shape{c.batch, c.in};
  shape.insert(shape.end(), c.size.begin(), c.size.end());
  return at::rand(shape);
}

int64_t padding_of(const ConvCase& c) {
  return c.form.dilation * (c.kernel - 1) / 2;
}

template <typename Options, size_t D>
Options options_of(const ConvCase& c) {
  const torch::ExpandingArray<D> padding(padding_of(c));
  return Options(c.in, c.out, c.kernel)
      .stride(c.form.stride)
      .padding(padding)
      .dilation(c.form.dilation)
      .groups(c.form.groups);
}

std::shared_ptr<LinearTransfer> transfer_of(const ConvCase& c, const at::Tensor& input) {
  const auto each = [&](int64_t value) { return std::vector<int64_t>(c.size.size(), value); };
  const ConvGeometry geometry{
      c.out, each(c.kernel), each(c.form.stride), each(padding_of(c)), each(c.form.dilation), c.form.groups};
  if (c.form.transposed) {
    return std::make_shared<ConvTransposeTransfer>(input, ConvTransposeGeometry{geometry, each(0)}, Trained{});
  }
  return std::make_shared<ConvTransfer>(input, geometry, Trained{});
}

template <size_t D>
Running conv_step(const ConvCase& c, std::optional<ProximalOptions> options) {
  using Kind = Layers<D>;
  const auto input = random_input(c).requires_grad_();
  const auto transfer = transfer_of(c, input.detach());
  const auto grad_output = at::randn(*transfer->output_shape()) / double(c.batch);
  if (c.form.transposed) {
    if (options) {
      typename Kind::ProximalTransposed layer(options_of<nn::ConvTransposeOptions<D>, D>(c));
      return proximal(layer, input, grad_output, transfer, *options);
    }
    typename Kind::PlainTransposed layer(options_of<torch::nn::ConvTransposeOptions<D>, D>(c));
    return {step_of(layer, input, grad_output), {}, "gradient"};
  }
  if (options) {
    typename Kind::Proximal layer(options_of<nn::ConvOptions<D>, D>(c));
    return proximal(layer, input, grad_output, transfer, *options);
  }
  typename Kind::Plain layer(options_of<torch::nn::ConvOptions<D>, D>(c));
  return {step_of(layer, input, grad_output), {}, "gradient"};
}

std::string conv_name(const ConvCase& c) {
  auto text = std::string(c.form.transposed ? "conv_transpose" : "conv") + std::to_string(c.size.size()) +
              "d N=" + std::to_string(c.batch) + " " + std::to_string(c.in) + "-" + std::to_string(c.out) + " k" +
              std::to_string(c.kernel) + " at ";
  for (size_t i = 0; i < c.size.size(); ++i) {
    text += (i > 0 ? "x" : "") + std::to_string(c.size[i]);
  }
  text += c.form.stride > 1 ? " stride " + std::to_string(c.form.stride) : "";
  text += c.form.dilation > 1 ? " dilation " + std::to_string(c.form.dilation) : "";
  return text + (c.form.groups > 1 ? " groups " + std::to_string(c.form.groups) : "");
}

}  // namespace

LayerCase linear_case(int64_t rows, int64_t in, int64_t out) {
  const auto make = [=](std::optional<ProximalOptions> options) -> Running {
    at::manual_seed(0);
    const auto input = at::rand({rows, in}).requires_grad_();
    const auto grad_output = at::randn({rows, out}) / double(rows);
    if (!options) {
      return {step_of(torch::nn::Linear(in, out), input, grad_output), {}, "gradient"};
    }
    const auto transfer = std::make_shared<DenseTransfer>(input.detach(), out, Trained{});
    return proximal(nn::Linear(in, out), input, grad_output, transfer, *options);
  };
  return {
      "linear S=" + std::to_string(rows) + " " + std::to_string(in) + "-" + std::to_string(out),
      {rows, in + 1, out, 1},
      make};
}

LayerCase conv_case(const ConvCase& c) {
  const auto make = [c](std::optional<ProximalOptions> options) {
    switch (c.size.size()) {
      case 1: return conv_step<1>(c, options);
      case 2: return conv_step<2>(c, options);
      default: return conv_step<3>(c, options);
    }
  };
  return {conv_name(c), *transfer_of(c, random_input(c))->dimensions(), make};
}

}  // namespace proxprop::benchmarks
