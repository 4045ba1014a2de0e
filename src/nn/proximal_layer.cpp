#include <proxprop/nn/proximal_layer.h>

#include "autograd/parameter_tracker.h"

namespace proxprop::nn {

ProximalLayer::ProximalLayer(ProximalOptions options)
    : options_(std::move(options)), tracker_(std::make_shared<autograd::ParameterTracker>()) {
  check(options_);
}

ProximalLayer::~ProximalLayer() = default;

ProximalLayer::ProximalLayer(const ProximalLayer& other)
    : options_(other.options_), observer_(other.observer_), tracker_(std::make_shared<autograd::ParameterTracker>()) {}

ProximalLayer& ProximalLayer::operator=(const ProximalLayer& other) {
  options_ = other.options_;
  observer_ = other.observer_;
  tracker_ = std::make_shared<autograd::ParameterTracker>();
  return *this;
}

void ProximalLayer::set_proximal_options(ProximalOptions options) {
  check(options);
  options_ = std::move(options);
  tracker_->reset();
}

void ProximalLayer::set_tau_theta(double tau_theta) {
  auto options = options_;
  options.tau_theta = tau_theta;
  set_proximal_options(std::move(options));
}

void ProximalLayer::set_step_observer(StepObserver observer) {
  observer_ = std::move(observer);
  tracker_->reset();
}

at::Tensor ProximalLayer::run(
    const c10::intrusive_ptr<autograd::TransferFunction>& function,
    const at::Tensor& input,
    const std::vector<at::Tensor>& parameters) {
  return autograd::apply_transfer(function, input, tracker_->track(parameters, options_, observer_));
}

}  // namespace proxprop::nn
