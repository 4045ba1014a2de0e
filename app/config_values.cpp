// Values of configuration keys: from text, checked, into a Config, and back. Declared in config_keys.h.

#include "app/config_keys.h"
#include "app/method_label.h"
#include "app/suggest.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace proxprop::app {
namespace {

using train::Config;

std::string number_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end);
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

[[noreturn]] void not_a(const char* expected, std::string_view text) {
  throw BadValue(std::string("must be ") + expected + ", not '" + std::string(text) + "'");
}

template <class Number>
Number parse_number(std::string_view text, const char* expected) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    throw BadValue("is out of range: '" + std::string(text) + "'");
  if (error != std::errc{} || end != text.data() + text.size())
    not_a(expected, text);
  return value;
}

void parse(std::string_view text, std::string& value) {
  value = text;
}
void parse(std::string_view text, int64_t& value) {
  value = parse_number<int64_t>(text, "an integer");
}
void parse(std::string_view text, uint64_t& value) {
  value = parse_number<uint64_t>(text, "a non-negative integer");
}
void parse(std::string_view text, double& value) {
  value = parse_number<double>(text, "a number");
}

void parse(std::string_view text, bool& value) {
  const bool yes = text == "true" || text == "1" || text == "on" || text == "yes";
  const bool no = text == "false" || text == "0" || text == "off" || text == "no";
  if (!yes && !no)
    not_a("true or false", text);
  value = yes;
}

template <class T>
void parse(std::string_view text, std::vector<T>& values) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = trimmed(text.substr(1, text.size() - 2));
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view element = trimmed(text.substr(0, comma));
    const bool quoted = element.size() >= 2 && element.front() == '"' && element.back() == '"';
    if (quoted)
      element = element.substr(1, element.size() - 2);
    parse(element, values.emplace_back());
    text = comma < text.size() ? trimmed(text.substr(comma + 1)) : std::string_view();
  }
}

void check_bounds(const Bounds& bounds, double value) {
  const bool low_ok = bounds.low_excluded ? value > bounds.low : value >= bounds.low;
  const bool high_ok = bounds.high_excluded ? value < bounds.high : value <= bounds.high;
  if (std::isfinite(value) && low_ok && high_ok)
    return;
  std::string rule;
  if (std::isfinite(bounds.low))
    rule.append(bounds.low_excluded ? "above " : "at least ").append(number_text(bounds.low));
  if (std::isfinite(bounds.high)) {
    rule.append(rule.empty() ? "" : " and ").append(bounds.high_excluded ? "below " : "at most ");
    rule.append(number_text(bounds.high));
  }
  if (rule.empty())
    rule = "finite";
  throw BadValue("must be " + rule + ", not " + number_text(value));
}

void check_string(const Key& key, const std::string& value) {
  if (key.choices.empty() || std::find(key.choices.begin(), key.choices.end(), value) != key.choices.end())
    return;
  const bool names_solver = key.path() == "method.name" || key.path() == "method.step_theta";
  if (const auto label = parse_method_label(value); names_solver && label && label->cg_iterations)
    return;  // cgN
  throw BadValue("must be one of " + join(key.choices) + ", not '" + value + "'" + did_you_mean(value, key.choices));
}

std::string text_of(const std::string& value) {
  return value;
}
std::string text_of(int64_t value) {
  return std::to_string(value);
}
std::string text_of(uint64_t value) {
  return std::to_string(value);
}
std::string text_of(double value) {
  return number_text(value);
}
std::string text_of(bool value) {
  return value ? "true" : "false";
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string result;
  for (const T& value : values)
    result.append(result.empty() ? "" : ",").append(text_of(value));
  return result;
}

}  // namespace

Value value_from_text(const Key& key, std::string_view text) {
  Value value = std::visit(
      [&](auto member) {
        std::remove_cvref_t<decltype(member(std::declval<Config&>()))> result{};
        parse(trimmed(text), result);
        return Value(std::move(result));
      },
      key.member);
  check_value(key, value);
  return value;
}

void check_value(const Key& key, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    check_string(key, *text);
  if (const auto* integer = std::get_if<int64_t>(&value))
    check_bounds(key.bounds, static_cast<double>(*integer));
  // TOML and most readers of JSON know no larger integers, and a run must be described by its own files.
  if (const auto* integer = std::get_if<uint64_t>(&value); integer && *integer > uint64_t{INT64_MAX})
    throw BadValue("must be at most " + std::to_string(INT64_MAX) + ", not " + std::to_string(*integer));
  if (const auto* number = std::get_if<double>(&value))
    check_bounds(key.bounds, *number);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    for (const int64_t element : *list)
      check_bounds(key.bounds, static_cast<double>(element));
  }
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    for (const double element : *list)
      check_bounds(key.bounds, element);
  }
}

void assign(const Key& key, Config& config, const Value& value) {
  std::visit(
      [&](auto member) { member(config) = std::get<std::remove_cvref_t<decltype(member(config))>>(value); },
      key.member);
}

std::string value_text(const Key& key, const Config& config) {
  // The members are reached through a mutable Config; a copy is cheap beside what is done with the text.
  Config copy = config;
  return std::visit([&](auto member) { return text_of(member(copy)); }, key.member);
}

}  // namespace proxprop::app
