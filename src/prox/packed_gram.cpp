#include "prox/packed_gram.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop {

namespace {

// Numbers of `pack_lower` for one matrix.
int64_t half_of(int64_t n) {
  const auto even = n + n % 2;
  return (even + 1) * even / 2;
}

// The packed halves as `pack_lower` made them.
at::Tensor unpack_rectangles(const at::Tensor& numbers, int64_t matrices, int64_t n) {
  const auto even = n + n % 2;
  return unpack_lower(numbers.view({matrices, even + 1, even / 2}), n);
}

// Without the bias: [groups, C, taps, C, taps], whose parts may lie apart.
at::Tensor by_taps(const at::Tensor& gram, int64_t channels, int64_t taps) {
  const auto d = channels * taps;
  return gram.narrow(1, 0, d).narrow(2, 0, d).unflatten(2, {channels, taps}).unflatten(1, {channels, taps});
}

at::Tensor block(const at::Tensor& of_taps, int64_t u, int64_t v) {
  return of_taps.select(4, v).select(2, u);
}

}  // namespace

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

PackedGram::PackedGram(const Dimensions& dimensions, std::vector<int64_t> repeats)
    : groups_(dimensions.groups),
      columns_(dimensions.columns),
      repeats_(std::move(repeats)),
      channels_(dimensions.columns) {
  if (repeats_.empty()) {
    return;
  }
  taps_ = std::llround(std::sqrt(double(repeats_.size())));
  channels_ = columns_ / taps_;
  TORCH_INTERNAL_ASSERT(taps_ > 1 && taps_ * taps_ == int64_t(repeats_.size()) && columns_ - taps_ * channels_ <= 1);
  for (int64_t u = 0; u < taps_; ++u) {
    for (int64_t v = u; v < taps_; ++v) {
      if (repeats_[u * taps_ + v] != u * taps_ + v) {
        continue;
      }
      if (u == v) {
        equal_.push_back(u);
      } else {
        pairs_.emplace_back(u, v);
      }
    }
  }
}

int64_t PackedGram::numbers() const {
  if (repeats_.empty()) {
    return groups_ * half_of(columns_);
  }
  return groups_ * (int64_t(pairs_.size()) * channels_ * channels_ + int64_t(equal_.size()) * half_of(channels_) +
                    (has_bias() ? columns_ : 0));
}

PackedGram::Parts PackedGram::split(const at::Tensor& message) const {
  const auto pairs = int64_t(pairs_.size()), of_pairs = pairs * groups_ * channels_ * channels_;
  const auto of_halves = int64_t(equal_.size()) * groups_ * half_of(channels_);
  const auto bias = has_bias() ? columns_ : 0;
  return {
      message.narrow(0, 0, of_pairs).view({pairs, groups_, channels_, channels_}),
      message.narrow(0, of_pairs, of_halves),
      message.narrow(0, of_pairs + of_halves, groups_ * bias).view({groups_, bias})};
}

void PackedGram::pack(const at::Tensor& gram, const at::Tensor& message) const {
  if (repeats_.empty()) {
    message.copy_(pack_lower(gram).view({-1}));
    return;
  }
  const auto parts = split(message);
  const auto of_taps = by_taps(gram, channels_, taps_);
  for (size_t i = 0; i < pairs_.size(); ++i) {
    parts.pairs[int64_t(i)].copy_(block(of_taps, pairs_[i].first, pairs_[i].second));
  }
  std::vector<at::Tensor> of_equal;
  for (const auto u : equal_) {
    of_equal.push_back(block(of_taps, u, u));
  }
  parts.halves.copy_(pack_lower(at::cat(of_equal)).view({-1}));
  if (has_bias()) {
    parts.bias.copy_(gram.select(1, columns_ - 1));
  }
}

at::Tensor PackedGram::unpack(const at::Tensor& message) const {
  if (repeats_.empty()) {
    return unpack_rectangles(message, groups_, columns_);
  }
  const auto parts = split(message);
  const auto equal = unpack_rectangles(parts.halves, int64_t(equal_.size()) * groups_, channels_)
                         .view({int64_t(equal_.size()), groups_, channels_, channels_});
  auto gram = at::empty({groups_, columns_, columns_}, message.options());
  const auto of_taps = by_taps(gram, channels_, taps_);
  for (int64_t u = 0; u < taps_; ++u) {
    for (int64_t v = u; v < taps_; ++v) {
      const auto sent = repeats_[u * taps_ + v];
      if (u == v) {
        const auto index = std::lower_bound(equal_.begin(), equal_.end(), sent / taps_) - equal_.begin();
        block(of_taps, u, u).copy_(equal[index]);
        continue;
      }
      const auto index =
          std::lower_bound(pairs_.begin(), pairs_.end(), Taps{sent / taps_, sent % taps_}) - pairs_.begin();
      block(of_taps, u, v).copy_(parts.pairs[index]);
      block(of_taps, v, u).copy_(parts.pairs[index].transpose(1, 2));
    }
  }
  if (has_bias()) {
    gram.select(1, columns_ - 1).copy_(parts.bias);
    gram.select(2, columns_ - 1).copy_(parts.bias);
  }
  return gram;
}

}  // namespace proxprop
