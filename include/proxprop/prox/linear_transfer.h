#pragma once

#include <proxprop/prox/export.h>
#include <proxprop/prox/rates.h>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace proxprop {

/// Sizes of a transfer that is a product with a sample matrix: Z = A theta^T, block diagonal over groups.
struct Dimensions {
  int64_t rows = 0;     ///< S: samples; N, N*T for sequences, N*H'*W' for convolutions
  int64_t columns = 0;  ///< d: inputs per output, plus one for the bias
  int64_t outputs = 0;  ///< O: outputs over all groups
  int64_t groups = 1;
};

/// The stacked inputs A of a transfer.
struct SampleMatrix {
  at::Tensor matrix;  ///< [groups, S, d] without the bias column; d may be 0 when only the bias is trained
  bool ones = false;  ///< A is extended by a column of ones: the bias
};

/// Columns of A that meet no others in any row, and their Gram.
struct GramBlock {
  at::Tensor gram;     ///< [groups, n, n] float64, [groups, n + 1, n + 1] with the bias last
  at::Tensor columns;  ///< [n] int64: which of the d columns, the bias not counted; undefined: all, in their order
};

/// A transfer phi(theta, a) that is linear in its parameters theta, for one fixed input a (paper, eq. 1 and appendix
/// B).
///
/// theta is a list of tensors, one per trained parameter, in the parameters' own shapes. A subclass must give `apply`,
/// `adjoint` and `parameter_shapes`; with `dimensions` it also says that the parameters are the rows of one matrix
/// ([O, d], see `parameter_rows`), and then may offer a Gram matrix or the sample matrix itself, which the cheaper
/// routes need. See `check_adjoint` to test a new one.
class PROXPROP_API LinearTransfer {
 public:
  virtual ~LinearTransfer() = default;

  virtual std::vector<std::vector<int64_t>> parameter_shapes() const = 0;

  /// phi(theta, a), in the layer's output shape.
  virtual at::Tensor apply(at::TensorList theta) const = 0;

  /// phi*(z): the gradient with respect to theta when z is the gradient with respect to the output.
  virtual std::vector<at::Tensor> adjoint(const at::Tensor& z) const = 0;

  /// The adjoint accumulated so that its rounding error does not grow with the number of rows; float64. The feature
  /// Gram route needs it: the solve amplifies errors of the gradient by the condition number. Default: `adjoint`,
  /// converted.
  virtual std::vector<at::Tensor> accurate_adjoint(const at::Tensor& z) const;

  /// Shape of the output z, unset where it is not known before `apply`.
  virtual std::optional<std::vector<int64_t>> output_shape() const { return std::nullopt; }

  /// Samples behind an output: what `Scaling::mean` divides by. Default: the rows of `dimensions`, else z's first size.
  virtual int64_t row_count(const at::Tensor& z) const;

  /// Unset where theta is not the matrix of a sample product (then only matrix-free routes work).
  virtual std::optional<Dimensions> dimensions() const { return std::nullopt; }

  /// theta as the matrix of the sample product, one block [groups, O / groups, *] per parameter; side by side they make
  /// d columns. And back. Default: every parameter flattened behind its first dimension. Need `dimensions`.
  virtual std::vector<at::Tensor> parameter_rows(at::TensorList theta) const;
  virtual std::vector<at::Tensor> parameters_from_rows(at::TensorList rows) const;

  /// What `apply` and the adjoints cost, for the planner. Default: the product with the sample matrix by LibTorch for
  /// `apply`, and as much for each adjoint.
  virtual Work apply_work() const;
  virtual Work adjoint_work() const;
  virtual Work accurate_adjoint_work() const;

  /// G = A^T A, float64, [groups, d, d], the bias last. Only called when `has_feature_gram()`.
  virtual bool has_feature_gram() const { return false; }
  virtual at::Tensor feature_gram() const;
  /// G where it is block diagonal but for the row and column of the bias: the blocks, each with the bias's sums over
  /// the rows that its columns see. Default: one block of all columns. And their numbers of columns, without the bias.
  virtual std::vector<GramBlock> feature_gram_blocks() const;
  virtual std::vector<int64_t> feature_block_sizes() const;
  /// Where G repeats itself: with K taps of every input channel, so that column c K + u is tap u of channel c and the
  /// bias comes last, [K * K]: for every pair of taps u K + v the pair, perhaps itself, that has the same numbers for
  /// all pairs of channels, and is its own. Empty: nothing is known to repeat. Ranks send each number once.
  virtual std::vector<int64_t> feature_gram_repeats() const { return {}; }
  /// What they cost, for the planner: work, and bytes at the peak beyond the Gram itself.
  virtual Work feature_gram_work() const;
  virtual double feature_gram_bytes() const { return 0; }

  /// The sample matrix, and an output (or its gradient) as its rows, [groups, S, O / groups], and back.
  virtual bool has_sample_matrix() const { return false; }
  virtual SampleMatrix sample_matrix() const;
  /// Bytes that `sample_matrix` takes beyond the input itself.
  virtual double sample_matrix_bytes() const { return 0; }
  virtual at::Tensor output_rows(const at::Tensor& z) const;
  virtual at::Tensor output_from_rows(const at::Tensor& rows) const;

  /// K = A A^T, float64, [groups, S, S], the bias included, and what it costs, as above. Default: from `sample_matrix`.
  virtual at::Tensor sample_gram() const;
  virtual Work sample_gram_work() const;
  virtual double sample_gram_bytes() const;

 protected:
  /// Operations (multiply and add) of the product with the sample matrix; 0 without `dimensions`.
  double product_flops() const;
};

/// |<phi x, y> - <x, phi* y>| / (|phi x| |y|) for random x and y: round-off for a correct pair, of order one for a
/// wrong adjoint. `output_like` has the shape and dtype of the transfer's output.
PROXPROP_API double check_adjoint(const LinearTransfer& transfer, const at::Tensor& output_like);

}  // namespace proxprop
