#include "train/residual_check.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/transfers.h>

#include <torch/utils.h>

#include <utility>

namespace proxprop::train {
namespace {

std::vector<int64_t> pair(Extent extent) {
  return {extent.height, extent.width};
}

std::unique_ptr<LinearTransfer> transfer_of(const LayerSpec& spec, const at::Tensor& input) {
  if (const auto* conv = std::get_if<ConvSpec>(&spec)) {
    const ConvGeometry geometry{conv->outputs,       pair(conv->kernel),   pair(conv->stride),
                                pair(conv->padding), pair(conv->dilation), conv->groups};
    return std::make_unique<ConvTransfer>(input, geometry, Trained{true, conv->bias});
  }
  const auto& linear = std::get<LinearSpec>(spec);
  return std::make_unique<DenseTransfer>(input, linear.outputs, Trained{true, linear.bias});
}

}  // namespace

ResidualCheck::ResidualCheck(torch::nn::Sequential model, const std::vector<ModelLayer>& layers)
    : model_(std::move(model)) {
  const auto children = model_->named_children();
  for (size_t i = 0; i < layers.size(); ++i) {
    auto* layer = dynamic_cast<nn::ProximalLayer*>(children[i].value().get());
    if (layer == nullptr)
      continue;
    Watched& watched = watched_.emplace_back(Watched{i, children[i].key(), layer, layers[i].spec, {}, {}, {}});
    // What is not ok is remembered until the next check tells it.
    layer->set_step_observer([&watched](const StepSummary& summary) {
      if (watched.summary.status == Status::ok)
        watched.summary = summary;
    });
  }
}

at::Tensor ResidualCheck::forward(at::Tensor activation) {
  auto next = watched_.begin();
  for (size_t i = 0; i < model_->size(); ++i) {
    const at::Tensor input = activation.detach();
    activation = (model_->begin() + static_cast<std::ptrdiff_t>(i))->forward(activation);
    if (next == watched_.end() || next->place != i)
      continue;
    activation.retain_grad();
    next->input = input;
    next->output = activation;
    ++next;
  }
  return activation;
}

std::vector<ResidualEvent> ResidualCheck::residuals() {
  std::vector<ResidualEvent> events;
  for (Watched& watched : watched_) {
    events.push_back(residual(watched));
    watched.summary = {};
    watched.input = watched.output = at::Tensor();
  }
  return events;
}

ResidualEvent ResidualCheck::residual(const Watched& watched) const {
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> direction;
  for (const at::Tensor& parameter :
       (model_->begin() + static_cast<std::ptrdiff_t>(watched.place))->ptr()->parameters())
    direction.push_back(parameter.grad().to(at::kDouble));
  const auto transfer = transfer_of(watched.spec, watched.input.to(at::kDouble));
  ResidualEvent event;
  event.layer = watched.name;
  event.route = proxprop::to_string(watched.summary.route);
  event.status = proxprop::to_string(watched.summary.status);
  event.residual =
      relative_residual(*transfer, watched.output.grad().to(at::kDouble), direction, watched.layer->proximal_options());
  return event;
}

}  // namespace proxprop::train
