#include "lab/layer.h"

#include "lab/parameters.h"

#include <ATen/ATen.h>

namespace proxprop::lab {
namespace {

// z = a W^T as a function of a. Up to a transposition it is a dense transfer, whose input are the rows of W and whose
// outputs are the samples; so the planner knows the smaller of W^T W and W W^T.
class LinearInputTransfer final : public LinearTransfer {
 public:
  LinearInputTransfer(const at::Tensor& weight, const at::Tensor& a)
      : transposed_(weight, a.numel() / weight.size(1), {true, false}) {
    output_shape_ = a.sizes().vec();
    output_shape_.back() = weight.size(0);
  }

  std::vector<std::vector<int64_t>> parameter_shapes() const override { return transposed_.parameter_shapes(); }
  at::Tensor apply(at::TensorList theta) const override { return transposed_.apply(theta).t().reshape(output_shape_); }
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override { return transposed_.adjoint(columns(z)); }
  std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const override {
    return transposed_.accurate_adjoint(columns(z));
  }
  std::optional<std::vector<int64_t>> output_shape() const override { return output_shape_; }
  std::optional<Dimensions> dimensions() const override { return transposed_.dimensions(); }
  bool has_feature_gram() const override { return true; }
  at::Tensor feature_gram() const override { return transposed_.feature_gram(); }
  Work feature_gram_work() const override { return transposed_.feature_gram_work(); }
  bool has_sample_matrix() const override { return true; }
  SampleMatrix sample_matrix() const override { return transposed_.sample_matrix(); }
  at::Tensor output_rows(const at::Tensor& z) const override { return transposed_.output_rows(columns(z)); }
  at::Tensor output_from_rows(const at::Tensor& rows) const override {
    return transposed_.output_from_rows(rows).t().reshape(output_shape_);
  }

 private:
  at::Tensor columns(const at::Tensor& z) const { return z.reshape({-1, output_shape_.back()}).t().contiguous(); }

  DenseTransfer transposed_;
  std::vector<int64_t> output_shape_;
};

class LinearLayer final : public Layer {
 public:
  LinearLayer(const at::Tensor& weight, const at::Tensor& bias) : weight_(weight), bias_(bias) {
    TORCH_CHECK(weight.dim() == 2, "proxprop: a linear layer's weight is [out, in], got shape ", weight.sizes());
  }

  std::string name() const override { return "linear"; }
  std::vector<at::Tensor> parameters() const override { return trained_of({weight_, bias_}); }

  at::Tensor apply(const at::Tensor& a) const override {
    at::NoGradGuard no_grad;
    return at::linear(a, weight_, bias_);
  }

  std::shared_ptr<const LinearTransfer> parameter_transfer(const at::Tensor& a) const override {
    return std::make_shared<DenseTransfer>(a, weight_.size(0), Trained{is_trained(weight_), is_trained(bias_)});
  }

  std::shared_ptr<const LinearTransfer> input_transfer(const at::Tensor& a) const override {
    return std::make_shared<LinearInputTransfer>(weight_.detach(), a);
  }

  at::Tensor input_adjoint(const at::Tensor&, const at::Tensor& z) const override {
    at::NoGradGuard no_grad;
    return at::matmul(z, weight_);
  }

  Coupling default_coupling() const override { return Coupling::per_output; }

  LayerPtr copy(at::ScalarType dtype) const override {
    return linear_layer(copy_of(weight_, dtype), copy_of(bias_, dtype));
  }

 private:
  at::Tensor weight_, bias_;
};

}  // namespace

LayerPtr linear_layer(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_shared<LinearLayer>(weight, bias);
}

}  // namespace proxprop::lab
