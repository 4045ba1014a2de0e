#pragma once

#include <proxprop/prox/export.h>

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>

namespace proxprop {

/// What ranks that take one proximal step together need of each other: two collectives. Every rank calls the same ones
/// in the same order, as in c10d. `process_group_communicator` (distributed/process_group.h) makes one of a c10d
/// process group; a subclass may be anything else that sums and gathers.
class PROXPROP_API Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  /// Sums `tensor` over the ranks, in place. Contiguous, of one shape and dtype on all ranks, which get the same bits.
  void all_reduce(at::Tensor& tensor);
  /// [size, *sizes]: the contiguous `tensor` of every rank, of one shape and dtype on all.
  at::Tensor all_gather(const at::Tensor& tensor);

  /// Bytes that this rank has sent since construction, by collectives that send as little as can be: 2 (R - 1) / R
  /// times the tensor for a sum over R ranks (rings), R - 1 times it for a gather.
  int64_t bytes_sent() const { return bytes_sent_.load(); }
  int64_t collectives() const { return collectives_.load(); }

 protected:
  virtual void do_all_reduce(at::Tensor& tensor) = 0;
  virtual void do_all_gather(at::Tensor& gathered, const at::Tensor& tensor) = 0;

 private:
  void count(double bytes);

  std::atomic<int64_t> bytes_sent_ = 0;
  std::atomic<int64_t> collectives_ = 0;
};

}  // namespace proxprop
