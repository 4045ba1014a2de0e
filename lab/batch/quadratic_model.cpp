#include "lab/batch/quadratic_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

namespace proxprop::batch {
namespace {

// Of Q with Q dX = dF, of the smallest norm and symmetric in the span of dX; 0 where none is positive. In an
// orthonormal basis of the span, dX = W S V^T, Q is W^T dF V S^-1.
double smallest_positive_eigenvalue(const at::Tensor& dx, const at::Tensor& df) {
  const auto [w, s, vh] = at::linalg_svd(dx, /*full_matrices=*/false);
  const double cutoff = s[0].item<double>() * 1e-10;
  const at::Tensor kept = at::nonzero(s > cutoff).squeeze(1);
  if (kept.numel() == 0)
    return 0;
  const at::Tensor basis = w.index_select(1, kept);
  const at::Tensor right = vh.index_select(0, kept).t() / s.index_select(0, kept);
  const at::Tensor q = at::linalg_multi_dot({basis.t(), df, right});
  const at::Tensor values = at::linalg_eigvalsh((q + q.t()) / 2);
  const at::Tensor positive = values.masked_select(values > 0);
  return positive.numel() == 0 ? 0 : positive.min().item<double>();
}

}  // namespace

at::Tensor padded(const at::Tensor& coordinates, int64_t k) {
  const int64_t more = k - coordinates.size(0);
  if (more == 0)
    return coordinates;
  std::vector<int64_t> shape = coordinates.sizes().vec();
  shape[0] = more;
  return at::cat({coordinates, at::zeros(shape, coordinates.options())});
}

BfgsMatrix BfgsMatrix::of(const std::deque<SecantPair>& pairs, double otherwise) {
  int64_t k = 0;
  for (const SecantPair& pair : pairs)
    k = std::max(k, std::max(pair.dx.size(0), pair.df.size(0)));
  std::vector<at::Tensor> dx, df;
  for (const SecantPair& pair : pairs) {
    const at::Tensor x = padded(pair.dx, k), f = padded(pair.df, k);
    const double curvature = at::dot(x, f).item<double>();
    const double rounding = 1e-12 * (x.norm() * f.norm()).item<double>();
    if (curvature > rounding) {
      dx.push_back(x);
      df.push_back(f);
    }
  }
  BfgsMatrix h(otherwise);
  if (dx.empty())
    return h;
  const double smallest = smallest_positive_eigenvalue(at::stack(dx, 1), at::stack(df, 1));
  if (smallest > 0)
    h.beta_ = smallest;
  for (size_t i = 0; i < dx.size(); ++i) {
    const at::Tensor hx = h.times(dx[i]);
    const at::Tensor added = df[i] / at::dot(dx[i], df[i]).sqrt();
    const at::Tensor subtracted = hx / at::dot(dx[i], hx).sqrt();
    const at::Tensor both = at::stack({added, subtracted}, 1);
    h.u_ = h.u_.defined() ? at::cat({h.u_, both}, 1) : both;
  }
  return h;
}

BfgsMatrix BfgsMatrix::from_parts(double beta, const at::Tensor& vectors) {
  BfgsMatrix h(beta);
  h.u_ = vectors;
  return h;
}

at::Tensor BfgsMatrix::signs() const {
  return 1 - 2 * at::arange(u_.size(1), u_.options()).remainder(2);
}

at::Tensor BfgsMatrix::times(const at::Tensor& v) const {
  if (!u_.defined())
    return beta_ * v;
  const at::Tensor u = padded(u_, v.size(0));
  return beta_ * v + at::mv(u, signs() * at::mv(u.t(), v));
}

void BfgsMatrix::add_to(at::Tensor& matrix) const {
  matrix.diagonal().add_(beta_);
  if (!u_.defined())
    return;
  const at::Tensor u = padded(u_, matrix.size(0));
  matrix.addmm_(u * signs(), u.t());
}

void BfgsMatrix::project(const at::Tensor& q) {
  if (u_.defined())
    u_ = at::mm(q.t(), padded(u_, q.size(0)));
}

}  // namespace proxprop::batch
