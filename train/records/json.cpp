#include "train/records/json.h"

#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <limits>

namespace proxprop::train {

std::string json_text(const Json& value, bool indented) {
  return value.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

std::string json_text_for_html(const Json& value) {
  // ensure_ascii: U+2028 and U+2029 leave as \u escapes. Outside strings JSON has none of the three characters.
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<': escaped += "\\u003c"; break;
      case '>': escaped += "\\u003e"; break;
      case '&': escaped += "\\u0026"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

Json parse_json(std::string_view text, const std::string& origin) {
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded())
    throw RecordReadError(origin + " is not valid JSON");
  return value;
}

int64_t integer_from_json(const Json& value, const std::string& key) {
  const bool too_large =
      value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()};
  if (!value.is_number_integer() || too_large)
    throw RecordReadError(key + " must be an integer");
  return value.get<int64_t>();
}

}  // namespace proxprop::train
