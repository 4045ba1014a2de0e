#include "train/chunked_loss.h"

#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <algorithm>

namespace proxprop::train {

ChunkedLoss::ChunkedLoss(torch::nn::Sequential model, const at::Tensor& input, const at::Tensor& labels, int64_t chunk)
    : model_(std::move(model)), input_(input), labels_(labels), chunk_(std::min(chunk, labels.size(0))) {}

int64_t ChunkedLoss::passes() const {
  return (records() + chunk_ - 1) / chunk_;
}

at::Tensor ChunkedLoss::output(int64_t pass) const {
  torch::nn::Sequential model = model_;
  return model->forward(input_.slice(0, pass * chunk_, (pass + 1) * chunk_));
}

at::Tensor ChunkedLoss::labels(int64_t pass) const {
  return labels_.slice(0, pass * chunk_, (pass + 1) * chunk_);
}

at::Tensor ChunkedLoss::share_of_loss(int64_t pass) const {
  const at::Tensor targets = labels(pass);
  const at::Tensor mean = torch::nn::functional::cross_entropy(output(pass), targets);
  return passes() == 1 ? mean : mean * (static_cast<double>(targets.size(0)) / static_cast<double>(records()));
}

at::Tensor ChunkedLoss::value() const {
  const torch::NoGradGuard no_grad;
  at::Tensor loss = share_of_loss(0);
  for (int64_t pass = 1; pass < passes(); ++pass)
    loss = loss + share_of_loss(pass);
  return loss;
}

at::Tensor ChunkedLoss::backward(double weight) const {
  at::Tensor loss;
  for (int64_t pass = 0; pass < passes(); ++pass) {
    const at::Tensor share = weight == 1 ? share_of_loss(pass) : share_of_loss(pass) * weight;
    share.backward();
    loss = loss.defined() ? loss + share.detach() : share.detach();
  }
  return loss;
}

std::vector<std::pair<at::Tensor, at::Tensor>> ChunkedLoss::outputs() const {
  std::vector<std::pair<at::Tensor, at::Tensor>> all;
  for (int64_t pass = 0; pass < passes(); ++pass)
    all.emplace_back(output(pass), labels(pass));
  return all;
}

}  // namespace proxprop::train
