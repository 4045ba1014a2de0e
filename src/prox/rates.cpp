#include <proxprop/prox/rates.h>

#include "prox/kernels/instruction_set.h"

#include <mutex>

namespace proxprop {

namespace {

struct InUse {
  std::mutex mutex;
  Rates rates;
};

InUse& in_use() {
  static InUse instance;
  return instance;
}

}  // namespace

const char* to_string(Kernel kernel) {
  static constexpr std::array<const char*, kernel_count> names{
      "product",         "product64",           "factor", "pivot", "eigenbasis", "correlation", "fourier",
      "library_product", "library_convolution", "memory", "wire"};
  return names[size_t(kernel)];
}

Work& Work::operator+=(const Work& other) {
  for (size_t i = 0; i < kernel_count; ++i) {
    amounts_[i] += other.amounts_[i];
  }
  return *this;
}

Work& Work::operator*=(double factor) {
  for (auto& amount : amounts_) {
    amount *= factor;
  }
  return *this;
}

double Rates::of(const Work& work) const {
  double sum = 0;
  for (size_t i = 0; i < kernel_count; ++i) {
    sum += costs[i] * work[Kernel(i)];
  }
  return sum;
}

Rates rates_in_use() {
  const std::lock_guard<std::mutex> lock(in_use().mutex);
  return in_use().rates;
}

void use_rates(const Rates& rates) {
  const std::lock_guard<std::mutex> lock(in_use().mutex);
  in_use().rates = rates;
}

const char* kernel_instruction_set() {
  return to_string(instruction_set());
}

}  // namespace proxprop
