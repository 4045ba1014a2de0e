#include "prox/packed_triangle.h"

#include <ATen/ATen.h>

namespace proxprop {

at::Tensor pack_lower(const at::Tensor& matrix) {
  const auto even = matrix.size(2) % 2 == 0 ? matrix : at::constant_pad_nd(matrix, {0, 1, 0, 1});
  const auto n = even.size(2);
  const auto k = n / 2;
  auto packed = at::zeros({even.size(0), n + 1, k}, even.options());
  packed.narrow(1, 1, n).copy_(even.narrow(2, 0, k).tril());
  packed.narrow(1, 0, k).add_(even.narrow(1, k, k).narrow(2, k, k).tril().transpose(1, 2));
  return packed;
}

at::Tensor unpack_lower(const at::Tensor& packed, int64_t n) {
  const auto k = packed.size(2);
  const auto even = 2 * k;
  auto lower = at::zeros({packed.size(0), even, even}, packed.options());
  lower.narrow(2, 0, k).copy_(packed.narrow(1, 1, even).tril());
  lower.narrow(1, k, k).narrow(2, k, k).copy_(packed.narrow(1, 0, k).triu().transpose(1, 2));
  const auto matrix = lower + lower.tril(-1).transpose(1, 2);
  return n == even ? matrix : matrix.narrow(1, 0, n).narrow(2, 0, n).contiguous();
}

}  // namespace proxprop
