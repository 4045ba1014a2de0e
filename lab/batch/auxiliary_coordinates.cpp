#include "lab/batch/auxiliary_coordinates.h"

#include "lab/batch/layerwise.h"

#include <proxprop/prox/direction.h>
#include <proxprop/prox/transfers.h>

#include <ATen/ATen.h>

#include <cmath>

namespace proxprop::batch {
namespace {

using lab::Batch;
using lab::Layer;

ProximalStep solve(
    const LinearTransfer& jacobian,
    const at::Tensor& residual,
    double damping,
    const AuxiliaryCoordinatesOptions& options) {
  ProximalOptions proximal;
  proximal.tau_theta = 1 / damping;
  proximal.solver = ConjugateGradient{options.cg_iterations, options.cg_tolerance, Coupling::joint};
  proximal.route = Route::matrix_free;
  return proximal_direction(jacobian, residual, proximal);
}

// Shares of a step, 1 or halved until `objectives(shares)` does not exceed `before`, entry by entry; 0 where it still
// does. Counts the evaluations.
template <class Objectives>
at::Tensor line_search(const at::Tensor& before, int64_t halvings, int64_t& count, const Objectives& objectives) {
  at::Tensor shares = at::ones_like(before);
  for (int64_t i = 0; i <= halvings; ++i) {
    const at::Tensor worse = (objectives(shares) <= before).logical_not();  // NaN is worse
    ++count;
    if (!worse.any().template item<bool>())
      break;
    shares = at::where(worse, i < halvings ? shares / 2 : at::zeros_like(shares), shares);
  }
  return shares;
}

// `factors`, one per row, against a tensor's further dimensions.
at::Tensor by_row(const at::Tensor& factors, const at::Tensor& tensor) {
  std::vector<int64_t> shape(tensor.dim(), 1);
  shape[0] = -1;
  return factors.to(tensor.scalar_type()).view(shape) * tensor;
}

}  // namespace

// Everything that a point (W, Z) says: inputs a[l] of the layers (the data, then z), what the layers make of them, and
// z_k - f_k(z_{k-1}).
struct AuxiliaryCoordinates::Point {
  std::vector<at::Tensor> a;         // one per layer
  std::vector<at::Tensor> image;     // one per layer; the last is the network's output
  std::vector<at::Tensor> residual;  // one per hidden layer
};

AuxiliaryCoordinates::AuxiliaryCoordinates(
    lab::Network network, const lab::Loss& loss, const AuxiliaryCoordinatesOptions& options)
    : network_(std::move(network)), loss_(loss), options_(options) {
  check_elementwise(network_);
  shares_ = parameter_shares(network_);
}

void AuxiliaryCoordinates::start(const at::Tensor& input) {
  const lab::Activations activations = network_.forward(input);
  z_.assign(activations.a.begin() + 1, activations.a.end());
}

AuxiliaryCoordinates::Point AuxiliaryCoordinates::point(
    const at::Tensor& data, const std::vector<at::Tensor>& z) const {
  Point point;
  point.a.push_back(data);
  point.a.insert(point.a.end(), z.begin(), z.end());
  for (int64_t l = 0; l < network_.layer_count(); ++l)
    point.image.push_back(network_.layer(l).apply(point.a[l]));
  for (int64_t l = 0; l < network_.hidden_count(); ++l)
    point.residual.push_back(point.a[l + 1] - activation_behind(network_, l).value(point.image[l]));
  return point;
}

at::Tensor AuxiliaryCoordinates::record_objectives(const Point& point, const at::Tensor& targets, double mu) const {
  at::Tensor values = loss_.record_values(point.image.back(), targets).to(at::kDouble);
  for (const at::Tensor& residual : point.residual)
    values = values + mu / 2 * residual.square().sum({1}, /*keepdim=*/false, at::kDouble);
  return values;
}

double AuxiliaryCoordinates::objective(const Batch& batch, double mu) const {
  return record_objectives(point(network_.run_chain(0, batch.input), z_), batch.targets, mu).mean().item<double>();
}

double AuxiliaryCoordinates::violation(const at::Tensor& input) const {
  double sum = 0;
  for (const at::Tensor& residual : point(network_.run_chain(0, input), z_).residual)
    sum += residual.square().sum(at::kDouble).item<double>();
  return sum / static_cast<double>(input.size(0));
}

// The model of N E_Q around Z, in the change d of the coordinates, with D_l = diag(sigma'), W_l the layers' linear
// parts and c the bound of the loss's curvature:
//     mu / 2 sum_l |r_l + d_{l+1} - D_l W_l d_l|^2 + c / 2 |g / c + W_K d_K|^2,    d_0 = 0,
// a least-squares problem in d. Its matrix has the identity of each z, so that it needs no more than a token damping.
int64_t AuxiliaryCoordinates::gauss_newton_z(
    const Point& point, const at::Tensor& targets, double mu, std::vector<at::Tensor>& step) const {
  const int64_t hidden = network_.hidden_count();
  const double root_mu = std::sqrt(mu), root_c = std::sqrt(loss_.largest_curvature());
  std::vector<std::vector<int64_t>> shapes;
  std::vector<at::Tensor> slopes;
  std::vector<std::shared_ptr<const LinearTransfer>> linear = {nullptr};  // of the data no coordinate goes in
  std::vector<int64_t> sizes;
  for (int64_t l = 0; l < hidden; ++l) {
    shapes.push_back(point.a[l + 1].sizes().vec());
    slopes.push_back(activation_behind(network_, l).derivative(point.image[l]));
    linear.push_back(network_.layer(l + 1).input_transfer(point.a[l + 1]));
    sizes.push_back(point.image[l].numel());
  }
  sizes.push_back(point.image[hidden].numel());

  const auto image_of = [&](int64_t l, const at::Tensor& d) {
    return linear[l]->apply({d.reshape(linear[l]->parameter_shapes().front())}).view(point.image[l].sizes());
  };
  const auto apply = [&](at::TensorList d) {
    std::vector<at::Tensor> blocks;
    for (int64_t l = 0; l < hidden; ++l) {
      const at::Tensor own = l == 0 ? d[0] : d[l] - slopes[l] * image_of(l, d[l - 1]);
      blocks.push_back(root_mu * own.reshape({-1}));
    }
    blocks.push_back(root_c * image_of(hidden, d[hidden - 1]).reshape({-1}));
    return at::cat(blocks);
  };
  const auto adjoint = [&](const at::Tensor& y) {
    const std::vector<at::Tensor> blocks = y.split_with_sizes(sizes);
    std::vector<at::Tensor> d;
    for (int64_t l = 0; l < hidden; ++l)
      d.push_back(root_mu * blocks[l].view(point.image[l].sizes()));
    for (int64_t l = 1; l < hidden; ++l) {
      const at::Tensor back = root_mu * slopes[l] * blocks[l].view(point.image[l].sizes());
      d[l - 1] = d[l - 1] - network_.layer(l).input_adjoint(point.a[l], back);
    }
    const at::Tensor top = root_c * blocks[hidden].view(point.image[hidden].sizes());
    d[hidden - 1] = d[hidden - 1] + network_.layer(hidden).input_adjoint(point.a[hidden], top);
    return d;
  };

  std::vector<at::Tensor> residual;
  for (const at::Tensor& r : point.residual)
    residual.push_back(root_mu * r.reshape({-1}));
  const at::Tensor gradient = loss_.gradient(point.image[hidden], targets) * point.image[hidden].size(0);
  residual.push_back((gradient / root_c).reshape({-1}));
  const ProximalStep solved = solve(FunctionTransfer(shapes, apply, adjoint), at::cat(residual), 1e-6 * mu, options_);
  step = solved.direction;
  return solved.summary.iterations;
}

double AuxiliaryCoordinates::step_z(const Batch& batch, double mu) {
  if (network_.hidden_count() == 0)
    return 0;
  at::NoGradGuard no_grad;
  const at::Tensor data = network_.run_chain(0, batch.input);
  int64_t products = 0;
  for (int64_t i = 0; i < options_.steps; ++i) {
    const Point now = point(data, z_);
    std::vector<at::Tensor> step;
    products += 2 + 2 * gauss_newton_z(now, batch.targets, mu, step);
    const auto moved = [&](const at::Tensor& shares) {
      std::vector<at::Tensor> z;
      for (size_t k = 0; k < z_.size(); ++k)
        z.push_back(z_[k] - by_row(shares, step[k]));
      return z;
    };
    const at::Tensor before = record_objectives(now, batch.targets, mu);
    const at::Tensor shares = line_search(before, options_.halvings, products, [&](const at::Tensor& trial) {
      return record_objectives(point(data, moved(trial)), batch.targets, mu);
    });
    z_ = moved(shares);
  }
  return static_cast<double>(products) / 3;
}

// Every unit i of the layer by itself: 1/2 |sigma(A w_i) - z_i|^2, whose Gauss-Newton matrix is A^T D_i^2 A.
double AuxiliaryCoordinates::step_hidden(int64_t l, const at::Tensor& input) {
  const Layer& layer = network_.layer(l);
  const lab::Activation& sigma = activation_behind(network_, l);
  const at::Tensor& target = z_[l];
  const auto transfer = layer.parameter_transfer(input);
  const at::Tensor image = layer.apply(input);
  const at::Tensor slope = sigma.derivative(image);
  const at::Tensor residual = sigma.value(image) - target;
  const FunctionTransfer jacobian(
      transfer->parameter_shapes(), [&](at::TensorList theta) { return slope * transfer->apply(theta); },
      [&](const at::Tensor& y) { return transfer->adjoint(slope * y); });
  ProximalStep step = solve(jacobian, residual, relative_ridge(input), options_);

  const at::Tensor change = transfer->apply(step.direction);
  const auto objectives = [&](const at::Tensor& shares) {
    const at::Tensor moved = sigma.value(image - shares.to(image.scalar_type()) * change);
    return (moved - target).square().sum({0}, /*keepdim=*/false, at::kDouble);
  };
  int64_t elementwise = 0;  // the image is affine in the share: no product with the records
  const at::Tensor shares = line_search(
      objectives(at::zeros({image.size(1)}, image.options().dtype(at::kDouble))), options_.halvings, elementwise,
      objectives);
  for (at::Tensor& direction : step.direction)
    direction = by_row(shares, direction);
  subtract(layer, step.direction);
  return static_cast<double>(3 + 2 * step.summary.iterations) / 3;
}

double AuxiliaryCoordinates::step_output(const at::Tensor& input, const at::Tensor& targets) {
  const Layer& layer = network_.layer(network_.hidden_count());
  const at::Tensor gradient = loss_.gradient(layer.apply(input), targets) * input.size(0);
  subtract(layer, least_squares_displacement(layer, input, gradient / loss_.largest_curvature()));
  return 2.0 / 3;
}

double AuxiliaryCoordinates::step_w(const Batch& batch) {
  at::NoGradGuard no_grad;
  const int64_t hidden = network_.hidden_count();
  const at::Tensor data = network_.run_chain(0, batch.input);
  double evaluations = 0;
  for (int64_t i = 0; i < options_.steps; ++i) {
    for (int64_t l = 0; l < hidden; ++l)
      evaluations += shares_[l] * step_hidden(l, l == 0 ? data : z_[l - 1]);
    evaluations += shares_[hidden] * step_output(hidden == 0 ? data : z_.back(), batch.targets);
  }
  return evaluations;
}

}  // namespace proxprop::batch
