#include "lab/batch/admm.h"

#include "lab/a_rules.h"
#include "lab/batch/layerwise.h"
#include "lab/z_rules.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace proxprop::batch {
namespace {

constexpr double kNoTerm = std::numeric_limits<double>::infinity();  // tau of a rule without |. - old|^2 / (2 tau)

double squares(const at::Tensor& difference) {
  return difference.square().sum(at::kDouble).item<double>();
}

}  // namespace

Admm::Admm(lab::Network network, const AdmmOptions& options) : network_(std::move(network)), options_(options) {
  check_elementwise(network_);
  TORCH_CHECK(
      options.beta > 0 && options.gamma > 0 && std::isfinite(options.beta) && std::isfinite(options.gamma),
      "proxprop: ADMM's penalties must be positive and finite, got beta = ", options.beta,
      " and gamma = ", options.gamma);
}

void Admm::start(const at::Tensor& input, AdmmStart how) {
  const lab::Activations activations = network_.forward(input);
  const auto first = [&](const at::Tensor& value) { return how == AdmmStart::forward ? value : at::randn_like(value); };
  variables_ = {};
  for (int64_t l = 0; l < network_.layer_count(); ++l) {
    if (l > 0)
      variables_.a.push_back(first(activations.a[l]));
    variables_.z.push_back(first(activations.z[l]));
  }
  variables_.multiplier = at::zeros_like(activations.z.back());
}

const at::Tensor& Admm::input_of(int64_t layer, const at::Tensor& data) const {
  return layer == 0 ? data : variables_.a[layer - 1];
}

void Admm::update_w(int64_t l, const at::Tensor& data) {
  const lab::Layer& layer = network_.layer(l);
  const at::Tensor& a = input_of(l, data);
  subtract(layer, least_squares_displacement(layer, a, layer.apply(a) - variables_.z[l]));
}

// beta |phi(a) - z_{l+1}|^2 + gamma |a - h(z_l)|^2 is the problem of a proximal step from a_k = h(z_l) towards z_{l+1}.
void Admm::update_a(int64_t l) {
  const lab::Layer& above = network_.layer(l + 1);
  const at::Tensor start = activation_behind(network_, l).value(variables_.z[l]);
  const at::Tensor displacement = above.apply(start) - variables_.z[l + 1];
  variables_.a[l] =
      start - lab::ImplicitA().displacement({above, start, displacement, options_.beta, options_.gamma, kNoTerm});
}

// gamma |h(z) - a_l|^2 + beta |z - m|^2 with m = phi(a_{l-1}): likewise, from z_k = m.
void Admm::update_z(int64_t l, const at::Tensor& data) {
  const lab::Activation& h = activation_behind(network_, l);
  const at::Tensor start = network_.layer(l).apply(input_of(l, data));
  const at::Tensor displacement = h.value(start) - variables_.a[l];
  variables_.z[l] =
      start - lab::ImplicitZ().displacement({h, start, displacement, options_.beta, options_.gamma, kNoTerm});
}

// L(z) + <z, lambda> + beta |z - m|^2 = L(z) + beta |z - (m - lambda / (2 beta))|^2 and a constant.
void Admm::update_output(const at::Tensor& data, const OutputLoss& loss) {
  const int64_t l = network_.hidden_count();
  const at::Tensor image = network_.layer(l).apply(input_of(l, data));
  const double t = 1 / (2 * options_.beta);
  variables_.z[l] = loss.proximal(image - t * variables_.multiplier, t);
}

double Admm::iterate(
    const at::Tensor& input, const OutputLoss& loss, bool update_multiplier, const Observer& observer) {
  at::NoGradGuard no_grad;
  const auto tell = [&](AdmmBlock block, int64_t layer) {
    if (observer)
      observer(block, layer);
  };
  const at::Tensor data = network_.run_chain(0, input);
  const int64_t last = network_.hidden_count();
  for (int64_t l = 0; l < last; ++l) {
    update_w(l, data);
    tell(AdmmBlock::w, l);
    update_a(l);
    tell(AdmmBlock::a, l);
    update_z(l, data);
    tell(AdmmBlock::z, l);
  }
  update_w(last, data);
  tell(AdmmBlock::w, last);
  update_output(data, loss);
  tell(AdmmBlock::z, last);
  if (update_multiplier) {
    const at::Tensor image = network_.layer(last).apply(input_of(last, data));
    variables_.multiplier = variables_.multiplier + options_.beta * (variables_.z[last] - image);
    tell(AdmmBlock::multiplier, last);
  }
  // An image and an adjoint for each of W and a, and an image for z.
  return 5.0 / 3;
}

double Admm::lagrangian(const at::Tensor& input, const OutputLoss& loss) const {
  const at::Tensor data = network_.run_chain(0, input);
  const int64_t last = network_.hidden_count();
  const at::Tensor& output = variables_.z[last];
  double sum = loss.value(output) + (output * variables_.multiplier).sum(at::kDouble).item<double>();
  for (int64_t l = 0; l <= last; ++l) {
    sum += options_.beta * squares(variables_.z[l] - network_.layer(l).apply(input_of(l, data)));
    if (l < last)
      sum += options_.gamma * squares(variables_.a[l] - activation_behind(network_, l).value(variables_.z[l]));
  }
  return sum;
}

}  // namespace proxprop::batch
