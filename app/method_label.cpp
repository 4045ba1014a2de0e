#include "app/method_label.h"

#include <charconv>

namespace proxprop::app {

std::optional<MethodLabel> parse_method_label(std::string_view text) {
  if (text == "backprop" || text == "exact" || text == "cg")
    return MethodLabel{std::string(text)};
  if (!text.starts_with("cg"))
    return std::nullopt;
  const std::string_view digits = text.substr(2);
  int64_t iterations = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), iterations);
  if (error != std::errc{} || end != digits.data() + digits.size() || iterations < 1)
    return std::nullopt;
  return MethodLabel{"cg", iterations};
}

std::string method_label(const train::MethodConfig& method) {
  return method.name == "cg" ? "cg" + std::to_string(method.cg_iterations) : method.name;
}

}  // namespace proxprop::app
