#include "train/entropy_sgd.h"
#include "train/errors.h"
#include "train/lbfgs.h"
#include "train/muon.h"
#include "train/optimizer.h"

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace proxprop::train {
namespace {

namespace optim = torch::optim;
using ParamState = optim::OptimizerParamState;

// The quantities of each state, once for both directions. torch's own archive names them by the address of the
// parameter.
template <class Each>
void visit_state(optim::SGDParamState& state, Each&& each) {
  each("momentum_buffer", state.momentum_buffer());
}

template <class Each>
void visit_state(optim::AdamParamState& state, Each&& each) {
  each("step", state.step());
  each("exp_avg", state.exp_avg());
  each("exp_avg_sq", state.exp_avg_sq());
}

template <class Each>
void visit_state(optim::AdamWParamState& state, Each&& each) {
  each("step", state.step());
  each("exp_avg", state.exp_avg());
  each("exp_avg_sq", state.exp_avg_sq());
}

template <class Each>
void visit_state(optim::RMSpropParamState& state, Each&& each) {
  each("step", state.step());
  each("square_avg", state.square_avg());
  each("momentum_buffer", state.momentum_buffer());
}

template <class Each>
void visit_state(optim::AdagradParamState& state, Each&& each) {
  each("step", state.step());
  each("sum", state.sum());
}

template <class Each>
void visit_state(MuonParamState& state, Each&& each) {
  each("momentum_buffer", state.momentum_buffer);
}

template <class Each>
void visit_state(EntropySgdParamState& state, Each&& each) {
  each("anchor", state.anchor);
  each("mean", state.mean);
  each("iterations", state.iterations);
  each("steps", state.steps);
}

template <class Each>
void visit_state(LbfgsParamState& state, Each&& each) {
  each("s", state.history.s);
  each("y", state.history.y);
}

class Writer {
 public:
  Writer(TensorMap& tensors, std::string prefix) : tensors_(tensors), prefix_(std::move(prefix)) {}

  void operator()(const std::string& name, const at::Tensor& value) {
    if (value.defined())
      tensors_[prefix_ + name] = value.detach().to(at::kCPU, value.scalar_type(), false, /*copy=*/true);
  }
  void operator()(const std::string& name, int64_t value) {
    tensors_[prefix_ + name] = at::scalar_tensor(value, at::kLong);
  }
  void operator()(const std::string& name, double value) {
    tensors_[prefix_ + name] = at::scalar_tensor(value, at::kDouble);
  }
  void operator()(const std::string& name, const std::deque<at::Tensor>& values) {
    for (size_t i = 0; i < values.size(); ++i)
      (*this)(name + "." + std::to_string(i), values[i]);
  }

 private:
  TensorMap& tensors_;
  std::string prefix_;
};

class Reader {
 public:
  /// Tensors must be as `like`, and are copied to its device.
  Reader(const TensorMap& tensors, std::string prefix, const at::Tensor& like)
      : tensors_(tensors), prefix_(std::move(prefix)), like_(like) {}

  size_t found() const { return found_; }

  void operator()(const std::string& name, at::Tensor& value) {
    const at::Tensor* stored = find(name);
    if (stored == nullptr)
      return;
    const bool fits = stored->scalar_type() == like_.scalar_type() && stored->sizes() == like_.sizes();
    require<CheckpointError>(fits, "the optimizer's ", prefix_, name, " does not fit the parameter");
    value = stored->to(like_.device(), stored->scalar_type(), false, /*copy=*/true);
  }
  void operator()(const std::string& name, int64_t& value) { value = number(name, at::kLong).item<int64_t>(); }
  void operator()(const std::string& name, double& value) { value = number(name, at::kDouble).item<double>(); }
  void operator()(const std::string& name, std::deque<at::Tensor>& values) {
    for (at::Tensor value; (*this)(name + "." + std::to_string(values.size()), value), value.defined(); value.reset()) {
      values.push_back(value);
    }
  }

 private:
  const at::Tensor* find(const std::string& name) {
    const auto entry = tensors_.find(prefix_ + name);
    if (entry == tensors_.end())
      return nullptr;
    ++found_;
    return &entry->second;
  }

  at::Tensor number(const std::string& name, at::ScalarType type) {
    const at::Tensor* stored = find(name);
    require<CheckpointError>(
        stored != nullptr && stored->numel() == 1 && stored->scalar_type() == type, "the optimizer's ", prefix_, name,
        " is missing or not a number");
    return *stored;
  }

  const TensorMap& tensors_;
  std::string prefix_;
  at::Tensor like_;
  size_t found_ = 0;
};

// Calls use(state type) for the type of state that this optimizer keeps. Adam's and AdamW's classes are no relatives.
template <class Use>
void with_state_type(const optim::Optimizer& optimizer, Use&& use) {
  if (dynamic_cast<const optim::SGD*>(&optimizer))
    return use(optim::SGDParamState());
  if (dynamic_cast<const optim::Adam*>(&optimizer))
    return use(optim::AdamParamState());
  if (dynamic_cast<const optim::AdamW*>(&optimizer))
    return use(optim::AdamWParamState());
  if (dynamic_cast<const optim::RMSprop*>(&optimizer))
    return use(optim::RMSpropParamState());
  if (dynamic_cast<const optim::Adagrad*>(&optimizer))
    return use(optim::AdagradParamState());
  if (dynamic_cast<const Muon*>(&optimizer))
    return use(MuonParamState());
  if (dynamic_cast<const EntropySgd*>(&optimizer))
    return use(EntropySgdParamState());
  if (dynamic_cast<const Lbfgs*>(&optimizer))
    return use(LbfgsParamState());
  TORCH_INTERNAL_ASSERT(false, "an optimizer whose state is not known");
}

using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

// The optimizers that keep states of one type, with the parameters that are theirs: Muon has AdamW beside it.
struct Part {
  optim::Optimizer& optimizer;
  NamedParameters parameters;
};

std::vector<Part> parts_of(optim::Optimizer& optimizer, const torch::nn::Module& model) {
  NamedParameters all;
  for (const auto& parameter : model.named_parameters())
    all.emplace_back(parameter.key(), parameter.value());
  auto* muon = dynamic_cast<Muon*>(&optimizer);
  if (muon == nullptr)
    return {{optimizer, std::move(all)}};
  const std::vector<at::Tensor>& hidden = muon->hidden_weights();
  const auto first_other = std::stable_partition(all.begin(), all.end(), [&](const auto& named) {
    return std::any_of(hidden.begin(), hidden.end(), [&](const at::Tensor& w) { return w.is_same(named.second); });
  });
  return {{*muon, {all.begin(), first_other}}, {muon->adam(), {first_other, all.end()}}};
}

void write_state(const Part& part, TensorMap& tensors) {
  with_state_type(part.optimizer, [&]<class State>(const State&) {
    for (const auto& [name, parameter] : part.parameters) {
      const auto found = part.optimizer.state().find(parameter.unsafeGetTensorImpl());
      if (found != part.optimizer.state().end())
        visit_state(static_cast<State&>(*found->second), Writer(tensors, name + "."));
    }
  });
}

// What a tensor of the state looks like: the parameter, or all of them in one float64 vector.
template <class State>
at::Tensor like_tensors_of(const State&, const at::Tensor& parameter, const NamedParameters&) {
  return parameter;
}

at::Tensor like_tensors_of(const LbfgsParamState&, const at::Tensor& parameter, const NamedParameters& all) {
  int64_t size = 0;
  for (const auto& named : all)
    size += named.second.numel();
  return at::empty({size}, parameter.options().dtype(at::kDouble));
}

template <class State>
void check_whole(const State&) {}

void check_whole(const LbfgsParamState& state) {
  require<CheckpointError>(
      state.history.s.size() == state.history.y.size(), "the optimizer's history of steps has ", state.history.s.size(),
      " of them and ", state.history.y.size(), " changes of the gradient");
}

using ReadStates = std::vector<std::pair<void*, std::unique_ptr<ParamState>>>;

// The states of the part's parameters, and how many of the tensors they are.
std::pair<ReadStates, size_t> read_state(const Part& part, const TensorMap& tensors) {
  ReadStates states;
  size_t used = 0;
  with_state_type(part.optimizer, [&]<class State>(const State& kind) {
    for (const auto& [name, parameter] : part.parameters) {
      const std::string prefix = name + ".";
      const auto first = tensors.lower_bound(prefix);
      if (first == tensors.end() || !first->first.starts_with(prefix))
        continue;
      auto state = std::make_unique<State>();
      Reader reader(tensors, prefix, like_tensors_of(kind, parameter, part.parameters));
      visit_state(*state, reader);
      check_whole(*state);
      used += reader.found();
      states.emplace_back(parameter.unsafeGetTensorImpl(), std::move(state));
    }
  });
  return {std::move(states), used};
}

}  // namespace

TensorMap optimizer_state(optim::Optimizer& optimizer, const torch::nn::Module& model) {
  TensorMap tensors;
  for (const Part& part : parts_of(optimizer, model))
    write_state(part, tensors);
  return tensors;
}

void restore_optimizer_state(optim::Optimizer& optimizer, const torch::nn::Module& model, const TensorMap& tensors) {
  const std::vector<Part> parts = parts_of(optimizer, model);
  std::vector<ReadStates> read;
  size_t used = 0;
  for (const Part& part : parts) {
    auto [states, count] = read_state(part, tensors);
    read.push_back(std::move(states));
    used += count;
  }
  require<CheckpointError>(used == tensors.size(), "the optimizer's state is of another optimizer or model");
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].optimizer.state().clear();
    for (auto& [parameter, state] : read[i])
      parts[i].optimizer.state()[parameter] = std::move(state);
  }
}

}  // namespace proxprop::train
