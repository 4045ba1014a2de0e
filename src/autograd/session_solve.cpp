#include "autograd/session_solve.h"

#include "autograd/solve_precision.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <variant>

namespace proxprop::autograd {

namespace {

using Uses = std::vector<Session::Use>;
using Directions = std::vector<at::Tensor>;

Directions solve(const Session& session, Uses uses) {
  ProximalStep step;
  if (uses.size() == 1) {
    step =
        proximal_direction(*uses.front().transfer, uses.front().grad_output, session.options(), session.solver_state());
  } else {
    std::vector<std::shared_ptr<const LinearTransfer>> transfers;
    std::vector<std::vector<int64_t>> sizes;
    std::vector<at::Tensor> outputs;
    for (auto& use : uses) {
      transfers.push_back(std::move(use.transfer));
      sizes.push_back(use.grad_output.sizes().vec());
      outputs.push_back(use.grad_output.reshape({-1}));
    }
    const StackedTransfer stacked(std::move(transfers), std::move(sizes));
    step = proximal_direction(stacked, at::cat(outputs), session.options(), session.solver_state());
  }
  session.report(step.summary);
  return std::move(step.direction);
}

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

std::vector<Directions> session_directions(const Session& session, Uses uses) {
  std::vector<Directions> directions(session.layers());
  if (session.layers() == 1) {
    directions[0] = solve(session, std::move(uses));
    return directions;
  }
  std::vector<Uses> left(session.layers());
  for (auto& use : uses) {
    left[use.layer].push_back(std::move(use));
  }
  for (size_t layer = 0; layer < left.size(); ++layer) {
    if (left[layer].empty() || !directions[layer].empty()) {
      continue;
    }
    std::vector<const Uses*> members{&left[layer]};
    for (size_t other = layer + 1; other < left.size(); ++other) {
      if (!left[other].empty() && directions[other].empty() && one_layer(session, left[layer], left[other])) {
        members.push_back(&left[other]);
      }
    }
    if (members.size() == 1) {
      directions[layer] = solve(session, std::move(left[layer]));
      continue;
    }
    const auto wide = solve(session, side_by_side(session, members));
    std::vector<int64_t> outputs;
    for (const auto* member : members) {
      outputs.push_back(member->front().grad_output.size(-1));
    }
    for (const auto& tensor : wide) {
      const auto parts = tensor.split_with_sizes(outputs);
      for (size_t i = 0; i < members.size(); ++i) {
        directions[members[i]->front().layer].push_back(parts[i]);
      }
    }
  }
  return directions;
}

}  // namespace proxprop::autograd
