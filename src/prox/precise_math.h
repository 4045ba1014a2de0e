#pragma once

#include <ATen/Context.h>

#include <array>
#include <mutex>

namespace proxprop {

/// While one of these lives, float32 products are float32 products: no TF32 (the default of CUDA convolutions), no
/// bfloat16 inside. Rounded inputs would give a descent direction, but not V. The switches are LibTorch's own, which
/// are global: the first of several lives on different threads saves them, the last one restores what it saved.
class PreciseMath {
 public:
  PreciseMath() {
    const std::lock_guard<std::mutex> lock(shared().mutex);
    if (shared().lives++ == 0) {
      for (size_t i = 0; i < switches.size(); ++i) {
        shared().saved[i] = at::globalContext().float32Precision(switches[i].backend, switches[i].op);
        set(i, at::Float32Precision::IEEE);
      }
    }
  }
  ~PreciseMath() {
    const std::lock_guard<std::mutex> lock(shared().mutex);
    if (--shared().lives == 0) {
      for (size_t i = 0; i < switches.size(); ++i) {
        set(i, shared().saved[i]);
      }
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

  struct Shared {
    std::mutex mutex;
    int lives = 0;
    std::array<at::Float32Precision, switches.size()> saved{};
  };
  static Shared& shared() {
    static Shared state;
    return state;
  }

  static void set(size_t i, at::Float32Precision precision) {
    at::globalContext().setFloat32Precision(switches[i].backend, switches[i].op, precision);
  }
};

}  // namespace proxprop
