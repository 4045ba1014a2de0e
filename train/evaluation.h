#pragma once

#include "train/data/labelled_images.h"
#include "train/replicas.h"

#include <torch/nn/modules/container/sequential.h>

#include <atomic>
#include <limits>
#include <optional>

namespace proxprop::train {

/// Means over a set of records; NaN for an empty set.
struct Evaluation {
  double loss = std::numeric_limits<double>::quiet_NaN();      ///< cross-entropy
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< in [0, 1]
};

/// Loss and accuracy over all records, in evaluation mode and without gradients, on the device and in the type of the
/// parameters. The result does not depend on the training batch size. Empty when `stop` is set before the end. Of many
/// ranks each goes over its share, all get the result, and a stop waits for the end.
std::optional<Evaluation> evaluate(
    torch::nn::Sequential& model,
    const LabelledImages& data,
    const std::atomic<bool>* stop = nullptr,
    const Replicas& replicas = Replicas(nullptr));

}  // namespace proxprop::train
