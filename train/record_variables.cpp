#include "train/record_variables.h"

#include "train/errors.h"

#include <ATen/Functions.h>

#include <utility>

namespace proxprop::train {

void add_variables(TensorMap& state, const std::string& name, const std::vector<at::Tensor>& variables) {
  for (size_t i = 0; i < variables.size(); ++i) {
    const at::Tensor& variable = variables[i];
    state[name + "." + std::to_string(i)] =
        variable.detach().to(at::kCPU, variable.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  }
}

VariableReader::VariableReader(const TensorMap& state, const at::TensorOptions& options, std::string method)
    : state_(state), options_(options), method_(std::move(method)) {}

double VariableReader::number(const std::string& name) {
  const auto found = state_.find(name);
  require<CheckpointError>(
      found != state_.end() && found->second.numel() == 1 && found->second.scalar_type() == at::kDouble,
      "the state is not one of ", method_, ": ", name, " is missing or not a number");
  ++read_;
  return found->second.item<double>();
}

std::vector<at::Tensor> VariableReader::variables(const std::string& name) {
  std::vector<at::Tensor> all;
  for (at::Tensor next; (next = variable(name + "." + std::to_string(all.size()))).defined();)
    all.push_back(next);
  return all;
}

at::Tensor VariableReader::variable(const std::string& name) {
  const auto found = state_.find(name);
  if (found == state_.end())
    return {};
  require<CheckpointError>(
      found->second.scalar_type() == options_.dtype().toScalarType(), "the state is of ", method_, " in another dtype");
  ++read_;
  return found->second.to(options_.device(), found->second.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}

void VariableReader::check_all_read() const {
  require<CheckpointError>(read_ == state_.size(), "the state is not one of ", method_);
}

}  // namespace proxprop::train
