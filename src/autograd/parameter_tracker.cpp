#include "autograd/parameter_tracker.h"

#include "autograd/session_steps.h"
#include "autograd/solve_precision.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <utility>

namespace proxprop::autograd {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

template <typename T>
at::IValue capsule(const c10::intrusive_ptr<T>& pointer) {
  return at::IValue::make_capsule(c10::static_intrusive_pointer_cast<torch::CustomClassHolder>(pointer));
}

template <typename T>
c10::intrusive_ptr<T> from_capsule(const at::IValue& value) {
  return c10::static_intrusive_pointer_cast<T>(value.toCapsule());
}

// A tensor with the same storage and version counter, without history.
at::Tensor alias_of(const at::Tensor& parameter) {
  return at::Tensor(parameter.unsafeGetTensorImpl()->shallow_copy_and_detach(
      torch::autograd::impl::version_counter(parameter), /*allow_tensor_metadata_change=*/true));
}

// What the sessions of a communicator share until they end, so that it can be told how many of them there are.
std::shared_ptr<void> pending_of(const std::shared_ptr<Communicator>& communicator) {
  static std::mutex mutex;
  static std::map<const Communicator*, std::weak_ptr<void>> shared;
  const std::lock_guard<std::mutex> lock(mutex);
  std::erase_if(shared, [](const auto& each) { return each.second.expired(); });
  auto& token = shared[communicator.get()];
  auto pending = token.lock();
  if (pending == nullptr) {
    pending = std::make_shared<char>();
    token = pending;
  }
  return pending;
}

// The steps of the backward pass that is running, for the ranks of a communicator: of the session that begins its own
// now, and of those that have not ended.
std::shared_ptr<JointSteps> joint_steps(const std::shared_ptr<Communicator>& communicator) {
  static std::mutex mutex;
  static std::map<std::pair<const Communicator*, int>, std::weak_ptr<JointSteps>> passes;
  const std::lock_guard<std::mutex> lock(mutex);
  std::erase_if(passes, [](const auto& pass) { return pass.second.expired(); });
  auto& pass = passes[{communicator.get(), torch::autograd::get_current_graph_task_id()}];
  auto steps = pass.lock();
  if (steps == nullptr) {
    steps = std::make_shared<JointSteps>(communicator, pending_of(communicator).use_count());
    pass = steps;
  }
  return steps;
}

// V in the places of the parameters that are trained, behind the session's.
variable_list gradients_of(const Session& session, SessionSteps& steps) {
  auto directions = steps.finish(session);
  variable_list gradients(1);
  for (size_t layer = 0; layer < session.layers(); ++layer) {
    auto next = directions[layer].begin();
    for (const bool trained : session.trained(layer)) {
      const bool given = trained && next != directions[layer].end();
      gradients.push_back(given ? std::move(*next++) : at::Tensor());
    }
  }
  return gradients;
}

// What `Solve` and `Finish` do in forward.
variable_list aliases_of(AutogradContext* context, const SessionPtr& session, at::TensorList parameters) {
  context->set_materialize_grads(false);
  context->saved_data["session"] = capsule(session);
  variable_list aliases;
  for (const auto& parameter : parameters) {
    aliases.push_back(alias_of(parameter));
  }
  return aliases;
}

class Solve : public torch::autograd::Function<Solve> {
 public:
  static variable_list forward(AutogradContext* context, const SessionPtr& session, at::TensorList parameters) {
    return aliases_of(context, session, parameters);
  }

  static variable_list backward(AutogradContext* context, const variable_list& along_aliases) {
    refuse_create_graph();
    const auto session = from_capsule<Session>(context->saved_data["session"]);
    const variable_list nothing(1 + along_aliases.size());
    auto uses = session->take();
    if (uses.empty()) {
      return nothing;
    }
    const auto& communicator = session->options().communicator;
    auto steps = session->is_joint() ? joint_steps(communicator) : std::make_shared<JointSteps>(communicator);
    auto begun = std::make_shared<SessionSteps>(*session, std::move(uses), std::move(steps));
    if (session->is_joint()) {
      session->hold(std::move(begun));
      return nothing;
    }
    return gradients_of(*session, *begun);
  }
};

class Finish : public torch::autograd::Function<Finish> {
 public:
  static variable_list forward(AutogradContext* context, const SessionPtr& session, at::TensorList parameters) {
    return aliases_of(context, session, parameters);
  }

  static variable_list backward(AutogradContext* context, const variable_list& along_aliases) {
    const auto session = from_capsule<Session>(context->saved_data["session"]);
    const auto begun = session->take_begun();
    return begun != nullptr ? gradients_of(*session, *begun) : variable_list(1 + along_aliases.size());
  }
};

// The parameters as `Solve` sees them: where steps are joint behind a finish node, which runs last.
variable_list behind_finish(const SessionPtr& session, const std::vector<at::Tensor>& parameters) {
  if (!session->is_joint()) {
    return parameters;
  }
  auto aliases = Finish::apply(session, at::TensorList(parameters));
  for (const auto& alias : aliases) {
    if (const auto& node = alias.grad_fn()) {
      node->set_sequence_nr(0);  // autograd runs nodes in the order of falling numbers
    }
  }
  return aliases;
}

class UseTransfer : public torch::autograd::Function<UseTransfer> {
 public:
  static at::Tensor forward(
      AutogradContext* context,
      const at::Tensor& input,
      const TransferFunctionPtr& function,
      const SessionPtr& session,
      int64_t layer,
      at::TensorList parameters) {
    variable_list saved{input};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["function"] = capsule(function);
    context->saved_data["session"] = capsule(session);
    context->saved_data["layer"] = layer;
    return function->forward(input, parameters);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grad_outputs) {
    refuse_create_graph();
    const auto saved = context->get_saved_variables();
    const auto& input = saved.front();
    const auto parameters = at::TensorList(saved).slice(1);
    const auto function = from_capsule<TransferFunction>(context->saved_data["function"]);
    const auto session = from_capsule<Session>(context->saved_data["session"]);
    const auto& grad_output = grad_outputs.front();

    bool any_parameter = false;
    for (size_t i = 0; i < parameters.size(); ++i) {
      any_parameter = any_parameter || context->needs_input_grad(1 + i);
    }
    // First what may throw: what a failed pass has left would be held until the session ends.
    variable_list gradients(4 + parameters.size());
    if (context->needs_input_grad(0)) {
      gradients[0] = input_gradient(*function, grad_output, input, parameters);
    }
    if (any_parameter) {
      const auto layer = size_t(context->saved_data["layer"].toInt());
      session->leave(
          {function->transfer(input, parameters, session->trained(layer)), in_solve_precision(grad_output), layer,
           session->layers() > 1 ? input : at::Tensor()});
    }
    return gradients;
  }
};

TrainedMask trained_mask(const std::vector<at::Tensor>& parameters) {
  TrainedMask mask;
  for (const auto& parameter : parameters) {
    mask.push_back(parameter.requires_grad());
  }
  return mask;
}

}  // namespace

Session::Session(
    ProximalOptions options,
    std::vector<TrainedMask> trained,
    StepObserver observer,
    std::shared_ptr<SolverState> solver_state)
    : options_(std::move(options)),
      trained_(std::move(trained)),
      observer_(std::move(observer)),
      solver_state_(std::move(solver_state)),
      pending_(is_joint() ? pending_of(options_.communicator) : nullptr) {}

void Session::leave(Use use) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uses_[torch::autograd::get_current_graph_task_id()].push_back(std::move(use));
}

std::vector<Session::Use> Session::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  pending_.reset();
  const auto found = uses_.find(torch::autograd::get_current_graph_task_id());
  if (found == uses_.end()) {
    return {};
  }
  auto uses = std::move(found->second);
  uses_.erase(found);
  return uses;
}

bool Session::ended() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}

bool Session::is_joint() const {
  return options_.communicator != nullptr && options_.communicator->size() > 1;
}

void Session::hold(std::shared_ptr<SessionSteps> begun) {
  const std::lock_guard<std::mutex> lock(mutex_);
  begun_[torch::autograd::get_current_graph_task_id()] = std::move(begun);
}

std::shared_ptr<SessionSteps> Session::take_begun() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = begun_.find(torch::autograd::get_current_graph_task_id());
  if (found == begun_.end()) {
    return nullptr;
  }
  auto begun = std::move(found->second);
  begun_.erase(found);
  return begun;
}

void Session::report(const StepSummary& summary) const {
  if (observer_) {
    observer_(summary);
  } else if (summary.status != Status::ok) {
    TORCH_WARN_ONCE(
        "proxprop: a proximal step ended with status '", to_string(summary.status), "' on route '",
        to_string(summary.route), "'; set a step observer to see each one");
  }
}

bool ParameterTracker::Tracked::is(const at::Tensor& other) const {
  return other.is_same(parameter) && other.is_alias_of(alias) && int64_t(other._version()) == version;
}

bool ParameterTracker::still_valid(
    const std::vector<std::vector<at::Tensor>>& parameters, const ProximalOptions& options) const {
  if (!session_ || session_->ended() || session_->options() != options || parameters.size() != tracked_.size()) {
    return false;
  }
  for (size_t layer = 0; layer < parameters.size(); ++layer) {
    const bool same =
        std::equal(
            tracked_[layer].begin(), tracked_[layer].end(), parameters[layer].begin(), parameters[layer].end(),
            [](const Tracked& tracked, const at::Tensor& parameter) { return tracked.is(parameter); }) &&
        trained_mask(parameters[layer]) == session_->trained(layer);
    if (!same) {
      return false;
    }
  }
  return true;
}

TrackedParameters ParameterTracker::track(
    const std::vector<at::Tensor>& parameters, const ProximalOptions& options, const StepObserver& observer) {
  return track({parameters}, 0, options, observer);
}

TrackedParameters ParameterTracker::track(
    const std::vector<std::vector<at::Tensor>>& parameters,
    size_t layer,
    const ProximalOptions& options,
    const StepObserver& observer) {
  const auto& own = parameters[layer];
  const bool any_trained = std::any_of(own.begin(), own.end(), [](const at::Tensor& p) { return p.requires_grad(); });
  if (!at::GradMode::is_enabled() || !any_trained || std::holds_alternative<Gradient>(options.solver)) {
    return {own, nullptr};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!still_valid(parameters, options)) {
    begin_session(parameters, options, observer);
  }
  std::vector<at::Tensor> aliases;
  for (const auto& tracked : tracked_[layer]) {
    aliases.push_back(tracked.alias);
  }
  return {std::move(aliases), session_, layer};
}

void ParameterTracker::begin_session(
    const std::vector<std::vector<at::Tensor>>& parameters,
    const ProximalOptions& options,
    const StepObserver& observer) {
  std::vector<TrainedMask> trained;
  std::vector<at::Tensor> all;
  for (const auto& own : parameters) {
    trained.push_back(trained_mask(own));
    all.insert(all.end(), own.begin(), own.end());
  }
  session_ = c10::make_intrusive<Session>(options, std::move(trained), observer, solver_state_);
  const auto aliases = Solve::apply(session_, at::TensorList(behind_finish(session_, all)));
  tracked_.clear();
  auto alias = aliases.begin();
  for (const auto& own : parameters) {
    auto& layer = tracked_.emplace_back();
    for (const auto& parameter : own) {
      layer.push_back({parameter, *alias++, int64_t(parameter._version())});
    }
  }
}

void ParameterTracker::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  session_.reset();
  tracked_.clear();
}

void refuse_create_graph() {
  TORCH_CHECK(
      !at::GradMode::is_enabled(),
      "proxprop: the proximal direction is not differentiable; call backward without create_graph, or set the layer's "
      "solver to Gradient for higher derivatives");
}

at::Tensor input_gradient(
    const TransferFunction& function,
    const at::Tensor& grad_output,
    const at::Tensor& input,
    at::TensorList parameters) {
  const auto dtype = grad_output.scalar_type();
  std::vector<at::Tensor> converted;
  for (const auto& parameter : parameters) {
    converted.push_back(parameter.to(dtype));
  }
  return function.input_gradient(grad_output, input.to(dtype), converted);
}

at::Tensor apply_transfer(
    const TransferFunctionPtr& function, const at::Tensor& input, const TrackedParameters& parameters) {
  if (!parameters.session) {
    return function->forward(input, parameters.aliases);
  }
  return UseTransfer::apply(
      input, function, parameters.session, int64_t(parameters.layer), at::TensorList(parameters.aliases));
}

}  // namespace proxprop::autograd
