#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <algorithm>

namespace proxprop {

namespace {

// Not in place: what an adjoint returns may share storage, with another parameter's part or the caller's tensor.
std::vector<at::Tensor> sum(std::vector<at::Tensor> total, const std::vector<at::Tensor>& part) {
  for (size_t i = 0; i < total.size(); ++i) {
    total[i] = total[i] + part[i];
  }
  return total;
}

}  // namespace

StackedTransfer::StackedTransfer(
    std::vector<std::shared_ptr<const LinearTransfer>> uses, std::vector<std::vector<int64_t>> output_sizes)
    : uses_(std::move(uses)), output_sizes_(std::move(output_sizes)) {
  TORCH_CHECK(!uses_.empty() && uses_.size() == output_sizes_.size(), "proxprop: one output size per stacked use");
}

std::vector<at::Tensor> StackedTransfer::split(const at::Tensor& z) const {
  std::vector<int64_t> numels;
  for (const auto& sizes : output_sizes_) {
    numels.push_back(c10::multiply_integers(sizes));
  }
  auto parts = z.reshape({-1}).split_with_sizes(numels);
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = parts[i].view(output_sizes_[i]);
  }
  return parts;
}

std::vector<std::vector<int64_t>> StackedTransfer::parameter_shapes() const {
  return uses_.front()->parameter_shapes();
}

at::Tensor StackedTransfer::apply(at::TensorList theta) const {
  std::vector<at::Tensor> outputs;
  for (const auto& use : uses_) {
    outputs.push_back(use->apply(theta).reshape({-1}));
  }
  return at::cat(outputs);
}

std::vector<at::Tensor> StackedTransfer::adjoint(const at::Tensor& z) const {
  const auto parts = split(z);
  auto total = uses_.front()->adjoint(parts.front());
  for (size_t i = 1; i < uses_.size(); ++i) {
    total = sum(std::move(total), uses_[i]->adjoint(parts[i]));
  }
  return total;
}

std::vector<at::Tensor> StackedTransfer::accurate_adjoint(const at::Tensor& z) const {
  const auto parts = split(z);
  auto total = uses_.front()->accurate_adjoint(parts.front());
  for (size_t i = 1; i < uses_.size(); ++i) {
    total = sum(std::move(total), uses_[i]->accurate_adjoint(parts[i]));
  }
  return total;
}

std::vector<at::Tensor> StackedTransfer::parameter_rows(at::TensorList theta) const {
  return uses_.front()->parameter_rows(theta);
}

std::vector<at::Tensor> StackedTransfer::parameters_from_rows(at::TensorList rows) const {
  return uses_.front()->parameters_from_rows(rows);
}

Work StackedTransfer::apply_work() const {
  Work total{};
  for (const auto& use : uses_) {
    total += use->apply_work();
  }
  return total;
}

Work StackedTransfer::adjoint_work() const {
  Work total{};
  for (const auto& use : uses_) {
    total += use->adjoint_work();
  }
  return total;
}

Work StackedTransfer::accurate_adjoint_work() const {
  Work total{};
  for (const auto& use : uses_) {
    total += use->accurate_adjoint_work();
  }
  return total;
}

std::optional<std::vector<int64_t>> StackedTransfer::output_shape() const {
  int64_t numel = 0;
  for (const auto& sizes : output_sizes_) {
    numel += c10::multiply_integers(sizes);
  }
  return std::vector<int64_t>{numel};
}

int64_t StackedTransfer::row_count(const at::Tensor& z) const {
  const auto parts = split(z);
  int64_t rows = 0;
  for (size_t i = 0; i < uses_.size(); ++i) {
    rows += uses_[i]->row_count(parts[i]);
  }
  return rows;
}

std::optional<Dimensions> StackedTransfer::dimensions() const {
  auto total = uses_.front()->dimensions();
  for (size_t i = 1; total && i < uses_.size(); ++i) {
    const auto next = uses_[i]->dimensions();
    if (!next) {
      return std::nullopt;
    }
    total->rows += next->rows;
  }
  return total;
}

bool StackedTransfer::has_feature_gram() const {
  return std::all_of(uses_.begin(), uses_.end(), [](const auto& use) { return use->has_feature_gram(); });
}

at::Tensor StackedTransfer::feature_gram() const {
  auto total = uses_.front()->feature_gram();
  for (size_t i = 1; i < uses_.size(); ++i) {
    total = total + uses_[i]->feature_gram();
  }
  return total;
}

std::vector<int64_t> StackedTransfer::feature_gram_repeats() const {
  auto repeats = uses_.front()->feature_gram_repeats();
  const bool all =
      std::all_of(uses_.begin(), uses_.end(), [&](const auto& use) { return use->feature_gram_repeats() == repeats; });
  return all ? repeats : std::vector<int64_t>{};
}

Work StackedTransfer::feature_gram_work() const {
  Work total{};
  for (const auto& use : uses_) {
    total += use->feature_gram_work();
  }
  return total;
}

// Two uses' Grams beside their sum.
double StackedTransfer::feature_gram_bytes() const {
  const auto sizes = dimensions();
  double largest = 0;
  for (const auto& use : uses_) {
    largest = std::max(largest, use->feature_gram_bytes());
  }
  return largest + (sizes ? 2 * 8 * double(sizes->columns) * double(sizes->columns * sizes->groups) : 0.0);
}

bool StackedTransfer::has_sample_matrix() const {
  return std::all_of(uses_.begin(), uses_.end(), [](const auto& use) { return use->has_sample_matrix(); });
}

SampleMatrix StackedTransfer::sample_matrix() const {
  std::vector<at::Tensor> matrices;
  bool ones = false;
  for (const auto& use : uses_) {
    const auto samples = use->sample_matrix();
    matrices.push_back(samples.matrix);
    ones = samples.ones;
  }
  return {at::cat(matrices, 1), ones};
}

double StackedTransfer::sample_matrix_bytes() const {
  double total = 0;
  for (const auto& use : uses_) {
    const auto sizes = use->dimensions();
    const auto copied = sizes ? 4.0 * double(sizes->rows) * double(sizes->columns) * double(sizes->groups) : 0.0;
    total += copied + use->sample_matrix_bytes();
  }
  return total;
}

at::Tensor StackedTransfer::output_rows(const at::Tensor& z) const {
  const auto parts = split(z);
  std::vector<at::Tensor> rows;
  for (size_t i = 0; i < uses_.size(); ++i) {
    rows.push_back(uses_[i]->output_rows(parts[i]));
  }
  return at::cat(rows, 1);
}

at::Tensor StackedTransfer::output_from_rows(const at::Tensor& rows) const {
  std::vector<at::Tensor> outputs;
  int64_t first = 0;
  for (const auto& use : uses_) {
    const auto count = use->dimensions()->rows;
    outputs.push_back(use->output_from_rows(rows.narrow(1, first, count)).reshape({-1}));
    first += count;
  }
  return at::cat(outputs);
}

}  // namespace proxprop
