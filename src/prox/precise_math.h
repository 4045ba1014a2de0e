#pragma once

#include <ATen/Context.h>

#include <array>

namespace proxprop {

/// While one of these lives, float32 products are float32 products: no TF32 (the default of CUDA convolutions), no
/// bfloat16 inside. Rounded inputs would give a descent direction, but not V. The switches are LibTorch's own, which
/// are global.
class PreciseMath {
 public:
  PreciseMath() {
    for (size_t i = 0; i < switches.size(); ++i) {
      saved_[i] = at::globalContext().float32Precision(switches[i].backend, switches[i].op);
      set(i, at::Float32Precision::IEEE);
    }
  }
  ~PreciseMath() {
    for (size_t i = 0; i < switches.size(); ++i) {
      set(i, saved_[i]);
    }
  }
  PreciseMath(const PreciseMath&) = delete;
  PreciseMath& operator=(const PreciseMath&) = delete;

 private:
  struct Switch {
    at::Float32Backend backend;
    at::Float32Op op;
  };
  static constexpr std::array<Switch, 4> switches{
      Switch{at::Float32Backend::CUDA, at::Float32Op::CONV}, Switch{at::Float32Backend::CUDA, at::Float32Op::MATMUL},
      Switch{at::Float32Backend::MKLDNN, at::Float32Op::CONV},
      Switch{at::Float32Backend::MKLDNN, at::Float32Op::MATMUL}};

  static void set(size_t i, at::Float32Precision precision) {
    at::globalContext().setFloat32Precision(switches[i].backend, switches[i].op, precision);
  }

  std::array<at::Float32Precision, switches.size()> saved_{};
};

}  // namespace proxprop
