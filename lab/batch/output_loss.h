#pragma once

#include "lab/loss.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace proxprop::batch {

/// A loss as a function of the network's outputs z [N, C], the sum over the records, with its proximal step.
class OutputLoss {
 public:
  virtual ~OutputLoss() = default;
  virtual double value(const at::Tensor& z) const = 0;
  /// The minimiser z of t L(z) + |z - v|^2 / 2.
  virtual at::Tensor proximal(const at::Tensor& v, double t) const = 0;
};

/// Softmax cross-entropy of class indices [N]: one scalar Newton iteration per record.
std::unique_ptr<OutputLoss> summed_cross_entropy(const at::Tensor& classes);
/// |z - y|^2 / 2, y one-hot.
std::unique_ptr<OutputLoss> summed_squared_error(const at::Tensor& classes);
/// The hinge of Taylor et al. (2016), section 6: max(1 - z, 0) where y = 1, max(z, 0) where y = 0, for each output by
/// itself, y one-hot. The proximal step is closed.
std::unique_ptr<OutputLoss> summed_hinge(const at::Tensor& classes);

}  // namespace proxprop::batch
