#include <proxprop/distributed/process_group.h>

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace proxprop {

namespace {

class ProcessGroupCommunicator final : public Communicator {
 public:
  explicit ProcessGroupCommunicator(c10::intrusive_ptr<c10d::ProcessGroup> group) : group_(std::move(group)) {}

  int64_t rank() const override { return group_->getRank(); }
  int64_t size() const override { return group_->getSize(); }

 protected:
  Await do_all_reduce(at::Tensor tensor) override {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    return start([&] { return group_->allreduce(tensors); });
  }

  Await do_reduce(at::Tensor tensor, int64_t owner) override {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    c10d::ReduceOptions options;
    options.rootRank = owner;
    return start([&] { return group_->reduce(tensors, options); });
  }

  Await do_broadcast(at::Tensor tensor, int64_t owner) override {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = owner;
    return start([&] { return group_->broadcast(tensors, options); });
  }

  Await do_all_gather(at::Tensor gathered, at::Tensor tensor) override {
    std::vector<std::vector<at::Tensor>> outputs{gathered.unbind(0)};
    std::vector<at::Tensor> inputs{std::move(tensor)};
    return start([&] { return group_->allgather(outputs, inputs); });
  }

 private:
  // The work of c10d holds on to its tensors.
  template <typename Start>
  Await start(const Start& begin) const {
    const auto place = std::to_string(rank()) + " of " + std::to_string(size());
    const auto telling = [place](const auto& call) {
      try {
        return call();
      } catch (const std::exception& error) {
        const std::string reason = error.what();
        TORCH_CHECK(
            false, "proxprop: rank ", place, " lost the others: a rank has ended, or did not answer in time (",
            reason.substr(0, reason.find('\n')), ")");
      }
    };
    return [telling, work = telling(begin)] { telling([&] { return work->wait(); }); };
  }

  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

}  // namespace

std::shared_ptr<Communicator> process_group_communicator(c10::intrusive_ptr<c10d::ProcessGroup> group) {
  TORCH_CHECK(group.defined(), "proxprop: the process group is null");
  return std::make_shared<ProcessGroupCommunicator>(std::move(group));
}

std::shared_ptr<Communicator> process_group_communicator(const std::string& name) {
  return process_group_communicator(c10d::resolve_process_group(name));
}

}  // namespace proxprop
