#include <proxprop/nn/proximal_layer.h>

#include "autograd/parameter_tracker.h"

namespace proxprop::nn {

ProximalLayer::ProximalLayer() : tracker_(std::make_shared<autograd::ParameterTracker>()) {}

ProximalLayer::~ProximalLayer() = default;

ProximalLayer::ProximalLayer(const ProximalLayer& other)
    : observer_(other.observer_), tracker_(std::make_shared<autograd::ParameterTracker>()) {}

ProximalLayer& ProximalLayer::operator=(const ProximalLayer& other) {
  observer_ = other.observer_;
  tracker_ = std::make_shared<autograd::ParameterTracker>();
  return *this;
}

void ProximalLayer::set_tau_theta(double tau_theta) {
  auto step = proximal_options();
  step.tau_theta = tau_theta;
  set_proximal_options(step);
}

void ProximalLayer::set_step_observer(StepObserver observer) {
  observer_ = std::move(observer);
  tracker_->reset();
}

at::Tensor ProximalLayer::run(
    const c10::intrusive_ptr<autograd::TransferFunction>& function,
    const at::Tensor& input,
    const std::vector<at::Tensor>& parameters) {
  const auto step = proximal_options();
  check(step);
  return autograd::apply_transfer(function, input, tracker_->track(parameters, step, observer_));
}

}  // namespace proxprop::nn
