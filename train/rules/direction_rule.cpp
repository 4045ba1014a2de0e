#include "train/rules/direction_rule.h"

#include "train/errors.h"

namespace proxprop::train {

void DirectionRule::restore(const std::vector<at::Tensor>& state) {
  require<CheckpointError>(state.empty(), "the method of this layer keeps nothing from step to step");
}

}  // namespace proxprop::train
