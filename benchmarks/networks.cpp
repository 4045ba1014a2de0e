#include "benchmarks/networks.h"

#include <proxprop/proxprop.h>

#include <algorithm>

namespace proxprop::benchmarks {

template <typename Layer>
Function LayerMaker::watched(Layer layer, std::function<std::shared_ptr<LinearTransfer>(const at::Tensor&)> transfer) {
  keep(*layer);
  auto probe = std::make_shared<Probe>();
  probe->transfer = std::move(transfer);
  probe->parameters = layer->parameters();
  probes_.push_back(probe);
  layer->set_step_observer([taken = probe](const StepSummary& summary) { taken->taken = to_string(summary.route); });
  return [this, layer, probe](const at::Tensor& input) mutable {
    auto output = layer->forward(input);
    if (probing_) {
      output.retain_grad();
      probe->input = input.detach();
      probe->output = output;
    }
    return output;
  };
}

void LayerMaker::keep(const torch::nn::Module& module) {
  for (const auto& parameter : module.parameters()) {
    parameters_.push_back(parameter);
  }
}

Function LayerMaker::linear(int64_t in, int64_t out) {
  if (!step_) {
    return plain_linear(in, out);
  }
  nn::Linear layer(in, out);
  layer->set_proximal_options(*step_);
  return watched(
      layer, [out](const at::Tensor& input) { return std::make_shared<DenseTransfer>(input, out, Trained{}); });
}

Function LayerMaker::conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding, bool bias) {
  if (!step_) {
    torch::nn::Conv2d layer(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(padding).bias(bias));
    keep(*layer);
    return [layer](const at::Tensor& input) mutable { return layer->forward(input); };
  }
  nn::Conv2d layer(
      nn::Conv2dOptions(in, out, kernel).stride(stride).padding(torch::ExpandingArray<2>(padding)).bias(bias));
  layer->set_proximal_options(*step_);
  const ConvGeometry geometry{out, {kernel, kernel}, {stride, stride}, {padding, padding}, {1, 1}, 1};
  return watched(layer, [geometry, bias](const at::Tensor& input) {
    return std::make_shared<ConvTransfer>(input, geometry, Trained{true, bias});
  });
}

Function LayerMaker::plain_linear(int64_t in, int64_t out) {
  torch::nn::Linear layer(in, out);
  keep(*layer);
  return [layer](const at::Tensor& input) mutable { return layer->forward(input); };
}

Function LayerMaker::batch_norm(int64_t channels) {
  torch::nn::BatchNorm2d layer(channels);
  keep(*layer);
  return [layer](const at::Tensor& input) mutable { return layer->forward(input); };
}

double LayerMaker::residual(const std::function<void()>& step) {
  if (!step_) {
    return 0;
  }
  probing_ = true;
  step();
  probing_ = false;
  double largest = 0;
  for (const auto& probe : probes_) {
    std::vector<at::Tensor> direction;
    for (const auto& parameter : probe->parameters) {
      direction.push_back(parameter.grad());
    }
    const auto transfer = probe->transfer(probe->input);
    largest = std::max(largest, relative_residual(*transfer, probe->output.grad(), direction, *step_));
    probe->input = probe->output = at::Tensor();
  }
  return largest;
}

std::string LayerMaker::routes() const {
  std::string text;
  for (const auto& probe : probes_) {
    if (text.find(probe->taken) == std::string::npos) {
      text += (text.empty() ? "" : " + ") + probe->taken;
    }
  }
  return text.empty() ? "gradient" : text;
}

Function mlp(LayerMaker& make) {
  const std::vector<Function> layers{
      make.linear(3072, 4000), make.linear(4000, 1000), make.linear(1000, 4000), make.plain_linear(4000, 10)};
  return [layers](const at::Tensor& images) {
    auto a = images.flatten(1);
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      a = layers[i](a).relu();
    }
    return layers.back()(a);
  };
}

Function convnet(LayerMaker& make) {
  const std::vector<Function> layers{
      make.conv2d(3, 16, 5, 1, 2, true), make.conv2d(16, 20, 5, 1, 2, true), make.conv2d(20, 20, 5, 1, 2, true)};
  const auto output = make.plain_linear(320, 10);
  return [layers, output](const at::Tensor& images) {
    auto a = images;
    for (const auto& layer : layers) {
      a = at::max_pool2d(layer(a).relu(), 2);
    }
    return output(a.flatten(1));
  };
}

namespace {

Function basic_block(LayerMaker& make, int64_t in, int64_t out, int64_t stride) {
  const auto conv1 = make.conv2d(in, out, 3, stride, 1, false);
  const auto norm1 = make.batch_norm(out);
  const auto conv2 = make.conv2d(out, out, 3, 1, 1, false);
  const auto norm2 = make.batch_norm(out);
  Function shortcut = [](const at::Tensor& x) { return x; };
  if (stride != 1 || in != out) {
    const auto conv = make.conv2d(in, out, 1, stride, 0, false);
    const auto norm = make.batch_norm(out);
    shortcut = [conv, norm](const at::Tensor& x) { return norm(conv(x)); };
  }
  return [=](const at::Tensor& x) { return (norm2(conv2(norm1(conv1(x)).relu())) + shortcut(x)).relu(); };
}

}  // namespace

Function resnet18(LayerMaker& make) {
  std::vector<Function> layers;
  const auto stem = make.conv2d(3, 64, 3, 1, 1, false);
  const auto norm = make.batch_norm(64);
  layers.push_back([stem, norm](const at::Tensor& x) { return norm(stem(x)).relu(); });
  int64_t channels = 64;
  for (const int64_t out : {64, 128, 256, 512}) {
    layers.push_back(basic_block(make, channels, out, out == 64 ? 1 : 2));
    layers.push_back(basic_block(make, out, out, 1));
    channels = out;
  }
  const auto output = make.plain_linear(512, 10);
  return [layers, output](const at::Tensor& images) {
    auto a = images;
    for (const auto& layer : layers) {
      a = layer(a);
    }
    return output(a.mean({2, 3}));
  };
}

namespace {

constexpr int distinct_batches = 4;

}  // namespace

Contender training_step(
    const std::string& method,
    std::optional<ProximalOptions> step,
    const std::function<Function(LayerMaker&)>& network,
    int64_t batch) {
  return {method, /*planned=*/true, [=] {
            at::manual_seed(0);
            // Several batches, in turn: a solver that keeps a factor must not meet the batch that it was made from.
            std::vector<std::pair<at::Tensor, at::Tensor>> batches;
            for (int i = 0; i < distinct_batches; ++i) {
              batches.emplace_back(at::rand({batch, 3, 32, 32}), at::randint(10, {batch}, at::kLong));
            }
            const auto next = std::make_shared<size_t>(0);
            const auto maker = std::make_shared<LayerMaker>(step);
            const auto model = network(*maker);
            Running running;
            running.step = [=] {
              for (const auto& parameter : maker->parameters()) {
                parameter.mutable_grad().reset();
              }
              const auto& [images, labels] = batches[(*next)++ % batches.size()];
              at::cross_entropy_loss(model(images), labels).backward();
            };
            running.step();
            running.route = maker->routes();
            if (step) {
              running.residual = [maker, once = running.step] { return maker->residual(once); };
            }
            return running;
          }};
}

}  // namespace proxprop::benchmarks
