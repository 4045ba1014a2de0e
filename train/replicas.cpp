#include "train/replicas.h"

#include "train/errors.h"
#include "train/model.h"

#include <proxprop/distributed/data_parallel.h>

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop::train {

Replicas::Replicas(std::shared_ptr<Communicator> communicator)
    : communicator_(communicator != nullptr && communicator->size() > 1 ? std::move(communicator) : nullptr) {}

std::pair<int64_t, int64_t> Replicas::share(int64_t count) const {
  const int64_t each = count / size();
  const int64_t longer = count % size();
  const int64_t first = rank() * each + std::min(rank(), longer);
  return {first, first + each + (rank() < longer ? 1 : 0)};
}

double Replicas::weight(int64_t count) const {
  const auto [first, last] = share(count);
  return static_cast<double>(size() * (last - first)) / static_cast<double>(count);
}

void Replicas::check_model(const std::vector<ModelLayer>& layers) const {
  if (alone())
    return;
  for (const ModelLayer& layer : layers) {
    require<ConfigError>(
        !std::holds_alternative<BatchNormSpec>(layer.spec) && !std::holds_alternative<DropoutSpec>(layer.spec), "with ",
        size(), " ranks the model cannot have batch normalization or dropout: each rank would have its own");
  }
}

void Replicas::join(torch::nn::Module& model) {
  if (alone())
    return;
  proxprop::join(model, communicator_);
  explicit_parameters_ = explicit_parameters(model);
  at::Tensor sums = at::zeros({2}, model.parameters().front().options().dtype(at::kDouble));
  for (const at::Tensor& parameter : model.parameters()) {
    sums[0] += parameter.detach().sum(at::kDouble);
    sums[1] += parameter.detach().abs().sum(at::kDouble);
    gradient_bytes_ +=
        2.0 * static_cast<double>(size() - 1) / static_cast<double>(size()) * static_cast<double>(parameter.nbytes());
  }
  const at::Tensor all = communicator_->all_gather(sums);
  require<ConfigError>(
      all.eq(sums).all().item<bool>(),
      "the ranks start from different parameters; are they the same program on the same kind of machine?");
}

bool Replicas::synchronize(at::Tensor& loss, bool stop) const {
  if (alone())
    return stop;
  average_gradients(explicit_parameters_, *communicator_);
  at::Tensor wish = at::full({}, stop ? 1.0 : 0.0, loss.options());
  loss = loss.detach();
  average({loss, wish}, *communicator_);
  return wish.item<double>() > 0;
}

void Replicas::sum(at::Tensor& values) const {
  if (!alone())
    communicator_->all_reduce(values);
}

}  // namespace proxprop::train
