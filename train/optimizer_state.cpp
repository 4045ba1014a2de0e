#include "train/entropy_sgd.h"
#include "train/errors.h"
#include "train/muon.h"
#include "train/optimizer.h"

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <type_traits>
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

// `al` is scratch that every step fills anew.
template <class Each>
void visit_state(optim::LBFGSParamState& state, Each&& each) {
  each("func_evals", state.func_evals());
  each("n_iter", state.n_iter());
  each("t", state.t());
  each("prev_loss", state.prev_loss());
  each("d", state.d());
  each("H_diag", state.H_diag());
  each("prev_flat_grad", state.prev_flat_grad());
  each("old_dirs", state.old_dirs());
  each("old_stps", state.old_stps());
  each("ro", state.ro());
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
  Reader(const TensorMap& tensors, std::string prefix, const at::Tensor& parameter, bool same_shape)
      : tensors_(tensors), prefix_(std::move(prefix)), parameter_(parameter), same_shape_(same_shape) {}

  size_t found() const { return found_; }

  void operator()(const std::string& name, at::Tensor& value) {
    const at::Tensor* stored = find(name);
    if (stored == nullptr)
      return;
    const bool fits = stored->scalar_type() == parameter_.scalar_type() && stored->sizes() == parameter_.sizes();
    require<CheckpointError>(fits || !same_shape_, "the optimizer's ", prefix_, name, " does not fit the parameter");
    value = stored->to(parameter_.device(), stored->scalar_type(), false, /*copy=*/true);
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
  const at::Tensor& parameter_;
  bool same_shape_;
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
  if (dynamic_cast<const optim::LBFGS*>(&optimizer))
    return use(optim::LBFGSParamState());
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

using ReadStates = std::vector<std::pair<void*, std::unique_ptr<ParamState>>>;

// The states of the part's parameters, and how many of the tensors they are.
std::pair<ReadStates, size_t> read_state(const Part& part, const TensorMap& tensors) {
  ReadStates states;
  size_t used = 0;
  with_state_type(part.optimizer, [&]<class State>(const State&) {
    constexpr bool per_parameter = !std::is_same_v<State, optim::LBFGSParamState>;
    for (const auto& [name, parameter] : part.parameters) {
      const std::string prefix = name + ".";
      const auto first = tensors.lower_bound(prefix);
      if (first == tensors.end() || !first->first.starts_with(prefix))
        continue;
      auto state = std::make_unique<State>();
      Reader reader(tensors, prefix, parameter, per_parameter);
      visit_state(*state, reader);
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
