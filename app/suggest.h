#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::app {

/// Number of insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate nearest to `word`, or an empty string when none is near. '-' and '_' and upper and lower case count as
/// the same.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// " (did you mean --epochs?)" for the nearest candidate, else an empty string; to be appended to a message.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// "a, b, c".
std::string join(const std::vector<std::string>& words);

}  // namespace proxprop::app
