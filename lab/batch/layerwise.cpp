#include "lab/batch/layerwise.h"

#include <proxprop/prox/direction.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace proxprop::batch {

using lab::Layer;
using lab::Network;

void check_elementwise(const Network& network) {
  network.check_complete();
  for (int64_t l = 1; l < network.layer_count(); ++l) {
    TORCH_CHECK(
        network.chain(l).size() == 1, "proxprop: only an activation may stand between two layers, as in ",
        "\"linear 100\", \"relu\", \"linear 10\"; pooling, normalization, dropout and flatten may not");
  }
  for (int64_t l = 0; l < network.layer_count(); ++l)
    TORCH_CHECK(!network.layer(l).parameters().empty(), "proxprop: layer ", l + 1, " has no trained parameters");
}

const lab::Activation& activation_behind(const Network& network, int64_t index) {
  return *network.chain(index + 1).front()->activation();
}

std::vector<double> parameter_shares(const Network& network) {
  std::vector<double> shares;
  double all = 0;
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    double count = 0;
    for (const at::Tensor& parameter : network.layer(l).parameters())
      count += static_cast<double>(parameter.numel());
    shares.push_back(count);
    all += count;
  }
  for (double& share : shares)
    share /= all;
  return shares;
}

double relative_ridge(const at::Tensor& a) {
  const double rounding = a.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                         : double(std::numeric_limits<float>::epsilon());
  // The mean of the Gram's diagonal; the bias alone has one of as many as there are records.
  const double diagonal = a.square().sum(at::kDouble).item<double>() / static_cast<double>(a.size(1));
  return 16 * rounding * std::max(diagonal, static_cast<double>(a.size(0)) * rounding);
}

std::vector<at::Tensor> least_squares_displacement(
    const Layer& layer, const at::Tensor& a, const at::Tensor& residual) {
  ProximalOptions options;
  options.tau_theta = 1 / relative_ridge(a);
  return proximal_direction(*layer.parameter_transfer(a), residual, options).direction;
}

void subtract(const Layer& layer, const std::vector<at::Tensor>& displacement) {
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> parameters = layer.parameters();
  for (size_t i = 0; i < parameters.size(); ++i)
    parameters[i].sub_(displacement[i]);
}

}  // namespace proxprop::batch
