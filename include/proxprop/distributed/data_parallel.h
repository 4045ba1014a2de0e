#pragma once
// Data parallel training in C++: R ranks with B / R samples each take the steps that one rank takes with all B.
//
//     auto communicator = proxprop::process_group_communicator(group);
//     proxprop::join(*model, communicator);
//     const auto others = proxprop::explicit_parameters(*model);
//     ...
//     loss.backward();                       // the loss of this rank's samples, a mean
//     proxprop::average_gradients(others, *communicator);
//     optimizer.step();
//
// In Python DistributedDataParallel takes the place of `average_gradients`.

#include <proxprop/prox/communicator.h>
#include <proxprop/prox/export.h>

#include <torch/nn/module.h>

#include <memory>
#include <vector>

namespace proxprop {

/// Every proximal layer of `module` takes its steps together with the ranks of `communicator` from now on; with null,
/// alone again. Parameters must be the same on all ranks already, as after the same seed.
PROXPROP_API void join(torch::nn::Module& module, const std::shared_ptr<Communicator>& communicator);

/// The parameters of `module` to which no proximal layer gives the direction of all ranks: those of other layers, and
/// of proximal ones whose solver is `Gradient`.
PROXPROP_API std::vector<at::Tensor> explicit_parameters(const torch::nn::Module& module);

/// The mean over the ranks in place of every tensor, in one message per dtype.
PROXPROP_API void average(const std::vector<at::Tensor>& tensors, Communicator& communicator);

/// `average` of the gradients of `parameters`; one that is undefined counts as zero, as it may be defined on other
/// ranks.
PROXPROP_API void average_gradients(const std::vector<at::Tensor>& parameters, Communicator& communicator);

}  // namespace proxprop
