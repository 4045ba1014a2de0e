#include "train/step_log.h"

#include <ATen/Functions.h>

#include <utility>

namespace proxprop::train {

void StepLog::add(const StepEvent& event, const at::Tensor& loss) {
  events_.push_back(event);
  losses_.push_back(loss.detach());
}

bool StepLog::flush_due() const {
  return !empty() && (!on_gpu_ || events_.size() >= 50 || Clock::now() - last_flush_ >= std::chrono::seconds(1));
}

std::vector<StepEvent> StepLog::flush() {
  last_flush_ = Clock::now();
  if (empty())
    return {};
  const at::Tensor losses = at::stack(losses_).to(at::kCPU, at::kDouble);
  for (size_t i = 0; i < events_.size(); ++i)
    events_[i].loss = losses.const_data_ptr<double>()[i];
  losses_.clear();
  return std::exchange(events_, {});
}

}  // namespace proxprop::train
