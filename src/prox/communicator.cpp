#include <proxprop/prox/communicator.h>

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

namespace proxprop {

void Communicator::count(double bytes) {
  bytes_sent_ += int64_t(std::llround(bytes));
  ++collectives_;
}

Await Communicator::start_all_reduce(at::Tensor tensor) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous());
  const auto ranks = double(size());
  count(2 * (ranks - 1) / ranks * double(tensor.nbytes()));
  return do_all_reduce(std::move(tensor));
}

Await Communicator::start_reduce(at::Tensor tensor, int64_t owner) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && owner >= 0 && owner < size());
  const auto ranks = double(size());
  count((ranks - 1) / ranks * double(tensor.nbytes()));
  return do_reduce(std::move(tensor), owner);
}

Await Communicator::start_broadcast(at::Tensor tensor, int64_t owner) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && owner >= 0 && owner < size());
  const auto ranks = double(size());
  count((ranks - 1) / ranks * double(tensor.nbytes()));
  return do_broadcast(std::move(tensor), owner);
}

at::Tensor Communicator::all_gather(const at::Tensor& tensor) {
  TORCH_INTERNAL_ASSERT(tensor.is_contiguous());
  auto sizes = tensor.sizes().vec();
  sizes.insert(sizes.begin(), size());
  auto gathered = at::empty(sizes, tensor.options());
  count(double(size() - 1) * double(tensor.nbytes()));
  do_all_gather(gathered, tensor)();
  return gathered;
}

}  // namespace proxprop
