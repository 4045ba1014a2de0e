#include "train/evaluation.h"

#include "train/data/batch.h"

#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <algorithm>

namespace proxprop::train {
namespace {

namespace F = torch::nn::functional;

constexpr int64_t kBatchSize = 1000;

class EvaluationMode {
 public:
  explicit EvaluationMode(torch::nn::Sequential& model) : model_(model), was_training_(model->is_training()) {
    model_->eval();
  }
  ~EvaluationMode() { model_->train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  torch::nn::Sequential& model_;
  bool was_training_;
  torch::NoGradGuard no_grad_;
};

}  // namespace

std::optional<Evaluation> evaluate(
    torch::nn::Sequential& model, const LabelledImages& data, const std::atomic<bool>* stop) {
  const int64_t records = data.records();
  if (records == 0)
    return Evaluation{};
  const EvaluationMode evaluation_mode(model);
  const at::Tensor parameter = model->parameters().front();
  // Both sums stay on the device until the end.
  at::Tensor loss = at::zeros({}, parameter.options().dtype(at::kDouble));
  at::Tensor correct = at::zeros({}, parameter.options().dtype(at::kLong));
  for (int64_t first = 0; first < records; first += kBatchSize) {
    if (stop != nullptr && *stop)
      return std::nullopt;
    const at::Tensor indices = at::arange(first, std::min(first + kBatchSize, records), at::kLong);
    const auto [input, labels] = to_batch(data, indices, parameter.scalar_type(), parameter.device());
    const at::Tensor output = model->forward(input);
    loss += F::cross_entropy(output, labels, F::CrossEntropyFuncOptions().reduction(torch::kSum));
    correct += output.argmax(1).eq(labels).sum();
  }
  const auto count = static_cast<double>(records);
  return Evaluation{loss.item<double>() / count, static_cast<double>(correct.item<int64_t>()) / count};
}

}  // namespace proxprop::train
