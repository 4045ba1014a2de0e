#include "autograd/session_steps.h"

#include "autograd/solve_precision.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <variant>

namespace proxprop::autograd {

namespace {

using Uses = std::vector<Session::Use>;
using Directions = std::vector<at::Tensor>;

// One memory, seen in the same way. That nothing was written to it since the layers were called is what autograd checks
// of every tensor that a use has saved.
bool same(const at::Tensor& x, const at::Tensor& y) {
  return x.is_alias_of(y) && x.storage_offset() == y.storage_offset() && x.scalar_type() == y.scalar_type() &&
         x.sizes() == y.sizes() && x.strides() == y.strides();
}

Trained trained_of(const TrainedMask& mask) {
  return {mask[0], mask.size() > 1 && mask[1]};
}

// Whether two layers' outputs are outputs of one wide layer, which the solver treats each by itself.
bool one_layer(const Session& session, const Uses& one, const Uses& other) {
  const auto* cg = std::get_if<ConjugateGradient>(&session.options().solver);
  if (cg != nullptr && cg->coupling == Coupling::joint) {
    return false;
  }
  const auto mine = trained_of(session.trained(one.front().layer));
  const auto theirs = trained_of(session.trained(other.front().layer));
  return mine.weight == theirs.weight && mine.bias == theirs.bias &&
         std::equal(one.begin(), one.end(), other.begin(), other.end(), [](const auto& x, const auto& y) {
           return same(x.input, y.input);
         });
}

// The uses of layers with the same inputs as those of one layer with all their outputs.
Uses side_by_side(const Session& session, const std::vector<const Uses*>& members) {
  const auto& first = *members.front();
  const auto trained = trained_of(session.trained(first.front().layer));
  Uses wide;
  for (size_t i = 0; i < first.size(); ++i) {
    std::vector<at::Tensor> parts;
    for (const auto* member : members) {
      parts.push_back((*member)[i].grad_output);
    }
    auto grad_output = at::cat(parts, -1);
    auto transfer = std::make_shared<DenseTransfer>(in_solve_precision(first[i].input), grad_output.size(-1), trained);
    wide.push_back({std::move(transfer), std::move(grad_output)});
  }
  return wide;
}

}  // namespace

SessionSteps::SessionSteps(const Session& session, Uses uses, std::shared_ptr<JointSteps> steps)
    : joint_(std::move(steps)) {
  if (session.layers() == 1) {
    steps_.push_back({begin(session, std::move(uses)), {0}, {}});
    return;
  }
  std::vector<Uses> left(session.layers());
  for (auto& use : uses) {
    left[use.layer].push_back(std::move(use));
  }
  std::vector<bool> begun(left.size(), false);
  for (size_t layer = 0; layer < left.size(); ++layer) {
    if (left[layer].empty() || begun[layer]) {
      continue;
    }
    Step step{0, {layer}, {left[layer].front().grad_output.size(-1)}};
    std::vector<const Uses*> members{&left[layer]};
    for (size_t other = layer + 1; other < left.size(); ++other) {
      if (!left[other].empty() && !begun[other] && one_layer(session, left[layer], left[other])) {
        members.push_back(&left[other]);
        step.layers.push_back(other);
        step.outputs.push_back(left[other].front().grad_output.size(-1));
        begun[other] = true;
      }
    }
    step.number = begin(session, members.size() == 1 ? std::move(left[layer]) : side_by_side(session, members));
    steps_.push_back(std::move(step));
  }
}

size_t SessionSteps::begin(const Session& session, Uses uses) {
  if (uses.size() == 1) {
    auto& use = uses.front();
    return joint_->begin(std::move(use.transfer), use.grad_output, session.options(), session.solver_state());
  }
  std::vector<std::shared_ptr<const LinearTransfer>> transfers;
  std::vector<std::vector<int64_t>> sizes;
  std::vector<at::Tensor> outputs;
  for (auto& use : uses) {
    transfers.push_back(std::move(use.transfer));
    sizes.push_back(use.grad_output.sizes().vec());
    outputs.push_back(use.grad_output.reshape({-1}));
  }
  return joint_->begin(
      std::make_shared<StackedTransfer>(std::move(transfers), std::move(sizes)), at::cat(outputs), session.options(),
      session.solver_state());
}

std::vector<Directions> SessionSteps::finish(const Session& session) {
  std::vector<Directions> directions(session.layers());
  for (const auto& [number, layers, outputs] : steps_) {
    auto step = joint_->finish(number);
    session.report(step.summary);
    if (layers.size() == 1) {
      directions[layers.front()] = std::move(step.direction);
      continue;
    }
    for (const auto& tensor : step.direction) {
      const auto parts = tensor.split_with_sizes(outputs);
      for (size_t i = 0; i < layers.size(); ++i) {
        directions[layers[i]].push_back(parts[i]);
      }
    }
  }
  return directions;
}

}  // namespace proxprop::autograd
