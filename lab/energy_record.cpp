#include "lab/energy_record.h"

#include <ATen/ATen.h>

namespace proxprop::lab {
namespace {

at::Tensor exact(const at::Tensor& tensor) {
  return tensor.is_floating_point() ? tensor.to(at::kDouble) : tensor;
}

// The point (theta, a, z) that a sweep moves, in float64.
class MovingPoint {
 public:
  MovingPoint(const Network& network, const Batch& batch, const Loss& loss, const SweepOptions& options)
      : network_(network.copy(at::kDouble)),
        activations_(network_.forward(exact(batch.input))),
        targets_(exact(batch.targets)),
        loss_(loss),
        tau_(options.tau),
        penalties_(options.checked_penalties(network.hidden_count())),
        value_(value()) {}

  BlockEnergy update(Block block, int64_t layer, const Sweep& sweep) {
    const double before = value_;
    if (block == Block::z)
      activations_.z[layer] = activations_.z[layer] - sweep.z_displacement[layer];
    if (block == Block::a)
      activations_.a[layer] = activations_.a[layer] - sweep.a_displacement[layer];
    const bool parameters = block == Block::theta || block == Block::last;
    if (parameters)
      move_parameters(layer, sweep, tau_);
    value_ = value();
    const double after = value_;
    if (parameters) {  // the step of a below sees the old theta
      move_parameters(layer, sweep, -tau_);
      value_ = before;
    }
    return {block, layer, before, after};
  }

 private:
  double value() const { return energy(network_, activations_, loss_, targets_, penalties_).total(); }

  void move_parameters(int64_t layer, const Sweep& sweep, double step) {
    const auto parameters = network_.layer(layer).parameters();
    for (size_t i = 0; i < parameters.size(); ++i)
      parameters[i].sub_(sweep.directions[layer][i].to(at::kDouble), step);
  }

  Network network_;
  Activations activations_;
  at::Tensor targets_;
  const Loss& loss_;
  double tau_;
  Penalties penalties_;
  double value_;
};

}  // namespace

RecordedSweep recorded_sweep(
    const Network& network, const Batch& batch, const Loss& loss, const StepRules& rules, const SweepOptions& options) {
  at::NoGradGuard no_grad;
  MovingPoint point(network, batch, loss, options);
  RecordedSweep result;
  const auto observe = [&](Block block, int64_t layer, const Sweep& so_far) {
    result.energies.push_back(point.update(block, layer, so_far));
  };
  result.sweep = sweep(network, batch, loss, rules, options, observe);
  return result;
}

}  // namespace proxprop::lab
