#include <proxprop/distributed/process_group.h>

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <exception>
#include <string>

namespace proxprop {

namespace {

class ProcessGroupCommunicator final : public Communicator {
 public:
  explicit ProcessGroupCommunicator(c10::intrusive_ptr<c10d::ProcessGroup> group) : group_(std::move(group)) {}

  int64_t rank() const override { return group_->getRank(); }
  int64_t size() const override { return group_->getSize(); }

 protected:
  void do_all_reduce(at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    finish([&] { return group_->allreduce(tensors); });
  }

  void do_all_gather(at::Tensor& gathered, const at::Tensor& tensor) override {
    auto parts = gathered.unbind(0);
    std::vector<std::vector<at::Tensor>> outputs{std::move(parts)};
    std::vector<at::Tensor> inputs{tensor};
    finish([&] { return group_->allgather(outputs, inputs); });
  }

 private:
  template <typename Start>
  void finish(const Start& start) const {
    try {
      start()->wait();
    } catch (const std::exception& error) {
      const std::string reason = error.what();
      TORCH_CHECK(
          false, "proxprop: rank ", rank(), " of ", size(),
          " lost the others: a rank has ended, or did not answer in time (", reason.substr(0, reason.find('\n')), ")");
    }
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
