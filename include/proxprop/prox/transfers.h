#pragma once

#include <proxprop/prox/linear_transfer.h>

#include <functional>
#include <memory>

namespace proxprop {

/// Which parameters of a layer are trained; the others are constants and not part of theta.
struct Trained {
  bool weight = true;
  bool bias = true;
};

/// z = a W^T + b. Input [*, in], output [*, out]; the leading dimensions are samples.
class PROXPROP_API DenseTransfer final : public LinearTransfer {
 public:
  /// `trained.bias` is false for a layer without bias.
  DenseTransfer(const at::Tensor& input, int64_t out_features, Trained trained);

  std::vector<std::vector<int64_t>> parameter_shapes() const override;
  at::Tensor apply(at::TensorList theta) const override;
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override;
  std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const override;
  std::optional<std::vector<int64_t>> output_shape() const override;
  std::optional<Dimensions> dimensions() const override;
  Work adjoint_work() const override;
  Work accurate_adjoint_work() const override;
  bool has_feature_gram() const override { return true; }
  at::Tensor feature_gram() const override;
  bool has_sample_matrix() const override { return true; }
  SampleMatrix sample_matrix() const override;
  at::Tensor output_rows(const at::Tensor& z) const override;
  at::Tensor output_from_rows(const at::Tensor& rows) const override;

 private:
  at::Tensor input_;  ///< [S, in]
  std::vector<int64_t> leading_sizes_;
  int64_t out_features_;
  Trained trained_;
};

/// Geometry of a convolution over 1, 2 or 3 spatial dimensions with zero padding.
struct ConvGeometry {
  int64_t out_channels = 0;
  std::vector<int64_t> kernel_size, stride, padding, dilation;
  int64_t groups = 1;
};

/// A convolution as torch.nn.functional.conv1d/2d/3d computes it. Input [N, C, *], output [N, O, *'].
class PROXPROP_API ConvTransfer final : public LinearTransfer {
 public:
  ConvTransfer(const at::Tensor& input, ConvGeometry geometry, Trained trained);

  std::vector<std::vector<int64_t>> parameter_shapes() const override;
  at::Tensor apply(at::TensorList theta) const override;
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override;
  std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const override;
  std::optional<std::vector<int64_t>> output_shape() const override;
  std::optional<Dimensions> dimensions() const override;
  Work apply_work() const override;
  Work accurate_adjoint_work() const override;
  bool has_feature_gram() const override { return true; }
  at::Tensor feature_gram() const override;
  std::vector<int64_t> feature_gram_repeats() const override;
  Work feature_gram_work() const override;
  double feature_gram_bytes() const override;
  bool has_sample_matrix() const override { return true; }
  SampleMatrix sample_matrix() const override;
  double sample_matrix_bytes() const override;
  at::Tensor output_rows(const at::Tensor& z) const override;
  at::Tensor output_from_rows(const at::Tensor& rows) const override;
  at::Tensor sample_gram() const override;
  Work sample_gram_work() const override;
  double sample_gram_bytes() const override;

 private:
  /// Whether K comes from the pixel Gram rather than from the patches.
  bool pixel_gram_pays() const;

  at::Tensor input_;
  ConvGeometry geometry_;
  Trained trained_;
  std::vector<int64_t> output_size_;  ///< spatial
};

/// Geometry of a transposed convolution: that of the convolution of which it is the adjoint in the input, and what the
/// output has beyond the smallest size for which that convolution gives the input's.
struct ConvTransposeGeometry : ConvGeometry {
  std::vector<int64_t> output_padding;
};

/// A transposed convolution as torch.nn.functional.conv_transpose1d/2d/3d computes it. Input [N, C, *], output
/// [N, O, *'], weight [C, O / groups, *kernel]; `out_channels` is O. Its Grams are put together from those of ordinary
/// convolutions with stride 1, one per phase of the output: the zeros of an upsampled input are not paid for.
class PROXPROP_API ConvTransposeTransfer final : public LinearTransfer {
 public:
  ConvTransposeTransfer(const at::Tensor& input, ConvTransposeGeometry geometry, Trained trained);

  std::vector<std::vector<int64_t>> parameter_shapes() const override;
  at::Tensor apply(at::TensorList theta) const override;
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override;
  std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const override;
  std::vector<at::Tensor> parameter_rows(at::TensorList theta) const override;
  std::vector<at::Tensor> parameters_from_rows(at::TensorList rows) const override;
  std::optional<std::vector<int64_t>> output_shape() const override;
  std::optional<Dimensions> dimensions() const override;
  Work apply_work() const override;
  Work accurate_adjoint_work() const override;
  bool has_feature_gram() const override { return true; }
  at::Tensor feature_gram() const override;
  std::vector<GramBlock> feature_gram_blocks() const override;
  std::vector<int64_t> feature_block_sizes() const override;
  Work feature_gram_work() const override;
  double feature_gram_bytes() const override;
  bool has_sample_matrix() const override { return true; }
  SampleMatrix sample_matrix() const override;
  double sample_matrix_bytes() const override;
  at::Tensor output_rows(const at::Tensor& z) const override;
  at::Tensor output_from_rows(const at::Tensor& rows) const override;
  at::Tensor sample_gram() const override;
  Work sample_gram_work() const override;
  double sample_gram_bytes() const override;

 private:
  at::Tensor input_;
  ConvTransposeGeometry geometry_;
  Trained trained_;
  std::vector<int64_t> output_size_;  ///< spatial
};

/// Any linear map, given by its two functions. One line makes a proximal step for it; `check_adjoint` tests the pair.
class PROXPROP_API FunctionTransfer final : public LinearTransfer {
 public:
  using Apply = std::function<at::Tensor(at::TensorList theta)>;
  using Adjoint = std::function<std::vector<at::Tensor>(const at::Tensor& z)>;

  FunctionTransfer(std::vector<std::vector<int64_t>> parameter_shapes, Apply apply, Adjoint adjoint);

  std::vector<std::vector<int64_t>> parameter_shapes() const override { return parameter_shapes_; }
  at::Tensor apply(at::TensorList theta) const override { return apply_(theta); }
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override { return adjoint_(z); }

 private:
  std::vector<std::vector<int64_t>> parameter_shapes_;
  Apply apply_;
  Adjoint adjoint_;
};

/// Several uses of the same parameters, stacked as rows of one sample matrix: the proximal step of a layer that is used
/// more than once. The output is the uses' outputs, flattened and joined.
class PROXPROP_API StackedTransfer final : public LinearTransfer {
 public:
  /// `output_sizes[i]` is the shape of the i-th use's output.
  StackedTransfer(
      std::vector<std::shared_ptr<const LinearTransfer>> uses, std::vector<std::vector<int64_t>> output_sizes);

  std::vector<std::vector<int64_t>> parameter_shapes() const override;
  at::Tensor apply(at::TensorList theta) const override;
  std::vector<at::Tensor> adjoint(const at::Tensor& z) const override;
  std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const override;
  std::optional<std::vector<int64_t>> output_shape() const override;
  int64_t row_count(const at::Tensor& z) const override;
  std::optional<Dimensions> dimensions() const override;
  std::vector<at::Tensor> parameter_rows(at::TensorList theta) const override;
  std::vector<at::Tensor> parameters_from_rows(at::TensorList rows) const override;
  Work apply_work() const override;
  Work adjoint_work() const override;
  Work accurate_adjoint_work() const override;
  bool has_feature_gram() const override;
  at::Tensor feature_gram() const override;
  std::vector<int64_t> feature_gram_repeats() const override;
  Work feature_gram_work() const override;
  double feature_gram_bytes() const override;
  bool has_sample_matrix() const override;
  SampleMatrix sample_matrix() const override;
  double sample_matrix_bytes() const override;
  at::Tensor output_rows(const at::Tensor& z) const override;
  at::Tensor output_from_rows(const at::Tensor& rows) const override;

 private:
  std::vector<at::Tensor> split(const at::Tensor& z) const;

  std::vector<std::shared_ptr<const LinearTransfer>> uses_;
  std::vector<std::vector<int64_t>> output_sizes_;
};

}  // namespace proxprop
