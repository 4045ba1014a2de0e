#include <proxprop/nn/proximal_layer.h>

#include "autograd/parameter_tracker.h"

namespace proxprop::nn {

ProximalLayer::ProximalLayer() : tracker_(std::make_shared<autograd::ParameterTracker>()) {}

ProximalLayer::~ProximalLayer() = default;

ProximalLayer::ProximalLayer(const ProximalLayer& other) : ProximalLayer() {
  *this = other;
}

ProximalLayer& ProximalLayer::operator=(const ProximalLayer& other) {
  observer_ = other.observer_;
  const auto kept = other.solver_state();
  tracker_ = std::make_shared<autograd::ParameterTracker>();
  load_solver_state(kept);
  return *this;
}

std::vector<at::Tensor> ProximalLayer::solver_state() const {
  return tracker_->solver_state().tensors();
}

void ProximalLayer::load_solver_state(const std::vector<at::Tensor>& tensors) {
  tracker_->solver_state().restore(tensors);
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
