#include "app/method_label.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <vector>

namespace proxprop::app {
namespace {

/// "0.5_1"
std::string numbers_text(const std::vector<double>& values) {
  std::ostringstream text;
  for (std::size_t i = 0; i < values.size(); ++i)
    text << (i > 0 ? "_" : "") << values[i];
  return text.str();
}

}  // namespace

std::optional<MethodLabel> parse_method_label(std::string_view text) {
  constexpr std::array names = {"backprop",       "exact", "amortized", "running_gram", "foof",
                                "released-exact", "lab",   "isaac",     "kfac",         "locoprop_s",
                                "hessian_free",   "sfo",   "mac",       "admm"};
  if (std::find(names.begin(), names.end(), text) != names.end())
    return MethodLabel{std::string(text)};
  const std::string_view name = text.substr(0, text.find_last_not_of("0123456789") + 1);
  if (name != "cg" && name != "released-cg")
    return std::nullopt;
  if (name == text)
    return MethodLabel{std::string(name)};
  const std::string_view digits = text.substr(name.size());
  int64_t iterations = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), iterations);
  if (error != std::errc{} || end != digits.data() + digits.size() || iterations < 1)
    return std::nullopt;
  return MethodLabel{std::string(name), iterations};
}

std::string method_label(const train::MethodConfig& method) {
  const auto with_iterations = [&](const std::string& name) {
    return name == "cg" || name == "released-cg" ? name + std::to_string(method.cg_iterations) : name;
  };
  if (method.name != "lab")
    return with_iterations(method.name);
  const train::MethodConfig algorithm_2;
  std::string label = method.name;
  const auto add = [&](const char* block, const std::string& rule, const std::string& usual) {
    if (rule != usual)
      label.append("-").append(block).append("-").append(with_iterations(rule));
  };
  add("z", method.step_z, algorithm_2.step_z);
  add("a", method.step_a, algorithm_2.step_a);
  add("last", method.step_last, algorithm_2.step_last);
  add("theta", method.step_theta, algorithm_2.step_theta);
  add("rho", numbers_text(method.penalty_rho), numbers_text(algorithm_2.penalty_rho));
  add("gamma", numbers_text(method.penalty_gamma), numbers_text(algorithm_2.penalty_gamma));
  return label;
}

}  // namespace proxprop::app
