#pragma once

#include "train/safetensors.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <string>
#include <vector>

namespace proxprop::train {

/// Adds copies on the CPU as "<name>.0", "<name>.1", ...
void add_variables(TensorMap& state, const std::string& name, const std::vector<at::Tensor>& variables);

/// Reads what a method keeps for each record. Throws CheckpointError that names the method for what does not fit.
class VariableReader {
 public:
  /// Tensors must have the dtype of `options`, and are copied to its device.
  VariableReader(const TensorMap& state, const at::TensorOptions& options, std::string method);

  double number(const std::string& name);
  std::vector<at::Tensor> variables(const std::string& name);
  /// Undefined where there is none.
  at::Tensor variable(const std::string& name);
  void check_all_read() const;

 private:
  const TensorMap& state_;
  at::TensorOptions options_;
  std::string method_;
  size_t read_ = 0;
};

}  // namespace proxprop::train
