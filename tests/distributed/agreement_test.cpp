// What ranks tell one another before a step.

#include "support/thread_ranks.h"
#include "support/transfer_cases.h"

#include <proxprop/prox/direction.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace proxprop::testing {
namespace {

using Kind = ThreadRanks::Kind;

TransferInstance rows_of(int64_t rank) {
  return make_dense({4, 9}, 5, {}, at::kDouble, rank);
}

ProximalOptions feature_step(const std::shared_ptr<Communicator>& communicator, double tau_theta = 1.0) {
  return {.tau_theta = tau_theta, .route = Route::feature_gram, .communicator = communicator};
}

void take_step(const TransferInstance& rows, const ProximalOptions& options) {
  proximal_direction(*rows.transfer, rows.grad_output, options);
}

int64_t gathers(const ThreadRanks& ranks) {
  const auto calls = ranks.calls();
  return std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call.kind == Kind::all_gather; });
}

TEST(Agreement, StepsThatWereAgreedOnCostTwoNumbersPerRank) {
  ThreadRanks ranks(3);
  ranks.run([](const auto& communicator) {
    const auto rows = rows_of(communicator->rank());
    take_step(rows, feature_step(communicator));
    const auto before = communicator->bytes_sent();
    take_step(rows, feature_step(communicator));
    const auto message = 8 * (10 * 11 / 2 + 10 * 5), result = 8 * (10 * 5 + 3);
    EXPECT_NEAR(double(communicator->bytes_sent() - before), 2 * 16 + 2.0 / 3 * (message + result), 2.0);
  });
  EXPECT_EQ(gathers(ranks), 3);  // two hashes of each; all that a rank has to say the first time
}

TEST(Agreement, IsAskedForAnewWhereAStepIsAnother) {
  ThreadRanks ranks(2);
  ranks.run([](const auto& communicator) {
    take_step(rows_of(communicator->rank()), feature_step(communicator));
    take_step(rows_of(communicator->rank()), feature_step(communicator, 2.0));
    take_step(rows_of(communicator->rank() + 1), feature_step(communicator, 2.0));
    take_step(rows_of(communicator->rank()), feature_step(communicator));
  });
  EXPECT_EQ(gathers(ranks), 2 + 2 + 2 + 1);
}

TEST(Agreement, StepsThatDifferAreAnErrorOnAllRanksAfterOnesThatDidNot) {
  ThreadRanks(2).run([](const auto& communicator) {
    const auto rows = rows_of(communicator->rank());
    take_step(rows, feature_step(communicator, 1.0));
    take_step(rows, feature_step(communicator, 2.0));
    // Both ranks remember a step like theirs.
    EXPECT_THROW(take_step(rows, feature_step(communicator, 1.0 + double(communicator->rank()))), c10::Error);
    take_step(rows, feature_step(communicator, 1.0));
  });
}

TEST(Agreement, RowsThatDifferInDtypeAreAnErrorOnAllRanks) {
  ThreadRanks(2).run([](const auto& communicator) {
    const auto rows = make_dense({4, 9}, 5, {}, communicator->rank() == 0 ? at::kFloat : at::kDouble);
    EXPECT_THROW(take_step(rows, feature_step(communicator)), c10::Error);
  });
}

// Hands on what another does: a communicator of the same group that has forgotten everything.
class Anew final : public Communicator {
 public:
  explicit Anew(std::shared_ptr<Communicator> group) : group_(std::move(group)) {}
  int64_t rank() const override { return group_->rank(); }
  int64_t size() const override { return group_->size(); }

 protected:
  Await do_all_reduce(at::Tensor tensor) override { return group_->start_all_reduce(tensor); }
  Await do_reduce(at::Tensor tensor, int64_t owner) override { return group_->start_reduce(tensor, owner); }
  Await do_broadcast(at::Tensor tensor, int64_t owner) override { return group_->start_broadcast(tensor, owner); }
  Await do_all_gather(at::Tensor gathered, at::Tensor tensor) override {
    gathered.copy_(group_->all_gather(tensor));
    return [] {};
  }

 private:
  std::shared_ptr<Communicator> group_;
};

TEST(Agreement, ARankThatBeginsAnewIsNotWaitedForInVain) {
  ThreadRanks ranks(2);
  ranks.run([](const auto& group) {
    const auto rows = rows_of(group->rank());
    auto communicator = std::make_shared<Anew>(group);
    take_step(rows, feature_step(communicator));
    if (group->rank() == 1) {
      communicator = std::make_shared<Anew>(group);
    }
    take_step(rows, feature_step(communicator));
    take_step(rows, feature_step(communicator));
  });
  EXPECT_EQ(gathers(ranks), 2 + 2 + 1);
}

}  // namespace
}  // namespace proxprop::testing
