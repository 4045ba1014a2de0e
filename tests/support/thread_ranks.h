#pragma once
// Ranks as threads of one process, for tests: what each rank does runs in a thread of its own.
//
// As strict as a process group, and louder: until a collective has been waited for its tensor holds NaN, as do the sums
// that other ranks than the owner are left with. Ranks that start different collectives, and ranks that wait for one
// that has ended, throw.

#include <proxprop/prox/communicator.h>

#include <ATen/ATen.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace proxprop::testing {

class ThreadRanks {
 public:
  enum class Kind { all_reduce, reduce, broadcast, all_gather };

  /// A collective as a rank starts it.
  struct Call {
    Kind kind;
    int64_t owner;  ///< -1 where there is none
    at::ScalarType dtype;
    std::vector<int64_t> sizes;
    bool operator==(const Call&) const = default;
  };

  explicit ThreadRanks(int64_t size) : size_(size) {}

  /// Runs `body(communicator)` on every rank; rethrows the exception that came first.
  void run(const std::function<void(const std::shared_ptr<Communicator>&)>& body) {
    collectives_.clear();
    ended_.assign(size_t(size_), false);
    std::exception_ptr first;
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < size_; ++rank) {
      threads.emplace_back([&, rank] {
        std::exception_ptr error;
        try {
          body(std::make_shared<Member>(*this, rank));
        } catch (...) {
          error = std::current_exception();
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        if (error && !first) {
          first = error;
        }
        ended_[size_t(rank)] = true;
        changed_.notify_all();
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    if (first) {
      std::rethrow_exception(first);
    }
  }

  /// What was started in the last run, in its order.
  std::vector<Call> calls() const {
    std::vector<Call> all;
    for (const auto& collective : collectives_) {
      all.push_back(*collective.calls.front());
    }
    return all;
  }

 private:
  struct Collective {
    std::vector<std::optional<Call>> calls;  ///< by rank
    std::vector<at::Tensor> parts;
    int64_t readers = 0;
  };

  class Member final : public Communicator {
   public:
    Member(ThreadRanks& ranks, int64_t rank) : ranks_(ranks), rank_(rank) {}
    int64_t rank() const override { return rank_; }
    int64_t size() const override { return ranks_.size_; }

   protected:
    Await do_all_reduce(at::Tensor tensor) override {
      auto parts = start(Kind::all_reduce, tensor, -1);
      spoil(tensor);
      return [tensor, parts] { tensor.copy_(sum(parts())); };
    }
    Await do_reduce(at::Tensor tensor, int64_t owner) override {
      auto parts = start(Kind::reduce, tensor, owner);
      spoil(tensor);
      return [tensor, parts, mine = owner == rank_] {
        const auto all = parts();
        if (mine) {
          tensor.copy_(sum(all));
        }
      };
    }
    Await do_broadcast(at::Tensor tensor, int64_t owner) override {
      auto parts = start(Kind::broadcast, tensor, owner);
      spoil(tensor);
      return [tensor, parts, owner] { tensor.copy_(parts()[size_t(owner)]); };
    }
    Await do_all_gather(at::Tensor gathered, at::Tensor tensor) override {
      auto parts = start(Kind::all_gather, tensor, -1);
      return [gathered, parts] { gathered.copy_(at::stack(parts())); };
    }

   private:
    static at::Tensor sum(const std::vector<at::Tensor>& parts) {
      auto total = parts[0].clone();
      for (size_t i = 1; i < parts.size(); ++i) {
        total += parts[i];
      }
      return total;
    }

    static void spoil(const at::Tensor& tensor) { tensor.fill_(std::numeric_limits<double>::quiet_NaN()); }

    // Waits for all ranks' tensors.
    std::function<std::vector<at::Tensor>()> start(Kind kind, const at::Tensor& tensor, int64_t owner) {
      const auto index = next_++;
      ranks_.post(index, rank_, {kind, owner, tensor.scalar_type(), tensor.sizes().vec()}, tensor.clone());
      return [&ranks = ranks_, index] { return ranks.all_parts(index); };
    }

    ThreadRanks& ranks_;
    int64_t rank_;
    size_t next_ = 0;
  };

  void post(size_t index, int64_t rank, Call call, at::Tensor tensor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (index == collectives_.size()) {
      collectives_.push_back({std::vector<std::optional<Call>>(size_t(size_)), std::vector<at::Tensor>(size_t(size_))});
    }
    collectives_[index].calls[size_t(rank)] = std::move(call);
    collectives_[index].parts[size_t(rank)] = std::move(tensor);
    changed_.notify_all();
  }

  std::vector<at::Tensor> all_parts(size_t index) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (int64_t rank = 0; rank < size_; ++rank) {
      changed_.wait(lock, [&] { return collectives_[index].calls[size_t(rank)] || ended_[size_t(rank)]; });
      const auto& calls = collectives_[index].calls;
      if (!calls[size_t(rank)]) {
        throw std::runtime_error("lost the others: a rank has ended");
      }
      if (calls[size_t(rank)] != calls.front()) {
        throw std::logic_error("the ranks have started different collectives");
      }
    }
    auto& collective = collectives_[index];
    auto parts = collective.parts;
    if (++collective.readers == size_) {
      collective.parts.clear();
    }
    return parts;
  }

  int64_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> ended_;
  std::deque<Collective> collectives_;
};

}  // namespace proxprop::testing
