#pragma once

#include "train/rules/direction_rule.h"

#include <cstdint>

namespace proxprop::train {

/// The methods of train/rules/released_direction.h, for linear layers.
class ReleasedRule final : public DirectionRule {
 public:
  /// `cg_iterations` of conjugate gradients; 0: by LU.
  ReleasedRule(double tau_theta, int64_t cg_iterations) : tau_theta_(tau_theta), cg_iterations_(cg_iterations) {}
  std::vector<at::Tensor> direction(const LayerPass& pass) override;
  RulePlan plan(const LinearTransfer& transfer) const override;

 private:
  double tau_theta_;
  int64_t cg_iterations_;
};

}  // namespace proxprop::train
