#include <proxprop/prox/solver_state.h>

#include "prox/saved_gram.h"

#include <ATen/ATen.h>

namespace proxprop {

SolverState::SolverState() : saved_(std::make_unique<SavedGram>()) {}

SolverState::~SolverState() = default;

SolverState::SolverState(const SolverState& other) : SolverState() {
  restore(other.tensors());
}

SolverState& SolverState::operator=(const SolverState& other) {
  if (this != &other) {
    restore(other.tensors());
  }
  return *this;
}

std::vector<at::Tensor> SolverState::tensors() const {
  const std::lock_guard<std::mutex> lock(saved_->mutex);
  if (!saved_->gram.defined()) {
    return {};
  }
  std::vector<at::Tensor> tensors{
      saved_->gram.clone(), at::tensor({saved_->damping, double(saved_->age)}, at::kDouble)};
  if (saved_->ahead && saved_->inverse.defined()) {
    tensors.push_back(saved_->inverse.clone());
  }
  return tensors;
}

void SolverState::restore(const std::vector<at::Tensor>& tensors) {
  const std::lock_guard<std::mutex> lock(saved_->mutex);
  saved_->factor = {};
  saved_->inverse = at::Tensor();
  saved_->ahead = false;
  if (tensors.empty()) {
    saved_->gram = at::Tensor();
    return;
  }
  const bool valid = (tensors.size() == 2 || tensors.size() == 3) && tensors[0].dim() == 3 &&
                     tensors[0].size(1) == tensors[0].size(2) && tensors[0].scalar_type() == at::kDouble &&
                     tensors[1].numel() == 2 && tensors[1].scalar_type() == at::kDouble &&
                     tensors.back().sizes() == (tensors.size() == 3 ? tensors[0] : tensors[1]).sizes();
  TORCH_CHECK(
      valid,
      "proxprop: a solver state is a Gram matrix [groups, d, d] and two numbers, both float64, and perhaps an inverse "
      "of "
      "the Gram's sizes");
  const auto numbers = tensors[1].to(at::kCPU);
  saved_->gram = tensors[0].clone();
  saved_->damping = numbers[0].item<double>();
  saved_->age = int64_t(numbers[1].item<double>());
  if (tensors.size() == 3) {
    saved_->inverse = tensors[2].clone();
    saved_->ahead = true;
  }
}

}  // namespace proxprop
