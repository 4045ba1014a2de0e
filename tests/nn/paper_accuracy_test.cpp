// The direction in float32 at every layer of the paper's two models, on real batches of 500, against float64.

#include "support/cifar.h"
#include "support/dense_reference.h"

#include <proxprop/proxprop.h>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace proxprop::testing {
namespace {

constexpr int64_t batch = 500;

struct Layer {
  std::string name;
  at::Tensor input;   ///< a
  at::Tensor output;  ///< z, its gradient retained
  at::Tensor weight, bias;
};

// The paper's networks as lists of proximal layers; `forward` keeps what the judge needs.
class PaperMlp {
 public:
  explicit PaperMlp(double tau_theta) {
    for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{{3072, 4000}, {4000, 1000}, {1000, 4000}}) {
      hidden_.emplace_back(nn::LinearOptions(in, out).tau_theta(tau_theta));
    }
  }
  at::Tensor forward(const at::Tensor& images, std::vector<Layer>* layers) {
    auto a = images.flatten(1);
    for (auto& layer : hidden_) {
      auto z = layer->forward(a);
      if (layers != nullptr) {
        z.retain_grad();
        layers->push_back({"fc" + std::to_string(layers->size() + 1), a.detach(), z, layer->weight, layer->bias});
      }
      a = z.relu();
    }
    return output_->forward(a);
  }
  std::vector<at::Tensor> parameters() {
    std::vector<at::Tensor> all;
    for (auto& layer : hidden_) {
      all.insert(all.end(), {layer->weight, layer->bias});
    }
    all.insert(all.end(), {output_->weight, output_->bias});
    return all;
  }
  void set_tau_theta(double tau_theta) {
    for (auto& layer : hidden_) {
      layer->set_tau_theta(tau_theta);
    }
  }

 private:
  std::vector<nn::Linear> hidden_;
  torch::nn::Linear output_{4000, 10};
};

class PaperConvNet {
 public:
  explicit PaperConvNet(double tau_theta) {
    for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{{3, 16}, {16, 20}, {20, 20}}) {
      convolutions_.emplace_back(nn::Conv2dOptions(in, out, 5).padding(2).tau_theta(tau_theta));
    }
  }
  at::Tensor forward(const at::Tensor& images, std::vector<Layer>* layers) {
    auto a = images;
    for (auto& layer : convolutions_) {
      auto z = layer->forward(a);
      if (layers != nullptr) {
        z.retain_grad();
        layers->push_back({"conv" + std::to_string(layers->size() + 1), a.detach(), z, layer->weight, layer->bias});
      }
      a = at::max_pool2d(z.relu(), 2);
    }
    return output_->forward(a.flatten(1));
  }
  std::vector<at::Tensor> parameters() {
    std::vector<at::Tensor> all;
    for (auto& layer : convolutions_) {
      all.insert(all.end(), {layer->weight, layer->bias});
    }
    all.insert(all.end(), {output_->weight, output_->bias});
    return all;
  }
  void set_tau_theta(double tau_theta) {
    for (auto& layer : convolutions_) {
      layer->set_tau_theta(tau_theta);
    }
  }

 private:
  std::vector<nn::Conv2d> convolutions_;
  torch::nn::Linear output_{320, 10};
};

// A and A^T g in float64, by means of ATen alone: the primal problem, which no fast route solves in this form.
at::Tensor sample_matrix(const Layer& layer) {
  auto a = layer.input.to(at::kDouble);
  if (a.dim() == 4) {
    a = at::im2col(a, {5, 5}, {1, 1}, {2, 2}, {1, 1}).transpose(1, 2).reshape({-1, a.size(1) * 25});
  }
  return at::cat({a, at::ones({a.size(0), 1}, a.options())}, 1);
}

at::Tensor reference_direction(const Layer& layer, double tau_theta) {
  auto g = layer.output.grad().to(at::kDouble);
  if (g.dim() == 4) {
    g = g.permute({0, 2, 3, 1}).reshape({-1, g.size(1)});
  }
  at::Tensor gram, gradient;
  const int64_t chunk_images = 50;
  for (int64_t first = 0; first < batch; first += chunk_images) {
    auto part = layer;
    part.input = layer.input.narrow(0, first, chunk_images);
    const auto a = sample_matrix(part);
    const auto rows = g.size(0) / batch;
    const auto g_part = g.narrow(0, first * rows, chunk_images * rows);
    gram = gram.defined() ? gram + at::mm(a.t(), a) : at::mm(a.t(), a);
    gradient = gradient.defined() ? gradient + at::mm(a.t(), g_part) : at::mm(a.t(), g_part);
  }
  gram.diagonal().add_(1 / tau_theta);
  return at::cholesky_solve(gradient, at::linalg_cholesky(gram)).t();  // [O, d]
}

at::Tensor direction_of(const Layer& layer) {
  return at::cat({layer.weight.grad().flatten(1), layer.bias.grad().unsqueeze(1)}, 1).to(at::kDouble);
}

template <typename Model>
void expect_accurate(Model& model, const at::Tensor& images, const at::Tensor& labels, double bound, const char* when) {
  for (const double tau_theta : {0.05, 1.0}) {
    model.set_tau_theta(tau_theta);
    for (auto& parameter : model.parameters()) {
      parameter.mutable_grad() = at::Tensor();
    }
    std::vector<Layer> layers;
    torch::nn::functional::cross_entropy(model.forward(images.narrow(0, 0, batch), &layers), labels.narrow(0, 0, batch))
        .backward();
    for (const auto& layer : layers) {
      const auto error = relative_error(direction_of(layer), reference_direction(layer, tau_theta));
      ::testing::Test::RecordProperty(
          layer.name + "_tau" + std::to_string(tau_theta) + "_" + when, std::to_string(error));
      std::printf("%-6s tau_theta %-5g %-9s relative error %.1e\n", layer.name.c_str(), tau_theta, when, error);
      EXPECT_LE(error, bound) << layer.name << ", tau_theta = " << tau_theta << ", " << when;
    }
  }
}

template <typename Model, typename Optimizer>
void train(Model& model, Optimizer&& optimizer, const at::Tensor& images, const at::Tensor& labels, int steps) {
  const auto batches = images.size(0) / batch;
  for (int step = 0; step < steps; ++step) {
    const auto first = (step % batches) * batch;
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(
        model.forward(images.narrow(0, first, batch), nullptr), labels.narrow(0, first, batch))
        .backward();
    optimizer.step();
  }
}

TEST(PaperAccuracy, MlpDirectionIsWithinOneInAHundredThousand) {
  const auto records = cifar_records(2500);
  if (!records) {
    GTEST_SKIP() << "SKIPPED: no CIFAR-10 in $PROXPROP_DATA or ../shared/data";
  }
  torch::manual_seed(0);
  PaperMlp model(0.05);
  expect_accurate(model, records->first, records->second, 1e-5, "initial");
  model.set_tau_theta(0.05);
  train(
      model, torch::optim::SGD(model.parameters(), torch::optim::SGDOptions(1.0).momentum(0.95).nesterov(true)),
      records->first, records->second, 10);
  expect_accurate(model, records->first, records->second, 1e-5, "trained");
}

TEST(PaperAccuracy, ConvNetDirectionIsWithinOneInAThousand) {
  const auto records = cifar_records(2500);
  if (!records) {
    GTEST_SKIP() << "SKIPPED: no CIFAR-10 in $PROXPROP_DATA or ../shared/data";
  }
  torch::manual_seed(0);
  PaperConvNet model(1.0);
  expect_accurate(model, records->first, records->second, 1e-3, "initial");
  model.set_tau_theta(1.0);
  train(
      model, torch::optim::Adam(model.parameters(), torch::optim::AdamOptions(1e-3)), records->first, records->second,
      20);
  expect_accurate(model, records->first, records->second, 1e-3, "trained");
}

}  // namespace
}  // namespace proxprop::testing
