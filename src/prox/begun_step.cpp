#include "prox/begun_step.h"

#include "prox/ranks.h"

#include <ATen/core/Tensor.h>

#include <utility>

namespace proxprop {

namespace {

class SummedStep final : public BegunStep {
 public:
  SummedStep(ProximalStep step, Await sum) : step_(std::move(step)), sum_(std::move(sum)) {}

  ProximalStep finish() override {
    if (sum_) {
      sum_();
    }
    return std::move(step_);
  }

 private:
  ProximalStep step_;
  Await sum_;
};

}  // namespace

BegunStepPtr done(ProximalStep step) {
  return std::make_unique<SummedStep>(std::move(step), nullptr);
}

BegunStepPtr summed(ProximalStep step, const Ranks& ranks) {
  auto sum = ranks.start_sum(step.direction);
  return std::make_unique<SummedStep>(std::move(step), std::move(sum));
}

}  // namespace proxprop
