#include "train/plan_costs.h"

#include "train/calibration.h"
#include "train/execution.h"
#include "train/model.h"
#include "train/stopwatch.h"

#include <proxprop/nn/proximal_layer.h>

#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace proxprop::train {
namespace {

constexpr int repetitions = 3;

/// One layer with a batch of its own.
class Probe {
 public:
  Probe(torch::nn::AnyModule& module, const Shape& input, int64_t batch_size)
      : module_(module), layer_(*dynamic_cast<nn::ProximalLayer*>(module.ptr().get())) {
    Shape sizes = input;
    sizes.insert(sizes.begin(), batch_size);
    const auto options = module.ptr()->parameters().front().options();
    input_ = torch::rand(sizes, options).requires_grad_();
    torch::NoGradGuard no_grad;
    grad_output_ = torch::randn_like(module_.forward(input_)) / double(batch_size);
  }

  Plan plan(const Rates& rates) const {
    use_rates(rates);
    return layer_.plan(input_);
  }

  /// Seconds of forward and backward with these options.
  double seconds(const ProximalOptions& step) {
    const auto before = layer_.proximal_options();
    layer_.set_proximal_options(step);
    double fastest = std::numeric_limits<double>::infinity();
    for (int i = 0; i <= repetitions; ++i) {  // the first one warms up
      Stopwatch stopwatch;
      stopwatch.start();
      module_.forward(input_).backward(grad_output_);
      stopwatch.stop();
      fastest = i == 0 ? fastest : std::min(fastest, stopwatch.seconds());
      forget_gradients();
    }
    layer_.set_proximal_options(before);
    return fastest;
  }

  ProximalOptions options() const { return layer_.proximal_options(); }

 private:
  void forget_gradients() {
    input_.mutable_grad().reset();
    for (auto& parameter : module_.ptr()->parameters())
      parameter.mutable_grad().reset();
  }

  torch::nn::AnyModule& module_;
  nn::ProximalLayer& layer_;
  at::Tensor input_, grad_output_;
};

}  // namespace

std::vector<RouteMeasurement> measure_plan(const Config& config, const Shape& input, int64_t classes) {
  const ExecutionScope execution(config.train);  // restores the rates that `Probe::plan` uses
  const Rates in_use = rates_in_use();
  const std::optional<Rates> calibrated = cached_rates();
  const std::vector<ModelLayer> layers = model_layers(config.model, input, classes);
  torch::nn::Sequential model = build_model(layers, config.method);
  convert(*model, at::kCPU, select_dtype(config.train.dtype));
  std::vector<RouteMeasurement> rows;
  const auto children = model->named_children();
  for (size_t i = 0; i < layers.size(); ++i) {
    auto& module = *(model->begin() + std::ptrdiff_t(i));
    if (dynamic_cast<nn::ProximalLayer*>(module.ptr().get()) == nullptr)
      continue;
    Probe probe(module, layers[i].input, config.train.batch_size);
    const auto plain_plan = probe.plan(Rates{});
    const auto calibrated_plan = probe.plan(calibrated.value_or(in_use));
    const auto plan = probe.plan(in_use);
    auto step = probe.options();
    step.solver = Gradient{};
    const double plain = probe.seconds(step);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (size_t route = 0; route < plan.candidates.size(); ++route) {
      const RouteCost& cost = plain_plan.candidates[route];
      RouteMeasurement row{
          children[i].key(),
          to_string(cost.route),
          cost.route == plan.route,
          cost.fits,
          cost.bytes,
          cost.relative,
          calibrated || in_use.measured ? calibrated_plan.candidates[route].relative : nan,
          nan};
      if (cost.possible && cost.fits && cost.relative <= most_estimated) {
        step = probe.options();
        step.route = cost.route;
        row.measured = probe.seconds(step) / plain - 1;
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace proxprop::train
