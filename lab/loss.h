#pragma once

#include <ATen/core/Tensor.h>

namespace proxprop::lab {

/// L_y of eq. 1 as a function of the network's output [N, C]; a mean over the batch.
class Loss {
 public:
  virtual ~Loss() = default;
  /// A scalar, in the dtype of the output.
  virtual at::Tensor value(const at::Tensor& output, const at::Tensor& targets) const = 0;
  virtual at::Tensor gradient(const at::Tensor& output, const at::Tensor& targets) const = 0;
  /// The gradient of the Moreau envelope min_x L(x) + |x - output|^2 / (2 smoothing): (output - x) / smoothing at the
  /// minimiser x, which is also the gradient of L at x. Tends to `gradient` for smoothing -> 0.
  virtual at::Tensor envelope_gradient(const at::Tensor& output, const at::Tensor& targets, double smoothing) const = 0;
  /// The g that is the gradient of L at output - g K, for a positive semidefinite K [C, C] in float64: what a proximal
  /// step behind a linear map of the output sees (ImplicitLast). With K = smoothing I that of the envelope.
  virtual at::Tensor implicit_gradient(
      const at::Tensor& output, const at::Tensor& targets, const at::Tensor& k) const = 0;

  /// The loss of each record, [N]: `value` is their mean.
  virtual at::Tensor record_values(const at::Tensor& output, const at::Tensor& targets) const = 0;
  /// The Hessian of L at the output times a change of it [N, C].
  virtual at::Tensor hessian_product(const at::Tensor& output, const at::Tensor& change) const = 0;
  /// An upper bound of the eigenvalues of one record's Hessian, wherever the output is.
  virtual double largest_curvature() const = 0;
};

/// Softmax cross-entropy; targets: class indices [N]. The envelope takes one Newton iteration in one number per record,
/// the implicit gradient one in C numbers.
class CrossEntropy final : public Loss {
 public:
  at::Tensor value(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor gradient(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor envelope_gradient(const at::Tensor& output, const at::Tensor& targets, double smoothing) const override;
  at::Tensor implicit_gradient(const at::Tensor& output, const at::Tensor& targets, const at::Tensor& k) const override;
  at::Tensor record_values(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor hessian_product(const at::Tensor& output, const at::Tensor& change) const override;
  double largest_curvature() const override { return 0.5; }  // Boehning (1992): diag(p) - p p^T <= I / 2
};

/// |output - target|^2 / 2; targets [N, C]. The envelope has a closed form, the implicit gradient is a linear solve.
class SquaredError final : public Loss {
 public:
  at::Tensor value(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor gradient(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor envelope_gradient(const at::Tensor& output, const at::Tensor& targets, double smoothing) const override;
  at::Tensor implicit_gradient(const at::Tensor& output, const at::Tensor& targets, const at::Tensor& k) const override;
  at::Tensor record_values(const at::Tensor& output, const at::Tensor& targets) const override;
  at::Tensor hessian_product(const at::Tensor& output, const at::Tensor& change) const override;
  double largest_curvature() const override { return 1; }
};

/// [N, C] as `like`: 1 in the column of each record's class, 0 elsewhere.
at::Tensor one_hot(const at::Tensor& classes, const at::Tensor& like);

}  // namespace proxprop::lab
