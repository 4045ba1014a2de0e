#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace proxprop::train {

/// Keeps the order in which keys were written, so that records read as they were meant.
using Json = nlohmann::ordered_json;

/// Text of a JSON value: one line, or indented by two blanks. Numbers round-trip exactly, NaN and infinity become null,
/// bytes that are not UTF-8 become U+FFFD.
std::string json_text(const Json& value, bool indented = false);

/// The text as it may stand inside an HTML `<script>` element: '<', '>', '&' and the line separators are escaped, so
/// that no string in it can end the element or begin another.
std::string json_text_for_html(const Json& value);

/// Parses; `origin` names the file in the RecordError that a syntax error gives.
Json parse_json(std::string_view text, const std::string& origin);

/// The number where it is an integer that fits; nlohmann::json alone would cut 1.5 to 1, wrap 2^63, and leave 1e300
/// undefined. Throws RecordReadError that begins with `key`.
int64_t integer_from_json(const Json& value, const std::string& key);

}  // namespace proxprop::train
