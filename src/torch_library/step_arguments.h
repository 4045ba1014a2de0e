#pragma once

#include <proxprop/prox/options.h>

#include <c10/util/ArrayRef.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::torch_library {

/// The options of a proximal step as an operator's arguments: schema text, parameters of the C++ function, their
/// types alone, and their values handed on.
#define PROXPROP_STEP_SCHEMA                                                                                  \
  "float tau_theta, str solver, float[] solver_arguments, str scaling, str? route=None, int memory_limit=0, " \
  "str? process_group=None"
#define PROXPROP_STEP_PARAMETERS                                                                               \
  double tau_theta, std::string_view solver, c10::ArrayRef<double> solver_arguments, std::string_view scaling, \
      std::optional<std::string_view> route, int64_t memory_limit, std::optional<std::string_view> process_group
#define PROXPROP_STEP_TYPES                                                                                    \
  double, std::string_view, c10::ArrayRef<double>, std::string_view, std::optional<std::string_view>, int64_t, \
      std::optional<std::string_view>
#define PROXPROP_STEP_VALUES tau_theta, solver, solver_arguments, scaling, route, memory_limit, process_group

/// `solver` names a kind, `solver_arguments` are its numbers in this order; NaN stands for "unset":
///
///     "exact"         -
///     "cg"            iterations, tolerance, coupling (0 per output, 1 joint, NaN the layer kind's default)
///     "amortized"     tolerance, update_every, max_iterations
///     "running_gram"  decay, update_every, average_steps
///     "gradient"      -
///
/// `scaling` is "sum" or "mean", `route` "sample_gram", "feature_gram" or "matrix_free". A CG coupling that is unset
/// becomes `coupling`. `process_group` is the name under which c10d knows the ranks that step together. Throws
/// c10::Error for unknown names, a wrong number of arguments and invalid values.
ProximalOptions step_options(PROXPROP_STEP_PARAMETERS, Coupling coupling);

/// The same arguments, kept until backward.
struct StepArguments {
  double tau_theta;
  std::string solver;
  std::vector<double> solver_arguments;
  std::string scaling;
  std::optional<std::string> route;
  int64_t memory_limit;
  std::optional<std::string> process_group;
};

StepArguments kept(PROXPROP_STEP_PARAMETERS);

}  // namespace proxprop::torch_library
