#pragma once

#include "train/config.h"

#include <proxprop/prox/rates.h>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace proxprop::train {

/// "cpu", "cuda" or "cuda:N". For CUDA, libtorch_cuda.so is loaded from beside libtorch_cpu.so, so that a program built
/// and linked without CUDA uses a GPU where there is one; call this before anything asks torch whether there is CUDA.
/// Throws ConfigError that says what is missing.
at::Device select_device(const std::string& name);

/// "float32" or "float64". Throws ConfigError.
at::ScalarType select_dtype(const std::string& name);

/// Threads and determinism of torch and the planner's rates, which are global, as the configuration asks; as before
/// when this object goes.
class ExecutionScope {
 public:
  explicit ExecutionScope(const TrainConfig& config);
  ~ExecutionScope();
  ExecutionScope(const ExecutionScope&) = delete;
  ExecutionScope& operator=(const ExecutionScope&) = delete;

 private:
  int threads_;
  bool deterministic_;
  bool fill_;
  Rates rates_;
};

}  // namespace proxprop::train
