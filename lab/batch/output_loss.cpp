#include "lab/batch/output_loss.h"

#include <ATen/ATen.h>

namespace proxprop::batch {
namespace {

// A loss of the lab is a mean: the sum is N times it, and t times the sum is N t times the mean.
class SummedCrossEntropy final : public OutputLoss {
 public:
  explicit SummedCrossEntropy(const at::Tensor& classes) : classes_(classes) {}
  double value(const at::Tensor& z) const override {
    return loss_.record_values(z, classes_).sum(at::kDouble).item<double>();
  }
  at::Tensor proximal(const at::Tensor& v, double t) const override {
    const double smoothing = t * static_cast<double>(v.size(0));
    return v - smoothing * loss_.envelope_gradient(v, classes_, smoothing);
  }

 private:
  lab::CrossEntropy loss_;
  at::Tensor classes_;
};

class SummedSquaredError final : public OutputLoss {
 public:
  explicit SummedSquaredError(const at::Tensor& classes) : classes_(classes) {}
  double value(const at::Tensor& z) const override {
    return (z - lab::one_hot(classes_, z)).square().sum(at::kDouble).item<double>() / 2;
  }
  at::Tensor proximal(const at::Tensor& v, double t) const override {
    return (v + t * lab::one_hot(classes_, v)) / (1 + t);
  }

 private:
  at::Tensor classes_;
};

class SummedHinge final : public OutputLoss {
 public:
  explicit SummedHinge(const at::Tensor& classes) : classes_(classes) {}
  double value(const at::Tensor& z) const override {
    return at::where(positive(z), 1 - z, z).clamp_min(0).sum(at::kDouble).item<double>();
  }
  // A step of t towards the side without loss, but not beyond its edge; those that are there stay.
  at::Tensor proximal(const at::Tensor& v, double t) const override {
    const at::Tensor up = at::where(v < 1, (v + t).clamp_max(1), v);
    const at::Tensor down = at::where(v > 0, (v - t).clamp_min(0), v);
    return at::where(positive(v), up, down);
  }

 private:
  at::Tensor positive(const at::Tensor& like) const { return lab::one_hot(classes_, like).to(at::kBool); }

  at::Tensor classes_;
};

}  // namespace

std::unique_ptr<OutputLoss> summed_cross_entropy(const at::Tensor& classes) {
  return std::make_unique<SummedCrossEntropy>(classes);
}

std::unique_ptr<OutputLoss> summed_squared_error(const at::Tensor& classes) {
  return std::make_unique<SummedSquaredError>(classes);
}

std::unique_ptr<OutputLoss> summed_hinge(const at::Tensor& classes) {
  return std::make_unique<SummedHinge>(classes);
}

}  // namespace proxprop::batch
