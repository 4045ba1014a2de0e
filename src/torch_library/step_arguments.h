#pragma once

#include <proxprop/prox/options.h>

#include <c10/util/ArrayRef.h>

#include <string_view>

namespace proxprop::torch_library {

/// The options of a proximal step as an operator's arguments: schema text, and the values in the same order.
#define PROXPROP_STEP_SCHEMA "float tau_theta, str solver, float[] solver_arguments, str scaling"

/// `solver` names a kind, `solver_arguments` are its numbers in this order; NaN stands for "unset":
///
///     "exact"     -
///     "cg"        iterations, tolerance, coupling (0 per output, 1 joint, NaN the layer kind's default)
///     "gradient"  -
///
/// `scaling` is "sum" or "mean". A CG coupling that is unset becomes `coupling`. Throws c10::Error for unknown names,
/// a wrong number of arguments and invalid values.
ProximalOptions step_options(
    double tau_theta,
    std::string_view solver,
    c10::ArrayRef<double> solver_arguments,
    std::string_view scaling,
    Coupling coupling);

}  // namespace proxprop::torch_library
