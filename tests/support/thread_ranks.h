#pragma once
// Ranks as threads of one process, for tests: what each rank does runs in a thread of its own.

#include <proxprop/prox/communicator.h>

#include <ATen/ATen.h>

#include <barrier>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace proxprop::testing {

class ThreadRanks {
 public:
  explicit ThreadRanks(int64_t size) : barrier_(size), slots_(size) {}

  /// Runs `body(communicator)` on every rank; rethrows the first exception. All ranks must throw, or none.
  void run(const std::function<void(const std::shared_ptr<Communicator>&)>& body) {
    std::vector<std::exception_ptr> errors(slots_.size());
    std::vector<std::thread> threads;
    for (size_t rank = 0; rank < slots_.size(); ++rank) {
      threads.emplace_back([&, rank] {
        try {
          body(std::make_shared<Member>(*this, int64_t(rank)));
        } catch (...) {
          errors[rank] = std::current_exception();
        }
      });
    }
    for (auto& thread : threads) {
      thread.join();
    }
    for (const auto& error : errors) {
      if (error) {
        std::rethrow_exception(error);
      }
    }
  }

 private:
  class Member final : public Communicator {
   public:
    Member(ThreadRanks& ranks, int64_t rank) : ranks_(ranks), rank_(rank) {}
    int64_t rank() const override { return rank_; }
    int64_t size() const override { return int64_t(ranks_.slots_.size()); }

   protected:
    void do_all_reduce(at::Tensor& tensor) override {
      const auto parts = ranks_.exchange(rank_, tensor);
      auto total = parts[0].clone();
      for (size_t i = 1; i < parts.size(); ++i) {
        total += parts[i];
      }
      ranks_.barrier_.arrive_and_wait();  // all have read
      tensor.copy_(total);
    }
    void do_all_gather(at::Tensor& gathered, const at::Tensor& tensor) override {
      gathered.copy_(at::stack(ranks_.exchange(rank_, tensor)));
      ranks_.barrier_.arrive_and_wait();
    }

   private:
    ThreadRanks& ranks_;
    int64_t rank_;
  };

  std::vector<at::Tensor> exchange(int64_t rank, const at::Tensor& tensor) {
    slots_[rank] = tensor;
    barrier_.arrive_and_wait();
    return slots_;
  }

  std::barrier<> barrier_;
  std::vector<at::Tensor> slots_;
};

}  // namespace proxprop::testing
