#include "torch_library/step_arguments.h"

#include <proxprop/distributed/process_group.h>
#include <proxprop/prox/communicator.h>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace proxprop::torch_library {

namespace {

using Numbers = c10::ArrayRef<double>;

int64_t whole(double number, const char* name) {
  TORCH_CHECK(
      std::trunc(number) == number && std::abs(number) < 1e9, "proxprop: ", name, " must be a whole number, got ",
      number);
  return int64_t(number);
}

Solver conjugate_gradient(Numbers numbers, Coupling default_coupling) {
  ConjugateGradient solver{whole(numbers[0], "the number of iterations"), numbers[1], default_coupling};
  if (!std::isnan(numbers[2])) {
    solver.coupling = numbers[2] == 0 ? Coupling::per_output : Coupling::joint;
  }
  return solver;
}

Solver amortized(Numbers numbers, Coupling) {
  return AmortizedCholesky{numbers[0], whole(numbers[1], "update_every"), whole(numbers[2], "max_iterations")};
}

Solver running_gram(Numbers numbers, Coupling) {
  return RunningGram{numbers[0], whole(numbers[1], "update_every"), whole(numbers[2], "average_steps")};
}

struct SolverKind {
  std::string_view name;
  size_t arguments;
  Solver (*make)(Numbers numbers, Coupling default_coupling);
};

const std::array<SolverKind, 5> solver_kinds{{
    {"exact", 0, [](Numbers, Coupling) -> Solver { return Cholesky{}; }},
    {"cg", 3, conjugate_gradient},
    {"amortized", 3, amortized},
    {"running_gram", 3, running_gram},
    {"gradient", 0, [](Numbers, Coupling) -> Solver { return Gradient{}; }},
}};

Solver make_solver(std::string_view name, Numbers numbers, Coupling coupling) {
  for (const auto& kind : solver_kinds) {
    if (kind.name == name) {
      TORCH_CHECK(
          numbers.size() == kind.arguments, "proxprop: solver '", name, "' has ", kind.arguments, " arguments, got ",
          numbers.size());
      return kind.make(numbers, coupling);
    }
  }
  TORCH_CHECK(false, "proxprop: there is no solver '", name, "'");
}

Scaling make_scaling(std::string_view name) {
  TORCH_CHECK(name == "sum" || name == "mean", "proxprop: scaling must be 'sum' or 'mean', got '", name, "'");
  return name == "sum" ? Scaling::sum : Scaling::mean;
}

Route make_route(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Route>, 3> routes{{
      {"sample_gram", Route::sample_gram},
      {"feature_gram", Route::feature_gram},
      {"matrix_free", Route::matrix_free},
  }};
  for (const auto& [known, route] : routes) {
    if (known == name) {
      return route;
    }
  }
  TORCH_CHECK(false, "proxprop: route must be 'sample_gram', 'feature_gram', 'matrix_free' or None, got '", name, "'");
}

// The group that is registered under a name at the time of each call. None is held in between: the threads of one that
// outlived Python's destroy_process_group would let go of their last tensors while the interpreter shuts down, which
// ends such a thread, and with it the process; and a group that is made anew has the old one's name.
class RegisteredGroup final : public Communicator {
 public:
  explicit RegisteredGroup(std::string name) : name_(std::move(name)) {}

  int64_t rank() const override { return group()->rank(); }
  int64_t size() const override { return group()->size(); }

 protected:
  Await do_all_reduce(at::Tensor tensor) override { return group()->start_all_reduce(std::move(tensor)); }
  Await do_reduce(at::Tensor tensor, int64_t owner) override { return group()->start_reduce(std::move(tensor), owner); }
  Await do_broadcast(at::Tensor tensor, int64_t owner) override {
    return group()->start_broadcast(std::move(tensor), owner);
  }
  Await do_all_gather(at::Tensor gathered, at::Tensor tensor) override {
    gathered.copy_(group()->all_gather(tensor));
    return [] {};
  }

 private:
  std::shared_ptr<Communicator> group() const { return process_group_communicator(name_); }

  std::string name_;
};

// One communicator per name, so that options of the same step are equal.
std::shared_ptr<Communicator> communicator_of(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Communicator>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  auto& communicator = known[name];
  if (communicator == nullptr) {
    communicator = std::make_shared<RegisteredGroup>(name);
  }
  communicator->size();  // throws where there is no such group
  return communicator;
}

}  // namespace

ProximalOptions step_options(PROXPROP_STEP_PARAMETERS, Coupling coupling) {
  ProximalOptions options;
  options.tau_theta = tau_theta;
  options.solver = make_solver(solver, solver_arguments, coupling);
  options.scaling = make_scaling(scaling);
  if (route) {
    options.route = make_route(*route);
  }
  options.memory_limit = memory_limit;
  if (process_group) {
    options.communicator = communicator_of(std::string(*process_group));
  }
  check(options);
  return options;
}

StepArguments kept(PROXPROP_STEP_PARAMETERS) {
  return {
      tau_theta,
      std::string(solver),
      solver_arguments.vec(),
      std::string(scaling),
      route ? std::optional<std::string>(*route) : std::nullopt,
      memory_limit,
      process_group ? std::optional<std::string>(*process_group) : std::nullopt};
}

}  // namespace proxprop::torch_library
