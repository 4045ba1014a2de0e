#pragma once

#include "train/config.h"

#include <optional>
#include <string>
#include <string_view>

namespace proxprop::app {

/// "backprop", "exact", "cg", "cg10", "released-cg3", "lab": a method and, for cgN, its number of iterations.
struct MethodLabel {
  std::string name;  ///< MethodConfig::name
  std::optional<int64_t> cg_iterations = {};
};

/// Unset when the text names no method.
std::optional<MethodLabel> parse_method_label(std::string_view text);

/// "exact", "cg3", "lab-z-implicit-rho-0.5" (the rules and penalties that Algorithm 2 does not have): the short name of
/// a run.
std::string method_label(const train::MethodConfig& method);

}  // namespace proxprop::app
