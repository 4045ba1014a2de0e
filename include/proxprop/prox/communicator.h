#pragma once

#include <proxprop/prox/export.h>

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace proxprop {

class Agreements;

/// Waits for a collective that was started: its tensor holds the result when this has returned, as far as the backend
/// tells the host, and is not to be touched before. Throws where a rank is lost.
using Await = std::function<void()>;

/// What ranks that take proximal steps together need of each other: four collectives. Every rank starts the same ones
/// in the same order, as in c10d. `process_group_communicator` (distributed/process_group.h) makes one of a c10d
/// process group; a subclass may be anything else that does these four.
class PROXPROP_API Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  /// Sums the contiguous `tensor`, of one shape and dtype on all ranks, in place. All get the same bits.
  Await start_all_reduce(at::Tensor tensor);
  void all_reduce(const at::Tensor& tensor) { start_all_reduce(tensor)(); }
  /// The same sum for `owner` alone. What the others' tensors hold afterwards is not said.
  Await start_reduce(at::Tensor tensor, int64_t owner);
  /// The contiguous `tensor` of `owner` in place of those of the others, of its shape and dtype.
  Await start_broadcast(at::Tensor tensor, int64_t owner);
  /// [size, *sizes]: the contiguous `tensor` of every rank, of one shape and dtype on all.
  at::Tensor all_gather(const at::Tensor& tensor);

  /// Bytes that a rank has sent since construction, by collectives that send as little as can be: 2 (R - 1) / R times
  /// the tensor for a sum over R ranks (rings), R - 1 times it for a gather; (R - 1) / R times it to or from an owner,
  /// which is the mean over the ranks.
  int64_t bytes_sent() const { return bytes_sent_.load(); }
  int64_t collectives() const { return collectives_.load(); }

 protected:
  virtual Await do_all_reduce(at::Tensor tensor) = 0;
  virtual Await do_reduce(at::Tensor tensor, int64_t owner) = 0;
  virtual Await do_broadcast(at::Tensor tensor, int64_t owner) = 0;
  virtual Await do_all_gather(at::Tensor gathered, at::Tensor tensor) = 0;

 private:
  friend class Agreements;

  void count(double bytes);

  std::atomic<int64_t> bytes_sent_ = 0;
  std::atomic<int64_t> collectives_ = 0;
  std::shared_ptr<Agreements> agreements_;  ///< of earlier steps (src/prox/agreement.h)
};

}  // namespace proxprop
