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
    torch::nn::Sequential& model, const LabelledImages& data, const std::atomic<bool>* stop, const Replicas& replicas) {
  const int64_t records = data.records();
  if (records == 0)
    return Evaluation{};
  const EvaluationMode evaluation_mode(model);
  const at::Tensor parameter = model->parameters().front();
  // Both sums stay on the device until the end.
  at::Tensor loss = at::zeros({}, parameter.options().dtype(at::kDouble));
  at::Tensor correct = at::zeros({}, parameter.options().dtype(at::kLong));
  const auto [begin, end] = replicas.share(records);
  for (int64_t first = begin; first < end; first += kBatchSize) {
    if (stop != nullptr && *stop && replicas.alone())
      return std::nullopt;
    const at::Tensor indices = at::arange(first, std::min(first + kBatchSize, end), at::kLong);
    const auto [input, labels] = to_batch(data, indices, parameter.scalar_type(), parameter.device());
    const at::Tensor output = model->forward(input);
    loss += F::cross_entropy(output, labels, F::CrossEntropyFuncOptions().reduction(torch::kSum));
    correct += output.argmax(1).eq(labels).sum();
  }
  at::Tensor sums = at::stack({loss, correct.to(at::kDouble)});
  replicas.sum(sums);
  sums = sums.cpu();
  const auto count = static_cast<double>(records);
  return Evaluation{sums[0].item<double>() / count, sums[1].item<double>() / count};
}

}  // namespace proxprop::train
